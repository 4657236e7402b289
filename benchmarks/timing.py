"""Measure times in turns, so that they can be compared, and show them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from math import ceil
from statistics import median
from time import perf_counter
from typing import TypeVar

from tqdm import tqdm

Times = Sequence[float]
Name = TypeVar("Name", bound=Hashable)

SPREAD_COLUMNS = ("median ms", "least", "most")


def time_in_turns(runs: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Return the seconds of every run in each round, after a round that does not count.

    Another run comes first in each round, so that a slow moment of the machine affects all of them.
    """
    names = list(runs)
    for name in names:
        runs[name]()  # the first pass of a runtime plans its memory
    times: dict[Name, list[float]] = {name: [] for name in names}
    for number in tqdm(range(rounds), unit="round", leave=False):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(seconds_of(runs[name]))
    return times


def seconds_of(run: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    began = perf_counter()
    run()
    return perf_counter() - began


def percentile(times: Times, share: float) -> float:
    """Return the smallest time that this share of all times does not exceed."""
    return sorted(times)[max(0, ceil(share * len(times)) - 1)]


def spread(times: Times) -> list[str]:
    """Return median, minimum and maximum in milliseconds, as cells."""
    return [milliseconds(value) for value in (median(times), min(times), max(times))]


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with three significant digits."""
    value = 1000 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(times: Times, others: Times) -> str:
    """Return how many times longer the first takes: the median over rounds, with minimum and maximum."""
    ratios = [one / other for one, other in zip(times, others, strict=True)]
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
