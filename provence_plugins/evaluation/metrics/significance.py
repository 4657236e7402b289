"""Whether two methods really differ, or only on the questions that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.answers import Interval, J, group_by_source
from provence_plugins.evaluation.metrics.bootstrap import Statistic, middle, resample


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a first method is ahead of a second one on the same questions.

    Attributes:
        difference: Figure of the first less that of the second, each a mean over sources.
        interval: Middle 95 % of the difference when the questions of each source are drawn anew.
        p_value: Two-sided: twice the share of draws in which the difference has the other sign or is 0, the data as
            they are counted as one more draw, so that it is never 0.
    """

    difference: float
    interval: Interval
    p_value: float


def compare(
    first: Sequence[J], second: Sequence[J], statistic: Statistic[J], *, rounds: int = 2000, seed: int = 0
) -> Comparison:
    """Compare two methods by a paired bootstrap over questions, stratified by source.

    Every round draws the same questions for both methods and works the figure out anew, thresholds included.

    Raises:
        InvalidInputError: The methods did not judge the same questions in the same order, or none.
    """
    if [example.identity for example in first] != [example.identity for example in second]:
        raise InvalidInputError(
            f"Only methods that judged the same questions, sentences included, can be compared; got {len(first)} and "
            f"{len(second)} questions that are not the same. Judge both on the same data with the same splitter."
        )
    observed = _as_it_is(first, statistic) - _as_it_is(second, statistic)
    drawn = resample(first, statistic, rounds=rounds, seed=seed) - resample(second, statistic, rounds=rounds, seed=seed)
    other_sign = min(np.count_nonzero(drawn <= 0.0), np.count_nonzero(drawn >= 0.0))
    return Comparison(observed, middle(drawn), min(1.0, 2.0 * (1 + other_sign) / (1 + rounds)))


def _as_it_is(examples: Sequence[J], statistic: Statistic[J]) -> float:
    """The figure when every question is drawn once."""
    once = [statistic(group)(np.ones((1, len(group)), dtype=np.int64))[0] for group in group_by_source(examples)]
    return float(np.mean(once))
