"""Metrics of sentences: how well scores separate the relevant ones, and their calibration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray, ScoredExample
from provence_plugins.evaluation.metrics.statistics import Evaluator, mean_of

_CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class SentenceQuality:
    """How well a threshold finds the relevant sentences.

    Attributes:
        precision: Share of the kept sentences that are relevant; 0 when none is kept.
        recall: Share of the relevant sentences that are kept.
        f2: Their harmonic mean with recall weighing four times as much, since a lost answer costs
            more than a sentence too many.
    """

    precision: float
    recall: float
    f2: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The sentences whose probability is in one range.

    Attributes:
        low: Where the range begins.
        high: Where it ends.
        sentences: How many there are.
        probability: Their mean probability.
        relevant: Share of them that is relevant; a calibrated method has the same number twice.
    """

    low: float
    high: float
    sentences: int
    probability: float
    relevant: float


def sentence_quality(examples: Sequence[ScoredExample], threshold: float) -> SentenceQuality:
    """Return precision, recall and F2 of sentences at a threshold, negatives included."""
    kept = np.concatenate([example.scores >= threshold for example in examples])
    relevant = np.concatenate([example.relevant for example in examples])
    hits = int(np.count_nonzero(kept & relevant))
    if not hits:
        return SentenceQuality(0.0, 0.0, 0.0)
    precision, recall = hits / int(kept.sum()), hits / int(relevant.sum())
    return SentenceQuality(precision, recall, 5 * precision * recall / (4 * precision + recall))


def average_precision(examples: Sequence[ScoredExample]) -> Evaluator:
    """Return the mean average precision of ranking the sentences of positive passages."""
    return mean_of(_average_precision)(examples)


def calibration_error(examples: Sequence[ScoredExample]) -> Evaluator:
    """Return the expected calibration error (arXiv 1706.04599) over 15 equally wide bins.

    That is the mean distance, over sentences, between the mean probability of a sentence's bin and
    the share of relevant sentences in it.
    """
    gaps = np.zeros((len(examples), _CALIBRATION_BINS))
    sizes = np.array([len(example.scores) for example in examples])
    for row, example in zip(gaps, examples, strict=True):
        excess = example.scores - example.relevant
        row += np.bincount(_bins_of(example.scores, _CALIBRATION_BINS), excess, _CALIBRATION_BINS)

    def evaluate(counts: IntArray) -> FloatArray:
        return np.asarray(np.abs(counts @ gaps).sum(axis=1) / (counts @ sizes), dtype=np.float64)

    return evaluate


def are_probabilities(examples: Iterable[ScoredExample]) -> bool:
    """Return whether all scores lie between 0 and 1."""
    return all(example.scores.min() >= 0.0 and example.scores.max() <= 1.0 for example in examples)


def reliability(examples: Sequence[ScoredExample], *, bins: int = 10) -> list[ReliabilityBin]:
    """Return mean probability and share of relevant sentences in each bin that is not empty.

    Scores outside [0, 1] are not probabilities, and have no bins.
    """
    if not are_probabilities(examples):
        return []
    scores = np.concatenate([example.scores for example in examples])
    relevant = np.concatenate([example.relevant for example in examples])
    places = _bins_of(scores, bins)
    rows: list[ReliabilityBin] = []
    for place in np.unique(places).tolist():
        inside = places == place
        rows.append(
            ReliabilityBin(
                low=place / bins,
                high=(place + 1) / bins,
                sentences=int(np.count_nonzero(inside)),
                probability=float(scores[inside].mean()),
                relevant=float(relevant[inside].mean()),
            )
        )
    return rows


def count_map(pairs: Iterable[tuple[int, int]], *, highest: int) -> IntArray:
    """Count the passages by their relevant and kept sentences.

    Args:
        pairs: For each passage its relevant sentences and those that are kept.
        highest: Higher numbers of sentences are counted with this one.

    Returns:
        Passages, of shape (relevant, kept), each from 0 to `highest`.
    """
    counts = np.zeros((highest + 1, highest + 1), dtype=np.int64)
    for relevant, kept in pairs:
        counts[min(relevant, highest), min(kept, highest)] += 1
    return counts


def sentence_counts(examples: Iterable[ScoredExample], threshold: float) -> list[tuple[int, int]]:
    """Return the relevant and the kept sentences of each passage that holds an answer."""
    counts: list[tuple[int, int]] = []
    for example in examples:
        passage = example.without_negatives
        kept = np.count_nonzero(passage.scores >= threshold)
        counts.append((int(passage.relevant.sum()), int(kept)))
    return counts


def _average_precision(example: ScoredExample) -> float:
    passage = example.without_negatives
    hits = passage.relevant[np.argsort(-passage.scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def _bins_of(scores: FloatArray, bins: int) -> IntArray:
    return np.asarray(np.minimum((scores * bins).astype(np.int64), bins - 1), dtype=np.int64)
