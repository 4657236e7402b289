"""Metrics as functions of how often each question counts: one function for value and bootstrap."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from provence_plugins.evaluation.metrics.scored_examples import (
    FloatArray,
    IntArray,
    Q,
    ScoredExample,
    places_by_source,
)

Evaluator = Callable[[IntArray], FloatArray]
"""Takes how often each question counts, of shape (draws, questions); returns the metric of each
draw."""

Statistic = Callable[[Sequence[Q]], Evaluator]
"""Prepares a metric for some questions."""

Item = TypeVar("Item")


def compute(statistic: Callable[[Sequence[Item]], Evaluator], examples: Sequence[Item]) -> float:
    """Return the value of a metric when every question counts once."""
    return float(statistic(examples)(count_once(examples))[0])


def count_once(examples: Sequence[object]) -> IntArray:
    """Return the counts, of shape (1, questions), with which the metric is that of the data."""
    return np.ones((1, len(examples)), dtype=np.int64)


def mean_of(value: Callable[[Q], float]) -> Statistic[Q]:
    """Return the mean of a value that each question has by itself."""

    def prepare(examples: Sequence[Q]) -> Evaluator:
        values = np.array([value(example) for example in examples])
        return lambda counts: np.asarray(counts @ values / counts.sum(axis=1), dtype=np.float64)

    return prepare


def mean_over_sources(statistic: Statistic[Q]) -> Statistic[Q]:
    """Compute a metric for each source, then average it, so that a large source does not dominate.

    Raises:
        InvalidInputError: The metric is prepared for no examples.
    """

    def prepare(examples: Sequence[Q]) -> Evaluator:
        groups = places_by_source(examples)
        evaluators = [statistic([examples[place] for place in places]) for places in groups]

        def evaluate(counts: IntArray) -> FloatArray:
            total = np.zeros(len(counts))
            for places, evaluator in zip(groups, evaluators, strict=True):
                total += evaluator(counts[:, places])
            return total / len(groups)

        return evaluate

    return prepare


def inside_passages(statistic: Statistic[ScoredExample]) -> Statistic[ScoredExample]:
    """Compute a metric on the passages that hold the answers, without the negatives."""
    return lambda examples: statistic([example.without_negatives for example in examples])


def weighted_mean(counts: IntArray, values: FloatArray | npt.NDArray[np.bool_]) -> FloatArray:
    """Return the mean value of each draw, of values by question or by draw and question."""
    return np.asarray((counts * values).sum(axis=1) / counts.sum(axis=1), dtype=np.float64)
