"""What the figures of the evaluation are drawn from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from provence_plugins.evaluation.metrics.answers import (
    ScoredExample,
    kept_at_removal,
    mean_over_sources,
    sorted_by_score,
)

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Share of answers that survive when a share of the characters is removed."""

    removed: float
    kept: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The sentences whose probability lies in one range.

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


def pareto_curve(examples: Sequence[ScoredExample], removed: Iterable[float]) -> list[CurvePoint]:
    """Answers kept at each share of removed characters, as `kept_at_removal`, averaged over sources."""
    return [
        CurvePoint(share, mean_over_sources(examples, partial(kept_at_removal, removed=share))) for share in removed
    ]


def area_under_curve(examples: Sequence[ScoredExample]) -> float:
    """Area under `kept_at_removal` from nothing removed to everything removed; 1 would be perfect.

    An answer survives up to the share that goes at the threshold which just lets it stay, so the area is the mean of
    those shares: nothing is interpolated.
    """
    scores, lengths = sorted_by_score(examples)
    left = np.cumsum(lengths)
    best = np.array([example.best_relevant for example in examples])
    # The scores fall; with their signs turned, the last sentence that ties with the answer is found from the right.
    last = np.searchsorted(-scores, -best, side="right") - 1
    return float(np.mean(1.0 - left[last] / left[-1]))


def reliability(examples: Iterable[ScoredExample], *, bins: int = 10) -> list[ReliabilityBin]:
    """Mean probability and share of relevant sentences in equally wide bins; empty ones are left out.

    None are found in scores outside [0, 1], which are no probabilities.
    """
    given = list(examples)
    scores = np.concatenate([example.scores for example in given])
    relevant = np.concatenate([example.relevant for example in given])
    if scores.min() < 0.0 or scores.max() > 1.0:
        return []
    places = np.minimum((scores * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            low=place / bins,
            high=(place + 1) / bins,
            sentences=int(np.count_nonzero(places == place)),
            probability=float(scores[places == place].mean()),
            relevant=float(relevant[places == place].mean()),
        )
        for place in np.unique(places).tolist()
    ]


def count_map(pairs: Iterable[tuple[int, int]], *, most: int) -> IntArray:
    """How often a passage with so many relevant sentences keeps so many.

    Args:
        pairs: For each passage its relevant sentences and those it keeps.
        most: Counts above it are put together with it.

    Returns:
        Passages, of shape (relevant, kept), each from 0 to `most`.
    """
    counts = np.zeros((most + 1, most + 1), dtype=np.int64)
    for relevant, kept in pairs:
        counts[min(relevant, most), min(kept, most)] += 1
    return counts


def sentence_counts(examples: Iterable[ScoredExample], threshold: float) -> list[tuple[int, int]]:
    """Relevant and kept sentences of each passage with evidence, its negatives left out."""
    own = [example.alone for example in examples]
    return [(int(example.relevant.sum()), int(np.count_nonzero(example.scores >= threshold))) for example in own]
