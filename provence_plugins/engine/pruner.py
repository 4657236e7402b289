"""The whole road: passages are planned, their windows scored, and the scores decide what stays."""

import asyncio
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, Unpack

from provence_plugins.engine.background import Background
from provence_plugins.engine.caching_scorer import CacheStats, CachingScorer
from provence_plugins.engine.calibration import (
    Calibration,
    LabelledPassage,
    check_examples,
    choose_threshold,
    least_examples,
)
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.options import PruneRequest, PrunerOptions, choose_backend, choose_checkpoint
from provence_plugins.engine.passages import PrunedPassage, RankedPassage, ScoredSentence
from provence_plugins.engine.planning import PassagePlan, Planner, check_passages, check_query
from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.pooling import PassageScores, combine_all, distinct_windows, score_plans
from provence_plugins.engine.results import PruneResult
from provence_plugins.engine.scoring import BatchedModel, Scorer, WindowScores
from provence_plugins.errors import ClosedError, InvalidInputError
from provence_plugins.tokens.batches import regroup
from provence_plugins.tokens.windows import Window
from provence_plugins.types import Passage

# prune_many plans this many batches' worth of windows ahead: enough to sort them by length, and a bound on memory.
_AHEAD_BATCHES = 4


class Pruner:
    """Keeps the sentences that help to answer a question, and says how relevant each passage is.

    One pruner serves any number of threads and event loops. It owns threads once it is used from asyncio or with a
    shared scorer: close it, or use it as a context manager.

    Args:
        model: None for the model that ships with the package, a model folder, or a hub id such as "owner/name".
        options: See `PrunerOptions`.

    Raises:
        CheckpointError: The model cannot be found, or not be used.
        BackendError: The backend or its device is not there.
        MissingExtraError: The backend's packages are not installed.
        InvalidInputError: An option has a value that cannot be.
    """

    def __init__(self, model: str | Path | None = None, **options: Unpack[PrunerOptions]) -> None:
        checkpoint = choose_checkpoint(model, options)
        self._backend = choose_backend(checkpoint, options)
        self.policy = check_policy(options.get("policy") or PruningPolicy())
        self.default_threshold = checkpoint.default_threshold
        self.planner = Planner.of(checkpoint, options.get("splitter"))
        batch_tokens = options.get("max_batch_tokens") or max(self._backend.max_batch_tokens, checkpoint.max_tokens)
        if batch_tokens < checkpoint.max_tokens:
            raise InvalidInputError(
                f"max_batch_tokens={batch_tokens} cannot hold one window of this model, which has up to "
                f"{checkpoint.max_tokens} tokens. Give at least that."
            )
        self._max_batch_tokens = batch_tokens
        batched = BatchedModel(self._backend, checkpoint.encoder.template.pad_id, batch_tokens)
        self._scorer: Scorer = options.get("scorer", DirectScorer)(batched)
        if cache_tokens := options.get("cache_tokens", 0):
            self._scorer = CachingScorer(self._scorer, cache_tokens)
        self._background = Background()
        self._closed = False

    @classmethod
    def from_pretrained(cls, model: str | Path, **options: Unpack[PrunerOptions]) -> Self:
        """Load a model folder or hub id; the same as `Pruner(model, ...)`, in the words of Transformers."""
        return cls(model, **options)

    def prune(self, query: str, passages: Iterable[str | Passage], policy: PruningPolicy | None = None) -> PruneResult:
        """Prune the passages of one query.

        Args:
            query: The question; claims and key words work too.
            passages: Texts or `Passage`s. An empty or blank one passes through unchanged.
            policy: What to keep; None takes the pruner's own.

        Returns:
            The passages that remain and those that were dropped, with the probability of every sentence.

        Raises:
            InvalidInputError: The query is blank, something is no text, or the query leaves no room for text.
            ClosedError: The pruner was closed.
        """
        call = self._plan(query, check_passages(passages), policy)
        return self._decide(call, self._scorer.score(call.windows))

    async def aprune(
        self, query: str, passages: Iterable[str | Passage], policy: PruningPolicy | None = None
    ) -> PruneResult:
        """Prune the passages of one query without ever blocking the event loop.

        Splitting, scoring and deciding happen in the pruner's threads. A cancelled call costs nothing more than the
        batch that is running. Arguments, result and errors are those of `prune`.
        """
        given = check_passages(passages)
        characters = sum(len(passage.text) for passage in given)
        call = await self._background.run(characters, lambda: self._plan(query, given, policy))
        scores = await asyncio.wrap_future(self._scorer.submit(call.windows))
        return await self._background.run(characters, lambda: self._decide(call, scores))

    def prune_many(
        self,
        requests: Iterable[PruneRequest | tuple[str, Sequence[str | Passage]]],
        policy: PruningPolicy | None = None,
    ) -> Iterator[PruneResult]:
        """Prune request after request, in order, with batches that reach across requests.

        Requests are read as results are taken: memory does not grow with their number.

        Args:
            requests: Pairs of a query and its passages.
            policy: What to keep; None takes the pruner's own.

        Raises:
            InvalidInputError: As `prune`, when the request's turn comes; earlier results come out first, and nothing
                behind the bad request has been read.
        """
        ahead: list[_Call] = []
        tokens = 0
        requests = iter(requests)
        while True:
            try:
                query, passages = next(requests)
                call = self._plan(query, check_passages(passages), policy)
            except StopIteration:
                break
            except Exception:
                yield from self._finish(ahead)
                raise
            ahead.append(call)
            # A request without text counts too, or any number of them would pile up.
            tokens += max(1, sum(len(window.ids) for window in call.windows))
            if tokens >= self._max_batch_tokens * _AHEAD_BATCHES:
                yield from self._finish(ahead)
                ahead, tokens = [], 0
        yield from self._finish(ahead)

    def rerank(self, query: str, passages: Iterable[str | Passage], top_n: int | None = None) -> list[RankedPassage]:
        """Order passages by relevance, the most relevant first; equals stay in the order given.

        Args:
            query: The question.
            passages: Texts or `Passage`s.
            top_n: How many to return; None returns all.

        Raises:
            InvalidInputError: As `prune`, or `top_n` is not a positive whole number.
        """
        PruningPolicy(top_n=top_n)  # the same rule, the same words
        result = self.prune(query, passages, PruningPolicy(threshold=0.0, order="relevance"))
        return [RankedPassage(row.index, row.passage, row.relevance) for row in result.passages[:top_n]]

    def calibrate(self, examples: Iterable[LabelledPassage], target_recall: float = 0.97) -> Calibration:
        """Choose a threshold on examples of one's own so that answers survive with a guaranteed probability.

        Conformal risk control (arXiv 2208.02814) over the event that no sentence of an answer reaches the threshold.

        Args:
            examples: Questions with passages and the ranges that answer them, drawn as later questions will be; one
                passage for each question, or their answers are not independent. Passages without an answer help to
                say how much is removed. `evaluation.examples.read_examples` reads them from JSON lines.
            target_recall: Least probability, above 0 and below 1, that a later question keeps a sentence of its
                answer.

        Raises:
            InvalidInputError: The target cannot be, the examples are too few for it, or one is none.
        """
        least_examples(target_recall)
        given = check_examples(examples)
        results = self.prune_many(((example.question, [example.passage]) for example in given), PruningPolicy())
        scored = [
            ([sentence for row in (*result.passages, *result.dropped) for sentence in row.sentences], example.evidence)
            for result, example in zip(results, given, strict=True)
        ]
        return choose_threshold(scored, target_recall)

    def score(self, plans: Sequence[PassagePlan]) -> list[PassageScores]:
        """What the model says of planned passages, for those who decide on their own.

        Args:
            plans: From `planner.plan`, of any number of queries; they are scored in common batches.

        Returns:
            For each passage its relevance and the probabilities of its sentences.

        Raises:
            ClosedError: The pruner was closed.
        """
        return score_plans(self._scorer, plans)

    @property
    def cache_stats(self) -> CacheStats:
        """How often the cache was used, and its size; all zero without `cache_tokens`."""
        return self._scorer.stats if isinstance(self._scorer, CachingScorer) else CacheStats()

    @property
    def cache_statistics(self) -> CacheStats:
        """The former name of `cache_stats`."""
        warnings.warn("cache_statistics is now called cache_stats.", DeprecationWarning, stacklevel=2)
        return self.cache_stats

    def close(self) -> None:
        """End the pruner's threads; calls that wait fail with ClosedError. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            self._scorer.close()
            self._background.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Pruner({self._backend.description}, threshold={self.default_threshold:g})"

    def _plan(self, query: str, passages: Sequence[Passage], policy: PruningPolicy | None) -> "_Call":
        if self._closed:
            raise ClosedError
        chosen = self.policy if policy is None else check_policy(policy)
        check_query(query)
        plans = self.planner.plan(query, passages)
        return _Call(query, plans, distinct_windows(plans), chosen)

    def _decide(self, call: "_Call", scores: Sequence[WindowScores]) -> PruneResult:
        combined = zip(call.plans, combine_all(call.plans, scores), strict=True)
        scored = [_undecided(index, plan, of_passage) for index, (plan, of_passage) in enumerate(combined)]
        passages, dropped = decide(scored, call.policy, self.default_threshold)
        return PruneResult(call.query, passages, dropped, call.policy, self.default_threshold)

    def _finish(self, calls: Sequence["_Call"]) -> Iterator[PruneResult]:
        scores = self._scorer.score([window for call in calls for window in call.windows])
        groups = regroup(scores, [len(call.windows) for call in calls])
        for call, group in zip(calls, groups, strict=True):
            yield self._decide(call, group)


class _Call(NamedTuple):
    """One query whose passages are planned, and the windows that are to be scored for it."""

    query: str
    plans: Sequence[PassagePlan]
    windows: Sequence[Window]
    policy: PruningPolicy


def _undecided(index: int, plan: PassagePlan, scores: PassageScores) -> PrunedPassage:
    sentences = tuple(
        ScoredSentence(s.start, s.end, probability, False, s.kind, tokens, s.heading)
        for s, probability, tokens in zip(plan.sentences, scores.probabilities.tolist(), plan.token_counts, strict=True)
    )
    return PrunedPassage(index, plan.passage, scores.relevance, sentences)
