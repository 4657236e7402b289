"""The bootstrap: metrics of questions that are resampled with replacement, many draws at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import (
    FloatArray,
    IntArray,
    Q,
    places_by_source,
)
from provence_plugins.evaluation.metrics.statistics import Statistic

ROUNDS = 2000
"""Draws of a published interval or test."""

# Draws that are evaluated together: an array of draws by sentences has to fit into memory.
_TOGETHER = 50

# Counts of questions in all draws of a source that are remembered, at one or two bytes each.
_MAX_REMEMBERED = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """The range that holds 95 % of the bootstrap's values of a metric."""

    low: float
    high: float


def resample(
    examples: Sequence[Q],
    statistic: Statistic[Q],
    *,
    rounds: int = 500,
    seed: int = 0,
) -> FloatArray:
    """Return a metric for each draw of the bootstrap, of shape (rounds,).

    The bootstrap is stratified: a draw has as many questions of each source as there are. The draws
    depend only on the seed and on the number of questions of each source, so that two methods see
    the same ones.

    Raises:
        InvalidInputError: There are no examples.
    """
    groups = places_by_source(examples)
    drawn = [_draw(seed, number, len(places), rounds) for number, places in enumerate(groups)]
    evaluate = statistic(examples)
    values = np.zeros(rounds)
    for first in range(0, rounds, _TOGETHER):
        part = slice(first, first + _TOGETHER)
        counts = np.zeros((len(values[part]), len(examples)), dtype=np.int64)
        for counts_of_source, places in zip(drawn, groups, strict=True):
            counts[:, places] = counts_of_source[part]
        values[part] = evaluate(counts)
    return values


def middle(values: FloatArray) -> Interval:
    """Return the range that holds the middle 95 % of some values."""
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))


def _draw(seed: int, source: int, questions: int, rounds: int) -> IntArray:
    """Return how often each question of a source is drawn, of shape (rounds, questions)."""
    draw = _draw_once if questions * rounds <= _MAX_REMEMBERED else _draw_counts
    return draw(seed, source, questions, rounds)


def _draw_counts(seed: int, source: int, questions: int, rounds: int) -> IntArray:
    random = np.random.default_rng((seed, source))
    counts = random.multinomial(questions, np.full(questions, 1.0 / questions), size=rounds)
    # Remembered in the smallest type, as no question is drawn more often than there are questions.
    smallest = counts.astype(np.min_scalar_type(questions))
    smallest.flags.writeable = False
    return smallest


# Every metric of every method sees the same draws, and drawing took half of the time.
_draw_once = lru_cache(maxsize=100)(_draw_counts)
