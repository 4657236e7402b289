"""What a caller may give as a request, in Python and in JSON."""

import pytest

from provence_plugins.engine.requests import PruneRequest, check_passages, check_query, decode_json, read_request
from provence_plugins.errors import InvalidInputError
from provence_plugins.types import Passage


def test_texts_become_passages_and_passages_stay_the_same_objects() -> None:
    passage = Passage("two", title="Title")
    assert check_passages(["one", passage]) == [Passage("one"), passage]
    assert check_passages(iter([passage]))[0] is passage


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ("text", r"must be a list of strings or Passages, got a single str\. Write \[text\]"),
        (Passage("text"), "got a single Passage"),
        (None, "got NoneType"),
        (["text", 3], "Passage 1 must be a string or a Passage, got int"),
    ],
)
def test_other_passages_are_refused(passages: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_passages(passages)  # type: ignore[arg-type]


@pytest.mark.parametrize(("query", "message"), [(None, "must be a string, got NoneType"), (" \n", "blank")])
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


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "must be an object with query and passages, got list"),
        ({"passages": []}, "no 'query'"),
        ({"query": "q"}, "no 'passages'"),
        ({"query": "", "passages": []}, "blank"),
        ({"query": "q", "passages": "text"}, "must be a list, got str"),
        ({"query": "q", "passages": ["t", 3]}, "Passage 1 must be a string or a Passage, got int"),
        (
            {"query": "q", "passages": [{"title": "t"}]},
            "Passage 0 has no .text.. It must be a string, or an object with text",
        ),
        ({"query": "q", "passages": [{"text": None}]}, "must be a string, got NoneType"),
    ],
)
def test_other_values_are_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_request(value)


@pytest.mark.parametrize("data", [b"{", b"", b"\xff", b"[" * 100_000, b"NaN", b"[1e999]", b"-Infinity"])
def test_invalid_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="This is not valid JSON"):
        decode_json(data)
