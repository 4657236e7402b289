"""Check the fields of a line of JSON; an error names the field, what is allowed and what was given."""

import math
from collections.abc import Mapping
from typing import Any

from provence_plugins.types import Span, shorten


# Any: whatever JSON holds, in all of this file.
def read_question(record: Mapping[str, Any]) -> str:
    """Return the question of a line.

    Raises:
        KeyError: There is none.
        ValueError: It is not a string, or blank.
    """
    question = record["question"]
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"question must be a string that is not blank; got {shorten(question)}")
    return question


def read_string(record: Mapping[str, Any], name: str) -> str | None:
    """Return the string in a field, or None where there is none.

    Raises:
        ValueError: It holds something else.
    """
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a string; got {shorten(value)}")
    return value


def read_number(record: Mapping[str, Any], name: str) -> float | None:
    """Return the number in a field, or None where there is none.

    Raises:
        ValueError: It is not a number, or not finite.
    """
    value = record.get(name)
    return None if value is None else to_number(value, name)


def to_number(value: Any, name: str) -> float:
    """Return a value as a finite number.

    Raises:
        ValueError: It is not one; the message calls it `name`.
    """
    # A bool is an int for Python, and math.isfinite refuses whole numbers of hundreds of digits.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf:
        try:
            return float(value)
        except OverflowError:
            pass
    raise ValueError(f"{name} must be a finite number; got {shorten(value)}")


def read_list(record: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list in a field, which is empty where there is none.

    Raises:
        ValueError: It holds something else.
    """
    values = record.get(name) or []
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list; got {shorten(values)}")
    return values


def to_range(value: Any, name: str, text: str | None = None) -> Span:
    """Return a value `[start, end]` as a range of characters, in a text if that is given.

    Raises:
        ValueError: It is not such a list, or does not lie in the text; the message says that the field `name` holds it.
    """
    bounds = "0 <= start <= end"
    if text is not None:
        bounds += f" <= {len(text)}, the number of characters of the passage"
    if isinstance(value, list) and len(value) == 2 and all(type(place) is int for place in value):
        start, end = value
        if 0 <= start <= end and (text is None or end <= len(text)):
            return Span(start, end)
    raise ValueError(f"{name} must hold ranges [start, end] with {bounds}; got {shorten(value)}")
