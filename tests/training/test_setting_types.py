from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.training.setting_types import check_field_types


@dataclass
class Inner:
    """A table inside a table."""


@dataclass
class Values:
    """A field of every type that settings have."""

    number: int = 1
    share: float = 0.5
    switch: bool = True
    name: str = "x"
    limit: int | None = None
    kind: Literal["one", "two"] = "one"
    files: Sequence[str] = ("a",)
    inner: Inner | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def test_values_of_their_types_pass() -> None:
    check_field_types(Values())
    check_field_types(Values(share=1, limit=3, kind="two", files=["a", "b"], inner=Inner(), facts={"a": 1}))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("number", 1.0, r"number must be an integer; got 1\.0 \(float\)"),
        ("number", True, "number must be an integer"),
        ("share", "0.5", "share must be a finite number; got '0.5'"),
        ("share", float("nan"), "share must be a finite number"),
        ("share", -(10**400), "share must be a finite number"),
        ("share", False, "share must be a finite number"),
        ("switch", 1, "switch must be true or false; got 1"),
        ("name", None, "name must be a text; got None"),
        ("limit", "3", "limit must be an integer; got '3'"),
        ("kind", "three", "kind must be one of 'one', 'two'; got 'three'"),
        ("kind", ["one"], "kind must be one of"),
        ("files", "a", "files must be a list, each item of which is a text; got 'a'"),
        ("files", ["a", 1], "files must be a list"),
        ("inner", {}, "inner must be a table"),
        ("facts", [], "facts must be a table"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_field_types(Values(**{name: value}))
