"""The bootstrap: metrics of questions that are resampled with replacement, many draws at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray, Q, places_by_source
from provence_plugins.evaluation.metrics.statistics import Statistic

ROUNDS = 2000
"""Draws of a published interval or test."""

# Draws that are evaluated together: an array of draws by sentences has to fit into memory.
_TOGETHER = 50


@dataclass(frozen=True, slots=True)
class Interval:
    """The range that holds 95 % of the bootstrap's values of a metric."""

    low: float
    high: float


def resample(examples: Sequence[Q], statistic: Statistic[Q], *, rounds: int = 500, seed: int = 0) -> FloatArray:
    """Return a metric for each draw of the bootstrap, of shape (rounds,).

    The bootstrap is stratified: a draw has as many questions of each source as there are. The draws
    depend only on the seed and on the number of questions of each source, so that two methods see
    the same ones.

    Raises:
        InvalidInputError: There are no examples.
    """
    groups = places_by_source(examples)
    randoms = [np.random.default_rng((seed, number)) for number in range(len(groups))]
    evaluate = statistic(examples)
    values = np.zeros(rounds)
    for first in range(0, rounds, _TOGETHER):
        draws = min(_TOGETHER, rounds - first)
        counts = np.zeros((draws, len(examples)), dtype=np.int64)
        for random, places in zip(randoms, groups, strict=True):
            counts[:, places] = _draw(random, len(places), draws)
        values[first : first + draws] = evaluate(counts)
    return values


def middle(values: FloatArray) -> Interval:
    """Return the range that holds the middle 95 % of some values."""
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))


def _draw(random: np.random.Generator, questions: int, draws: int) -> IntArray:
    """Return how often each question is drawn, of shape (draws, questions)."""
    return random.multinomial(questions, np.full(questions, 1.0 / questions), size=draws)
