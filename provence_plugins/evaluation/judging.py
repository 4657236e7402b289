"""From the scores of one method on labelled examples to the figures that are published."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.pooling import PassageScores, score_plans
from provence_plugins.engine.scoring import BatchedModel
from provence_plugins.evaluation.methods.method import Method, SplitPassage, pruning_request, score_all, split
from provence_plugins.evaluation.metrics.answers import (
    Interval,
    ScoredExample,
    average_precision,
    calibration_error,
    kept_at_removal,
    mean_over_sources,
)
from provence_plugins.evaluation.metrics.bootstrap import kept_share, middle, resample
from provence_plugins.evaluation.metrics.ranking import Ranked, mean_ndcg, mean_reciprocal_rank
from provence_plugins.model.backend import Backend
from provence_plugins.text.sentences import SplitterName

REMOVED_SHARES = (0.6, 0.7, 0.8)

Scored = tuple[SplitPassage, PassageScores]
"""A passage and what a method says of it."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Quality of one method; every figure is worked out for each source and then averaged over sources.

    Attributes:
        questions: Questions with sentence labels that were judged.
        kept: Share of answers that survive when 60, 70 and 80 % of the characters of all passages, a question's
            negatives with them, are removed by one threshold.
        kept_within: The same over the passages with the answers alone, where no easy text is there to remove.
        average_precision: Of ranking the sentences of a passage that holds an answer.
        calibration_error: Of the sentence probabilities, see `metrics.calibration_error`.
        reciprocal_rank: Mean reciprocal rank of a passage among the negatives of its question.
        ndcg: Normalised discounted cumulative gain of the first ten ranks, of the same.
    """

    questions: int
    kept: tuple[float, ...]
    kept_within: tuple[float, ...]
    average_precision: float
    calibration_error: float | None
    reciprocal_rank: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Examples with the scores that one method gave them."""

    scored: list[ScoredExample]
    ranked: list[Ranked]

    def report(self) -> QualityReport:
        """The figures."""
        return QualityReport(
            questions=len(self.scored),
            kept=_kept(self.scored),
            kept_within=_kept([example.alone for example in self.scored]),
            average_precision=mean_over_sources(self.scored, average_precision),
            calibration_error=calibration_error(self.scored),
            # No question of small data may have negatives.
            reciprocal_rank=mean_over_sources(self.ranked, mean_reciprocal_rank) if self.ranked else 0.0,
            ndcg=mean_over_sources(self.ranked, mean_ndcg) if self.ranked else 0.0,
        )

    def intervals(self, *, rounds: int = 500) -> tuple[Interval, ...]:
        """In which range each of `QualityReport.kept` lies, drawing the questions anew."""
        return tuple(middle(resample(self.scored, kept_share(share), rounds=rounds)) for share in REMOVED_SHARES)


def model_method(planner: Planner, backend: Backend) -> Method:
    """The method that a network is, with no model folder around it: planned and scored as the engine does it."""
    batch_tokens = max(backend.max_batch_tokens, planner.max_tokens)
    scorer = DirectScorer(BatchedModel(backend, planner.encoder.template.pad_id, batch_tokens))

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        plans = [plan for passage in passages for plan in planner.plan(*pruning_request(passage))]
        return score_plans(scorer, plans)

    return score


def judge(examples: Iterable[Example], method: Method, *, splitter: SplitterName = "sentencex") -> Judged:
    """Run a method over labelled examples.

    A positive of one sentence, or with nothing marked, says nothing about pruning and counts for ranking only. A
    negative counts for the positive whose id it has.
    """
    judged: list[Scored] = []
    # Two sources may number their questions alike.
    negatives: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    for passage, scores in score_all(method, split(examples, splitter)):
        example = passage.example
        if example.positive:
            judged.append((passage, scores))
        else:
            negatives[example.source, example.question_id].append((passage, scores))
    groups = [[pair, *negatives[pair[0].example.source, pair[0].example.id]] for pair in judged]
    scored = [
        _scored(group)
        for group in groups
        if len(group[0][0].sentences) > 1 and any(label_sentences(group[0][0].example, group[0][0].sentences))
    ]
    ranked = [
        Ranked(passage.example.source, scores.relevance, [rival.relevance for _, rival in rivals])
        for (passage, scores), *rivals in groups
        if rivals
    ]
    return Judged(scored, ranked)


def _scored(passages: Sequence[Scored]) -> ScoredExample:
    own, _ = passages[0]
    labels = label_sentences(own.example, own.sentences)
    lengths = [length for passage, _ in passages for length in passage.lengths]
    return ScoredExample(
        source=own.example.source,
        question=own.example.question,
        scores=np.concatenate([scores.probabilities for _, scores in passages]).astype(np.float64),
        lengths=np.array(lengths, dtype=np.float64),
        relevant=np.array([*labels, *[False] * (len(lengths) - len(labels))]),
        own=len(labels),
    )


def _kept(scored: Sequence[ScoredExample]) -> tuple[float, ...]:
    return tuple(mean_over_sources(scored, partial(kept_at_removal, removed=share)) for share in REMOVED_SHARES)


def unrelated(examples: Sequence[Example]) -> list[Example]:
    """The questions, each with a passage that answers a question of another source."""
    answered = [example for example in examples if example.positive]
    pairs = zip(answered, answered[len(answered) // 2 :] + answered[: len(answered) // 2], strict=True)
    return [
        replace(asked, passage=other.passage, evidence=(), positive=False)
        for asked, other in pairs
        if asked.source != other.source
    ]
