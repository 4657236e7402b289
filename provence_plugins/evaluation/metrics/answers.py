"""Measure how many answers are kept while text is removed, and find thresholds for a target."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import (
    FloatArray,
    IntArray,
    ScoredExample,
    group_by_source,
)
from provence_plugins.evaluation.metrics.statistics import (
    Evaluator,
    Statistic,
    compute,
    count_once,
    mean_over_sources,
    weighted_mean,
)

# Sums of fractions may miss a share by a rounding error, and counts of questions are whole numbers.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """The effect of one threshold.

    Attributes:
        threshold: Sentences that score at least this are kept.
        kept: Share of questions for which a relevant sentence is kept.
        removed: Share of characters removed.
    """

    threshold: float
    kept: float
    removed: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Share of answers that are kept when a share of the characters is removed."""

    removed: float
    kept: float


def at_threshold(examples: Sequence[ScoredExample], threshold: float) -> ThresholdRow:
    """Return the shares of answers kept and of characters removed at one threshold."""
    total = sum(float(example.lengths.sum()) for example in examples)
    kept = sum(float(example.lengths[example.scores >= threshold].sum()) for example in examples)
    return ThresholdRow(threshold, _answers_kept(examples, threshold), 1.0 - kept / total)


def mean_at_threshold(examples: Sequence[ScoredExample], threshold: float) -> ThresholdRow:
    """Return the same shares, computed for each source and averaged over sources.

    Raises:
        InvalidInputError: There are no examples.
    """
    rows = [at_threshold(group, threshold) for group in group_by_source(examples)]
    kept = fmean(row.kept for row in rows)
    removed = fmean(row.removed for row in rows)
    return ThresholdRow(threshold, kept, removed)


def answers_kept_by_kind(
    examples: Iterable[ScoredExample], threshold: float, kind: Callable[[ScoredExample], str]
) -> dict[str, tuple[int, float]]:
    """Return the number of questions of each kind, and the share that keeps its answers."""
    groups: dict[str, list[ScoredExample]] = defaultdict(list)
    for example in examples:
        groups[kind(example)].append(example)
    kept: dict[str, tuple[int, float]] = {}
    for name, group in sorted(groups.items()):
        kept[name] = len(group), _answers_kept(group, threshold)
    return kept


def threshold_at_removal(examples: Sequence[ScoredExample], removed: float) -> float:
    """Return the lowest threshold that removes at least this share of all characters."""
    sentences = _sort_sentences(examples)
    bar = float(sentences.bars_at_removal(count_once(examples), removed)[0])
    if bar == -np.inf:
        return float(sentences.scores[-1])
    # Just above the best sentence that is removed, and so above all that tie with it.
    return float(np.nextafter(bar, np.inf))


def threshold_at_recall(examples: Sequence[ScoredExample], recall: float) -> float:
    """Return the highest threshold that keeps this share of answers; sources weigh the same.

    Raises:
        InvalidInputError: There are no examples.
    """
    groups = group_by_source(examples)
    best: list[float] = []
    weights: list[float] = []
    for group in groups:
        best += [example.best_relevant for example in group]
        weights += [1.0 / (len(group) * len(groups))] * len(group)
    return float(_bars_at_recall(np.array(best), np.array([weights]), recall)[0])


def kept_at_removal(removed: float) -> Statistic[ScoredExample]:
    """Return the share of answers kept when one threshold removes this share of characters."""

    def prepare(examples: Sequence[ScoredExample]) -> Evaluator:
        sentences = _sort_sentences(examples)

        def evaluate(counts: IntArray) -> FloatArray:
            bars = sentences.bars_at_removal(counts, removed)
            return weighted_mean(counts, sentences.best > bars[:, None])

        return evaluate

    return prepare


