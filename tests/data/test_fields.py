from typing import Any

import pytest

from provence_plugins.data.fields import read_list, read_number, read_question, read_string, to_range
from provence_plugins.types import Span

RECORD = {"question": "Who?", "score": 3, "spans": [[0, 2]], "flag": True}


def test_fields_are_returned_as_they_are_and_absent_ones_as_nothing() -> None:
    assert read_question(RECORD) == read_string(RECORD, "question") == "Who?"
    assert (read_number(RECORD, "score"), read_list(RECORD, "spans")) == (3.0, [[0, 2]])
    assert (read_string(RECORD, "x"), read_number(RECORD, "x"), read_list(RECORD, "x")) == (None, None, [])


@pytest.mark.parametrize(
    ("read", "name", "allowed"),
    [(read_string, "flag", "a string"), (read_number, "flag", "a finite number"), (read_list, "flag", "a list")],
)
def test_a_field_of_another_type_is_named_with_its_value(read: Any, name: str, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be {allowed}; got True$"):
        read(RECORD, name)


def test_a_range_may_end_where_the_text_ends() -> None:
    assert to_range([0, 3], "spans", "abc") == to_range([0, 3], "spans") == Span(0, 3)


@pytest.mark.parametrize(
    "value", [[0, 4], [-1, 2], [2, 1], [0.0, 1], [False, 1], [1], [0, 1, 2], "01", 3, None], ids=str
)
def test_what_is_not_a_range_of_the_text_is_refused_with_the_field(value: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^spans must hold ranges \[start, end\] with 0 <= start <= end <= 3, .*; got "
    ):
        to_range(value, "spans", "abc")
