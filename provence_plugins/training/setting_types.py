"""Check the values of a settings class against the types of its fields, which TOML does not check."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import show_value

_WORDS: dict[object, str] = {
    int: "an integer",
    float: "a finite number",
    bool: "true or false",
    str: "a text",
    Mapping: "a table",
    dict: "a table",
}


def check_field_types(settings: object) -> None:
    """Check that every field of a dataclass has a value of its type.

    Raises:
        InvalidInputError: A field has a value of another type, or a number that is not finite.
    """
    for name, kind in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if not _fits(value, kind):
            raise InvalidInputError(f"{name} must be {_describe(kind)}; got {show_value(value)}.")


# Any: a type of any form, such as `int | None`.
def _fits(value: object, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(_fits(item, inner[0]) for item in value)
    if kind is float:
        # A whole number of hundreds of digits is no float.
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


def _describe(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return " or ".join(_describe(each) for each in inner if each is not NoneType)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin is Sequence:
        return f"a list, each item of which is {_describe(inner[0])}"
    return "a table" if is_dataclass(kind) else _WORDS[origin or kind]
