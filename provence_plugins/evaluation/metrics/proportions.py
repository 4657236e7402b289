"""Intervals of shares that stay valid when few questions, or none, are on one side.

A bootstrap of answers that are all alike has no spread, as if thirty right answers in a row proved
that the next one is right. Score intervals have no such flaw.
"""

import math
from dataclasses import dataclass

from provence_plugins.evaluation.metrics.bootstrap import Interval

# The quantile of the normal distribution that leaves 2.5 % on either side.
_Z = 1.959964


def wilson(count: int, total: int) -> Interval:
    """Return Wilson's score interval (95 %) of the share that `count` of `total` questions are.

    Without questions nothing is known: from 0 to 1.
    """
    if not total:
        return Interval(0.0, 1.0)
    share = count / total
    square = _Z**2 / total
    centre = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Questions by which of two arms answered them right: both, the first, the second, neither."""

    both: int
    first: int
    second: int
    neither: int

    @property
    def total(self) -> int:
        """The number of questions."""
        return self.both + self.first + self.second + self.neither


def newcombe(counts: PairedCounts) -> Interval:
    """Return Newcombe's 95 % interval of the first arm's share minus the second's.

    This is method 10 of Newcombe, Statistics in Medicine 17 (1998), pages 2635 to 2650: Wilson's
    intervals of the two shares, joined with the correlation of the answers.
    """
    if not counts.total:
        return Interval(-1.0, 1.0)
    firsts, seconds = counts.both + counts.first, counts.both + counts.second
    one, other = firsts / counts.total, seconds / counts.total
    of_one, of_other = wilson(firsts, counts.total), wilson(seconds, counts.total)
    correlation = _correlation(counts)
    below = _join(one - of_one.low, of_other.high - other, correlation)
    above = _join(of_one.high - one, other - of_other.low, correlation)
    return Interval(max(-1.0, one - other - below), min(1.0, one - other + above))


def outer(first: Interval, second: Interval) -> Interval:
    """Return the range from the lower of two lower ends to the higher of two upper ends."""
    return Interval(min(first.low, second.low), max(first.high, second.high))


def _correlation(counts: PairedCounts) -> float:
    product = (
        (counts.both + counts.first)
        * (counts.second + counts.neither)
        * (counts.both + counts.second)
        * (counts.first + counts.neither)
    )
    if not product:
        return 0.0
    agreement = float(counts.both * counts.neither - counts.first * counts.second)
    # Newcombe's correction for continuity.
    if agreement > 0:
        agreement = max(agreement - counts.total / 2, 0.0)
    return agreement / math.sqrt(product)


def _join(one: float, other: float, correlation: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * correlation * one * other + other**2))
