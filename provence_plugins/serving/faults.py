"""Say in one sentence what pydantic found wrong with a value that a client has sent."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

# Any: pydantic's own description of a fault.
Fault = Mapping[str, Any]

Place = tuple[int | str, ...]
"""The keys and indexes that lead to a value."""

_WHOLE = "The body"

# What pydantic calls a fault, and what it wants instead.
_WANTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "literal_error": "one of {expected}",
}

_JSON_NAMES = {
    str: "a string",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


# Any: whatever the client has sent.
def describe_faults(faults: Sequence[Fault], sent: Any) -> str:
    """Return a sentence about the first of several faults, with its place and without its value.

    Where several types are allowed, pydantic finds a fault of each; the sentence names them all.

    Args:
        faults: What pydantic found, at least one.
        sent: The value in which it was found.
    """
    first = faults[0]
    place = _find_place(first, sent)
    shown = _show_place(place)
    if first["type"] == "missing":
        return f"{shown} is missing."
    if first["type"] in _WANTED:
        alternatives = list(takewhile(lambda fault: _find_place(fault, sent) == place, faults))
        return f"{shown} must be {_describe_wanted(alternatives)}{_describe_given(alternatives)}."
    message = f"{first['msg']}."
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    return message if shown == _WHOLE else f"{shown}: {message}"


def _describe_wanted(alternatives: Sequence[Fault]) -> str:
    wanted = [
        _WANTED[fault["type"]].format(**fault.get("ctx", {})) for fault in alternatives if fault["type"] in _WANTED
    ]
    return " or ".join(dict.fromkeys(wanted))


def _describe_given(alternatives: Sequence[Fault]) -> str:
    given = alternatives[0]["input"]
    if isinstance(given, str) and any(fault["type"] == "literal_error" for fault in alternatives):
        return ""  # a string is right, but not this one
    return f"; got {_JSON_NAMES.get(type(given), 'something else')}"


def _find_place(fault: Fault, sent: Any) -> Place:
    """Return the place of a faulty value in what was sent.

    Pydantic also puts the names of the types among several that it tries into its own place, which
    no client writes.
    """
    place: list[int | str] = []
    value = sent
    for part in fault["loc"]:
        if value is fault["input"] and fault["type"] != "missing":
            break
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int)):
            value = value[part]
        elif isinstance(part, str):
            continue  # a type
        place.append(part)
    if fault["type"] == "missing":
        place.append(fault["loc"][-1])
    return tuple(place)


def _show_place(place: Place) -> str:
    """Return a place as a client would write it: `passages[2].title`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".") or _WHOLE