def removed_at_recall(recall: float) -> Statistic[ScoredExample]:
    """Return the share of characters removed by the highest threshold that keeps this share."""

    def prepare(examples: Sequence[ScoredExample]) -> Evaluator:
        sentences = _sort_sentences(examples)

        def evaluate(counts: IntArray) -> FloatArray:
            bars = _bars_at_recall(sentences.best, counts, recall)
            kept = sentences.characters_to(counts)
            last = sentences.last_at(bars)
            return np.asarray(1.0 - kept[np.arange(len(counts)), last] / kept[:, -1], dtype=np.float64)

        return evaluate

    return prepare


def pareto_curve(examples: Sequence[ScoredExample], removed: Iterable[float]) -> list[CurvePoint]:
    """Return the answers kept at each share of removed characters, averaged over sources.

    Raises:
        InvalidInputError: There are no examples.
    """
    points: list[CurvePoint] = []
    for share in removed:
        kept = compute(mean_over_sources(kept_at_removal(share)), examples)
        points.append(CurvePoint(share, kept))
    return points


def area_under_curve(examples: Sequence[ScoredExample]) -> Evaluator:
    """Return the area under answers kept against text removed; 1 would be perfect.

    An answer is kept up to the share that is removed at the highest threshold which keeps it, so
    the area is the mean of those shares: nothing is interpolated.
    """
    sentences = _sort_sentences(examples)
    last = sentences.last_at(sentences.best)

    def evaluate(counts: IntArray) -> FloatArray:
        kept = sentences.characters_to(counts)
        return weighted_mean(counts, 1.0 - kept[:, last] / kept[:, -1:])

    return evaluate


@dataclass(frozen=True, slots=True)
class _SortedSentences:
    """The sentences of some questions, those with the best scores first.

    Attributes:
        scores: Their scores.
        lengths: Their characters.
        owners: The number of the question that each belongs to.
        best: For each question, the score of its best relevant sentence.
    """

    scores: FloatArray
    lengths: FloatArray
    owners: IntArray
    best: FloatArray

    def characters_to(self, counts: IntArray) -> FloatArray:
        """Return the characters up to each sentence, of shape (draws, sentences)."""
        return np.asarray(np.cumsum(counts[:, self.owners] * self.lengths, axis=1), dtype=np.float64)

    def last_at(self, bars: FloatArray) -> IntArray:
        """Return the last sentence that reaches each bar, ties included."""
        # The scores fall, so they are searched with their signs turned.
        return np.asarray(np.searchsorted(-self.scores, -bars, side="right") - 1, dtype=np.int64)

    def bars_at_removal(self, counts: IntArray, removed: float) -> FloatArray:
        """Return the best score that each draw must remove; minus infinity for none."""
        kept = self.characters_to(counts)
        too_much = 1.0 - kept / kept[:, -1:] < removed
        return np.where(too_much.any(axis=1), self.scores[too_much.argmax(axis=1)], -np.inf)


def _sort_sentences(examples: Sequence[ScoredExample]) -> _SortedSentences:
    scores = np.concatenate([example.scores for example in examples])
    lengths = np.concatenate([example.lengths for example in examples])
    owners = np.repeat(np.arange(len(examples)), [len(example.scores) for example in examples])
    order = np.argsort(-scores, kind="stable")
    best = np.array([example.best_relevant for example in examples])
    return _SortedSentences(scores[order], lengths[order], owners[order], best)


def _bars_at_recall(best: FloatArray, weights: FloatArray | IntArray, recall: float) -> FloatArray:
    """Return the highest threshold of each draw that keeps this share of all answers."""
    order = np.argsort(-best, kind="stable")
    kept = np.cumsum(weights[:, order], axis=1)
    enough = kept >= recall * kept[:, -1:] - _TOLERANCE
    return np.asarray(best[order][enough.argmax(axis=1)], dtype=np.float64)


def _answers_kept(examples: Sequence[ScoredExample], threshold: float) -> float:
    return fmean(example.best_relevant >= threshold for example in examples)
