"""Run a call from text to text: plan its passages, score their windows, and decide what is kept."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, Unpack

from provence_plugins.data.examples import Example
from provence_plugins.deprecation import warn_renamed
from provence_plugins.engine.background import Background
from provence_plugins.engine.caching_scorer import CacheStats, CachingScorer
from provence_plugins.engine.calibration import Calibration, calibrate
from provence_plugins.engine.handles import Handle
from provence_plugins.engine.lookahead import prune_ahead
from provence_plugins.engine.options import (
    PrunerOptions,
    check_types,
    choose_batch_tokens,
    choose_policy,
    make_scorer,
    open_backend,
    open_model,
)
from provence_plugins.engine.passages import RankedPassage
from provence_plugins.engine.planned_calls import CallPlanner, PlannedCall
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.policy import PruningPolicy, check_top_n, takes_policy
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.engine.published_calls import PublishedRequest, PublishedScoring, score_as_published
from provence_plugins.engine.requests import (
    PruneRequest,
    check_passages,
    check_texts,
    estimate_size,
    list_passages,
)
from provence_plugins.engine.results import PruneResult, Ranking
from provence_plugins.engine.scoring import BatchedModel, Scorer, ScorerFactory
from provence_plugins.errors import ClosedError, InvalidInputError
from provence_plugins.keywords import check_keywords, takes_keywords_of
from provence_plugins.model.backend import Backend, BackendOptions
from provence_plugins.model.backends import BACKENDS, BackendName
from provence_plugins.model.families import longest_window
from provence_plugins.text.sentences import SentenceSplitter, SplitterName
from provence_plugins.thresholds import Threshold
from provence_plugins.types import Passage


class Pruner(Handle):
    """Keeps the sentences that help to answer a question, and tells how relevant each passage is.

    One pruner serves any number of threads and event loops. It owns threads once it is used from
    asyncio or with a shared scorer: close it, or use it as a context manager.

    Args:
        model: None for the model that ships with the package, a model folder, the name of an
            installed model, or a repo id such as "owner/name".
        options: The keywords, each explained in `PrunerOptions`. None means the default for every
            one.

    Raises:
        CheckpointError: The model cannot be found or used.
        BackendError: The device is not available.
        MissingExtraError: The packages of the backend are not installed.
        InvalidInputError: A keyword is unknown or has an invalid value.
    """

    @check_keywords
    def __init__(
        self,
        model: str | Path | None = None,
        *,
        threshold: Threshold | None = None,
        policy: PruningPolicy | None = None,
        backend: BackendName | Backend | None = None,
        device: str | None = None,
        dtype: str | None = None,
        threads: int | None = None,
        attention: str | None = None,
        compiled: bool | None = False,
        window_tokens: int | None = None,
        comparison: float | None = None,
        revision: str | None = None,
        splitter: SplitterName | SentenceSplitter | None = None,
        language: str | None = "auto",
        scorer: ScorerFactory | None = None,
        max_batch_tokens: int | None = None,
        cache_tokens: int | None = 0,
    ) -> None:
        given = locals()  # the first line, so that these are the arguments and nothing else
        self._arguments = {name: value for name, value in given.items() if name != "self"}
        check_types(self._arguments)
        self.policy = choose_policy(policy, threshold)
        checkpoint = open_model(model, revision, window_tokens, comparison)
        self.thresholds = checkpoint.thresholds
        self.thresholds.resolve(self.policy.threshold)
        self._longest_window = longest_window(checkpoint.backbone_config)
        self._planner = Planner.of(checkpoint, splitter, language)
        self._calls = CallPlanner(self._planner, self.thresholds)
        backend_options = BackendOptions(
            device=device, dtype=dtype, threads=threads, attention=attention, compiled=bool(compiled)
        )
        self._backend = open_backend(checkpoint, backend, backend_options)
        self._max_batch_tokens = choose_batch_tokens(max_batch_tokens, checkpoint, self._backend)
        batched = BatchedModel(self._backend, checkpoint.encoder.template.pad_id, self._max_batch_tokens)
        self._scorer: Scorer = make_scorer(scorer, batched)
        if cache_tokens:
            self._scorer = CachingScorer(self._scorer, cache_tokens)
        self._background = Background()
        self._closed = False

    @classmethod
    @takes_keywords_of(__init__)
    def from_pretrained(cls, model: str | Path, **options: Unpack[PrunerOptions]) -> Self:
        """Load a model folder or repo id: `Pruner(model, ...)` under the name of Transformers."""
        return cls(model, **options)

    @property
    def format(self) -> str:
        """Name of the checkpoint format: "native", "provence", "xprovence" or "open-provence"."""
        return self._planner.format.name

    @property
    def backend_description(self) -> str:
        """Backend, device and precision in a few words."""
        return self._backend.description

    @property
    def splitter(self) -> SplitterName | SentenceSplitter:
        """The sentence splitter for passages without sentences of their own."""
        return self._planner.splitter

    @property
    def default_threshold(self) -> float:
        """The threshold of policies without one."""
        return self.thresholds.default

    @property
    def window_tokens(self) -> int:
        """The longest window, query and special tokens included."""
        return self._planner.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has for the model, without special tokens.

        Raises:
            InvalidInputError: `texts` is not a list of strings.
        """
        check_texts(texts)
        return [len(ids) for ids in self._planner.encoder.encode(texts)]

    @takes_policy
    def prune(self, query: str, passages: Iterable[str | Passage], policy: PruningPolicy | None = None) -> PruneResult:
        """Prune the passages of one query.

        Args:
            query: The question; claims and key words work too.
            passages: Texts or `Passage`s. An empty or blank one is returned unchanged.
            policy: What to keep; None takes the pruner's own.

        Returns:
            The kept and the dropped passages, with the probability of every sentence.

        Raises:
            InvalidInputError: The query is blank or too long for a window, or an item of `passages`
                is not a text.
            ClosedError: The pruner was closed.
        """
        call = self._plan(query, check_passages(passages), policy)
        return self._calls.decide(call, self._scorer.score(call.windows))

    @takes_policy
    async def aprune(
        self, query: str, passages: Iterable[str | Passage], policy: PruningPolicy | None = None
    ) -> PruneResult:
        """Prune the passages of one query without ever blocking the event loop.

        Splitting, scoring, deciding and putting the kept text together happen in the pruner's
        threads. A cancelled call costs nothing more than the batch that is running. Arguments,
        result and errors are those of `prune`.
        """
        given = list_passages(passages)
        size = estimate_size(query, given)
        call = await self._background.run(size, lambda: self._plan(query, check_passages(given), policy))
        scores = await asyncio.wrap_future(self._scorer.submit(call.windows))
        return await self._background.run(size, lambda: self._calls.decide_with_texts(call, scores))

    @takes_policy
    def prune_many(
        self,
        requests: Iterable[PruneRequest | tuple[str, Sequence[str | Passage]]],
        policy: PruningPolicy | None = None,
    ) -> Iterator[PruneResult]:
        """Prune many requests in order; a batch may hold windows of several requests.

        Requests are read as results are taken: memory does not grow with their number.

        Args:
            requests: Pairs of a query and its passages.
            policy: What to keep; None takes the pruner's own.

        Raises:
            InvalidInputError: As `prune`, when the request's turn comes; earlier results are
                yielded first, and nothing after the invalid request has been read.
        """
        return prune_ahead(
            requests,
            lambda query, passages: self._plan(query, passages, policy),
            self._scorer,
            self._calls.decide,
            batch_tokens=self._max_batch_tokens,
        )

    @takes_policy
    def rerank(self, query: str, passages: Iterable[str | Passage], top_n: int | None = None) -> list[RankedPassage]:
        """Order passages by relevance, the most relevant first; equal ones stay in the order given.

        Args:
            query: The question.
            passages: Texts or `Passage`s.
            top_n: Maximum number of passages to return; None returns all.

        Raises:
            InvalidInputError: As `prune`, or `top_n` is not a positive integer.
        """
        check_top_n(top_n)
        result = self.prune(query, passages, PruningPolicy(threshold=0.0))
        # Of a caller's own sentences a policy may keep none, even at threshold 0.
        rows = result.by_relevance()[:top_n]
        return Ranking(RankedPassage(row.index, row.passage, row.relevance) for row in rows)

    @takes_policy
    def calibrate(self, examples: Iterable[Example], target_recall: float = 0.97) -> Calibration:
        """Choose the threshold that keeps answers with a guaranteed probability, by examples.

        Conformal risk control (arXiv 2208.02814) over the event that no sentence of an answer
        reaches the threshold.

        Args:
            examples: Questions with passages and the ranges that answer them, drawn as later
                questions will be; one passage for each question, or their answers are not
                independent. Passages without an answer help to tell how much is removed.
                `provence_plugins.data.examples.read_examples` reads them from JSON lines.
            target_recall: Minimum probability, above 0 and below 1, that a later question keeps a
                sentence of its answer.

        Raises:
            InvalidInputError: `target_recall` is not between 0 and 1, there are too few examples to
                guarantee it, or an item is not an `Example`.
        """
        return calibrate(self.prune_many, examples, target_recall)

    def score_as_published(
        self, requests: Sequence[PublishedRequest], scoring: PublishedScoring
    ) -> list[list[PassageScores]]:
        """Score texts as the published code reads them; `compat` decides on these scores.

        Returns:
            For each request the scores of its passages.

        Raises:
            ClosedError: The pruner was closed.
        """
        return score_as_published(self._planner, self._scorer, requests, scoring, longest=self._longest_window)

    @property
    def cache_stats(self) -> CacheStats:
        """Hits, misses and size of the cache; all zeros without `cache_tokens`."""
        if isinstance(self._scorer, CachingScorer):
            return self._scorer.stats
        return CacheStats()

    @property
    def cache_statistics(self) -> CacheStats:
        """Deprecated name of `cache_stats`."""
        warn_renamed("Pruner.cache_statistics", "Pruner.cache_stats")
        return self.cache_stats

    def close(self) -> None:
        """End the threads; waiting calls fail with ClosedError. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            self._scorer.close()
            self._background.close()

    # Any: the pickle module's own form, a function and its arguments.
    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the pruner again; unpickling loads the model and shares no threads.

        Raises:
            InvalidInputError: The pruner was given a backend object.
        """
        backend = self._arguments["backend"]
        if backend is not None and not isinstance(backend, str):
            raise InvalidInputError(
                f"A Pruner with a backend object ({type(backend).__name__}) cannot be pickled, "
                f"because the object belongs to this process. Name the backend instead: "
                f"backend={' or '.join(map(repr, BACKENDS))}."
            )
        return partial(type(self), **self._arguments), ()

    def __repr__(self) -> str:
        threshold = self.thresholds.resolve(self.policy.threshold)
        return f"Pruner({self.backend_description}, threshold={threshold:g})"

    def _plan(self, query: str, passages: Sequence[Passage], policy: PruningPolicy | None) -> PlannedCall:
        if self._closed:
            raise ClosedError
        return self._calls.plan(query, passages, self.policy if policy is None else policy)
