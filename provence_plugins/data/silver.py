"""Silver labels: how surely a teacher, a larger model, keeps each sentence of a passage."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provence_plugins.data.fields import read_list, read_number, to_number, to_range
from provence_plugins.types import Span, shorten

SILVER_KEY = "silver"
"""Key of a line of data with `[start, end, probability]` for each sentence."""

TEACHER_KEY = "teacher_score"
"""Key of a line of data with the relevance that the teacher gave, as a raw score."""

LIKELY = 0.5
"""A sentence that a teacher keeps with at least this probability counts as relevant where a yes or
no is needed."""

_DECIMALS = 5

# Probabilities nearer to 0 or 1 say nothing more, and their raw scores would rule a squared error.
_LEAST = 1e-4


@dataclass(frozen=True, slots=True)
class SilverSpan:
    """A range of a passage, and the probability with which a teacher keeps it."""

    span: Span
    probability: float


def spread_silver(silver: Sequence[SilverSpan], sentences: Sequence[Span]) -> list[float]:
    """Return the highest probability of the ranges that each sentence overlaps, 0 without any.

    The teacher may have cut the passage into other sentences.
    """
    probabilities = []
    for sentence in sentences:
        overlapping = [given.probability for given in silver if given.span.overlaps(sentence)]
        probabilities.append(max(overlapping, default=0.0))
    return probabilities


# Any: whatever JSON holds, in both functions.
def read_silver(record: Mapping[str, Any], text: str) -> tuple[SilverSpan, ...]:
    """Return the silver labels of a line of data.

    Raises:
        ValueError: A range does not lie in the text, or a probability is not between 0 and 1.
    """
    found = []
    for value in read_list(record, SILVER_KEY):
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError(f"{SILVER_KEY} must hold lists of [start, end, probability]; got {shorten(value)}")
        span = to_range(value[:2], SILVER_KEY, text)
        probability = to_number(value[2], f"a probability in {SILVER_KEY}")
        if not 0 <= probability <= 1:
            raise ValueError(f"a probability in {SILVER_KEY} must be between 0 and 1; got {probability}")
        found.append(SilverSpan(span, probability))
    return tuple(found)


def read_teacher_score(record: Mapping[str, Any]) -> float | None:
    """Return the teacher's relevance in a line of data, None where there is none.

    Raises:
        ValueError: It is not a finite number.
    """
    return read_number(record, TEACHER_KEY)


def silver_values(spans: Iterable[Span], probabilities: Iterable[float]) -> list[list[Any]]:
    """Return sentences with their probabilities as plain values that JSON can hold."""
    pairs = zip(spans, probabilities, strict=True)
    return [[span.start, span.end, round(float(probability), _DECIMALS)] for span, probability in pairs]


def raw_score(probability: float) -> float:
    """Return the logit of a probability; 0 and 1 get the ends of its range."""
    clipped = min(max(probability, _LEAST), 1.0 - _LEAST)
    return round(math.log(clipped / (1.0 - clipped)), _DECIMALS)
