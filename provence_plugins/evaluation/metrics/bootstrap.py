"""Figures worked out anew on questions that are drawn with replacement, many draws at once."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from provence_plugins.evaluation.metrics.answers import FloatArray, Interval, J, ScoredExample, group_by_source

IntArray = npt.NDArray[np.int64]

Resampled = Callable[[IntArray], FloatArray]
"""From how often each question of a source is drawn, of shape (draws, questions), to the figure of each draw."""

Statistic = Callable[[Sequence[J]], Resampled]
"""Prepares a figure for the questions of one source."""

# Draws that are worked out together: an array of draws by sentences has to fit into memory.
_TOGETHER = 50


def resample(examples: Sequence[J], statistic: Statistic[J], *, rounds: int = 500, seed: int = 0) -> FloatArray:
    """The figure, averaged over sources, in each round, of shape (rounds,).

    A round draws as many questions of each source as it has. What is drawn depends on the seed and on the number of
    questions of each source alone, so that two methods see the same draws.

    Raises:
        InvalidInputError: There are no examples.
    """
    groups = group_by_source(examples)
    total = np.zeros(rounds)
    for number, group in enumerate(groups):
        random, figure = np.random.default_rng((seed, number)), statistic(group)
        for first in range(0, rounds, _TOGETHER):
            draws = min(_TOGETHER, rounds - first)
            counts = random.multinomial(len(group), np.full(len(group), 1.0 / len(group)), size=draws)
            total[first : first + draws] += figure(counts)
    return total / len(groups)


def middle(values: FloatArray) -> Interval:
    """The range that holds the middle 95 % of some values."""
    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(float(low), float(high))


def mean_of(value: Callable[[J], float]) -> Statistic[J]:
    """The mean of something that each question has on its own."""

    def prepare(examples: Sequence[J]) -> Resampled:
        values = np.array([value(example) for example in examples])
        return lambda counts: np.asarray(counts @ values / counts.sum(axis=1), dtype=np.float64)

    return prepare


def kept_share(removed: float) -> Statistic[ScoredExample]:
    """`metrics.kept_at_removal`, with the threshold found anew in every draw."""

    def prepare(examples: Sequence[ScoredExample]) -> Resampled:
        scores, lengths, owners, best = _sorted(examples)

        def figure(counts: IntArray) -> FloatArray:
            left = np.cumsum(counts[:, owners] * lengths, axis=1)
            too_much = 1.0 - left / left[:, -1:] < removed
            # The first sentence that must go, and with it all that score no better; none when nothing has to.
            bars = np.where(too_much.any(axis=1), scores[too_much.argmax(axis=1)], -np.inf)
            return _weighted(counts, best > bars[:, None])

        return figure

    return prepare


def curve_area(examples: Sequence[ScoredExample]) -> Resampled:
    """`curves.area_under_curve`."""
    scores, lengths, owners, best = _sorted(examples)
    last = np.searchsorted(-scores, -best, side="right") - 1

    def figure(counts: IntArray) -> FloatArray:
        left = np.cumsum(counts[:, owners] * lengths, axis=1)
        return _weighted(counts, 1.0 - left[:, last] / left[:, -1:])

    return figure


def _sorted(examples: Sequence[ScoredExample]) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:
    """Score, length and question of every sentence, the best first, and the score of each question's answer."""
    scores = np.concatenate([example.scores for example in examples])
    lengths = np.concatenate([example.lengths for example in examples])
    owners = np.repeat(np.arange(len(examples)), [len(example.scores) for example in examples])
    order = np.argsort(-scores, kind="stable")
    best = np.array([example.best_relevant for example in examples])
    return scores[order], lengths[order], owners[order], best


def _weighted(counts: IntArray, values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray((counts * values).sum(axis=1) / counts.sum(axis=1), dtype=np.float64)
