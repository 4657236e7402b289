"""The paired bootstrap test between two methods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, Interval, middle, resample
from provence_plugins.evaluation.metrics.scored_examples import Q
from provence_plugins.evaluation.metrics.statistics import Statistic, compute


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two methods on the same questions.

    Attributes:
        difference: The metric of the first method minus that of the second.
        interval: The middle 95 % of the difference over the draws of the bootstrap.
        p_value: Two-sided: twice the share of draws in which the difference has the other sign or
            is 0. The data themselves count as one more draw, so that it is never 0.
    """

    difference: float
    interval: Interval
    p_value: float


def compare(
    first: Sequence[Q],
    second: Sequence[Q],
    statistic: Statistic[Q],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Comparison:
    """Compare two methods by a paired bootstrap over questions, stratified by source.

    Every round draws the same questions for both methods and computes the metric again, thresholds
    included.

    Raises:
        InvalidInputError: The methods did not judge the same questions in the same order, or there
            are none.
    """
    if [example.identity for example in first] != [example.identity for example in second]:
        raise InvalidInputError(
            f"Only methods that judged the same questions and sentences can be compared. Got "
            f"{len(first)} and {len(second)} questions that differ. Judge both on the same data "
            f"with the same splitter."
        )
    of_first = resample(first, statistic, rounds=rounds, seed=seed)
    of_second = resample(second, statistic, rounds=rounds, seed=seed)
    drawn = of_first - of_second
    other_sign = min(np.count_nonzero(drawn <= 0.0), np.count_nonzero(drawn >= 0.0))
    return Comparison(
        difference=compute(statistic, first) - compute(statistic, second),
        interval=middle(drawn),
        p_value=min(1.0, 2.0 * (1 + other_sign) / (1 + rounds)),
    )
