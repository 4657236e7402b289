"""From the scores of one method on labelled examples to the figures that are published."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from provence_plugins.engine.planning import Planner
from provence_plugins.engine.scoring import DirectScorer, PassageScores, Runtime, combine
from provence_plugins.evaluation.examples import Example, label_sentences
from provence_plugins.evaluation.metrics import (
    Interval,
    ScoredExample,
    average_precision,
    bootstrap_interval,
    calibration_error,
    kept_at_removal,
    mean_ndcg,
    mean_over_sources,
    mean_reciprocal_rank,
)
from provence_plugins.model.backend import Backend
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import Passage, Sentence, Span

REMOVED_SHARES = (0.6, 0.7, 0.8)

Method = Callable[[Example, Sequence[Sentence]], PassageScores]
"""Scores the given sentences of an example's passage, and the passage as a whole."""


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
    ranked: list[tuple[str, float, list[float]]]

    def report(self) -> QualityReport:
        """The figures."""
        by_source: dict[str, list[tuple[float, list[float]]]] = defaultdict(list)
        for source, positive, negatives in self.ranked:
            by_source[source].append((positive, negatives))
        groups = list(by_source.values())
        return QualityReport(
            questions=len(self.scored),
            kept=_kept(self.scored),
            kept_within=_kept([example.alone for example in self.scored]),
            average_precision=mean_over_sources(self.scored, average_precision),
            calibration_error=calibration_error(self.scored),
            reciprocal_rank=_mean(mean_reciprocal_rank(group) for group in groups),
            ndcg=_mean(mean_ndcg(group) for group in groups),
        )

    def intervals(self) -> tuple[Interval, ...]:
        """In which range each of `QualityReport.kept` lies, drawing the questions anew; takes some seconds."""
        return tuple(
            bootstrap_interval(self.scored, partial(kept_at_removal, removed=share)) for share in REMOVED_SHARES
        )


def model_method(planner: Planner, backend: Backend) -> Method:
    """The method that a model is: planned and scored as the engine does it."""
    batch_tokens = max(backend.max_batch_tokens, planner.max_tokens)
    scorer = DirectScorer(Runtime(backend, planner.encoder.template.pad_id, batch_tokens))

    def score(example: Example, sentences: Sequence[Sentence]) -> PassageScores:
        spans = tuple(Span(sentence.start, sentence.end) for sentence in sentences)
        [plan] = planner.plan(example.question, [Passage(example.passage.text, example.passage.title, spans)])
        return combine(plan, scorer.score(plan.windows))

    return score


def judge(examples: Iterable[Example], method: Method, *, splitter: SplitterName = "sentencex") -> Judged:
    """Run a method over labelled examples.

    A positive of one sentence, or with nothing marked, says nothing about pruning and counts for ranking only. A
    negative counts for the positive whose id it has.
    """
    judged: list[tuple[Example, Sequence[Sentence], PassageScores]] = []
    # Two sources may number their questions alike.
    negatives: dict[tuple[str, str], list[tuple[Sequence[Sentence], PassageScores]]] = defaultdict(list)
    for example in examples:
        sentences = split_sentences(example.passage.text, splitter)
        scores = method(example, sentences)
        if example.positive:
            judged.append((example, sentences, scores))
        else:
            negatives[example.source, example.question_id].append((sentences, scores))
    scored = [
        _scored(example, [(sentences, scores), *negatives[example.source, example.id]])
        for example, sentences, scores in judged
        if len(sentences) > 1 and any(label_sentences(example, sentences))
    ]
    ranked = [
        (example.source, scores.relevance, [rival.relevance for _, rival in negatives[example.source, example.id]])
        for example, _, scores in judged
        if negatives[example.source, example.id]
    ]
    return Judged(scored, ranked)


def _mean(values: Iterable[float]) -> float:
    """Their mean; 0 when no question has negatives."""
    found = list(values)
    return float(np.mean(found)) if found else 0.0


def _scored(example: Example, passages: Sequence[tuple[Sequence[Sentence], PassageScores]]) -> ScoredExample:
    own, _ = passages[0]
    labels = label_sentences(example, own)
    lengths = [sentence.end - sentence.start for sentences, _ in passages for sentence in sentences]
    return ScoredExample(
        source=example.source,
        question=example.question,
        scores=np.concatenate([scores.probabilities for _, scores in passages]).astype(np.float64),
        lengths=np.array(lengths, dtype=np.float64),
        relevant=np.array([*labels, *[False] * (len(lengths) - len(labels))]),
        own=len(own),
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


def share_removed(
    examples: Iterable[Example], method: Method, threshold: float, *, splitter: SplitterName = "sentencex"
) -> float:
    """Share of the characters of all passages whose sentences do not reach a threshold."""
    removed = total = 0
    for example in examples:
        sentences = split_sentences(example.passage.text, splitter)
        for sentence, probability in zip(sentences, method(example, sentences).probabilities, strict=True):
            total += sentence.end - sentence.start
            removed += (sentence.end - sentence.start) * (probability < threshold)
    return removed / total
