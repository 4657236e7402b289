"""What a caller may give as a request, in Python and in JSON."""

import pytest
from rows import row

from provence_plugins.engine.requests import (
    PruneRequest,
    check_passages,
    check_query,
    check_request,
    decode_json,
    estimate_size,
    iterate_requests,
    list_passages,
    read_request,
)
from provence_plugins.errors import InvalidInputError
from provence_plugins.types import Passage


def test_texts_become_passages_and_passages_stay_the_same_objects() -> None:
    passage = Passage("two", title="Title")
    assert check_passages(["one", passage]) == [Passage("one"), passage]
    assert check_passages(iter([passage]))[0] is passage


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ("text", r"must be a list of strings or Passages; got a single str\. Write \[text\]"),
        (Passage("text"), "got a single Passage"),
        (None, "got NoneType"),
        (["text", 3], "Passage 1 must be a string or a Passage; got int"),
    ],
)
def test_other_passages_are_refused(passages: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_passages(passages)  # type: ignore[arg-type]


@pytest.mark.parametrize("request_", [3, None, ("query",), ("query", ["text"], None), {"query": "x"}], ids=str)
def test_a_request_that_is_not_a_pair_is_refused(request_: object) -> None:
    with pytest.raises(InvalidInputError, match="A request must be a pair of a query and its passages"):
        check_request(request_)


def test_requests_that_cannot_be_iterated_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="requests must be an iterable of pairs"):
        iterate_requests(3)
    assert list(iterate_requests([1, 2])) == [1, 2]


@pytest.mark.parametrize(("query", "message"), [(None, "must be a string; got NoneType"), (" \n", "blank")])
def test_other_queries_are_refused(query: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_query(query)  # type: ignore[arg-type]


def test_a_json_object_is_a_request_and_other_keys() -> None:
    value = decode_json(b'{"query": "q", "passages": ["one", {"text": "two", "title": "T"}], "id": 7}')
    assert read_request(value) == (PruneRequest("q", [Passage("one"), Passage("two", "T")]), {"id": 7})


def test_reading_a_request_does_not_change_the_object() -> None:
    value = {"query": "q", "passages": [], "id": 7}
    read_request(value)
    assert value == {"query": "q", "passages": [], "id": 7}


def test_other_values_are_refused() -> None:
    for value, message in [
        ([], "must be an object with query and passages; got list"),
        ({"passages": []}, "no 'query'"),
        ({"query": "q"}, "no 'passages'"),
        ({"query": "", "passages": []}, "blank"),
        ({"query": "q", "passages": "text"}, "must be a list; got str"),
        ({"query": "q", "passages": ["t", 3]}, "Passage 1 must be a string or a Passage; got int"),
        (
            {"query": "q", "passages": [{"title": "t"}]},
            "Passage 0 has no .text.. It must be a string, or an object with text",
        ),
        ({"query": "q", "passages": [{"text": None}]}, "must be a string; got NoneType"),
    ]:
        with row(value, message), pytest.raises(InvalidInputError, match=message):
            read_request(value)


@pytest.mark.parametrize("data", [b"{", b"", b"\xff", b"[" * 100_000, b"NaN", b"[1e999]", b"-Infinity"])
def test_invalid_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="This is not valid JSON"):
        decode_json(data)


def test_titles_query_and_number_make_a_call_large_too() -> None:
    small = estimate_size("query", ["text", Passage("text")])
    assert small < 1_000
    assert estimate_size("query" * 10_000, ["text"]) > 50_000
    assert estimate_size("query", [Passage("text", "title" * 10_000)]) > 50_000
    assert estimate_size("query", [Passage("text" * 10_000)]) > 40_000
    assert estimate_size("query", ["text"] * 900) > 40_000
    assert estimate_size("query", [""] * 100_000) > 1_000_000


def test_what_is_not_text_has_no_size() -> None:
    assert estimate_size(None, list_passages([3, None])) < 1_000  # type: ignore[list-item]
