from dataclasses import fields
from typing import Any

import pytest
from fastapi.testclient import TestClient
from rows import row

from provence_plugins import PruningPolicy
from provence_plugins.serving.bodies import PolicyBody, PruneBody


def test_a_policy_has_the_fields_and_defaults_of_the_engine() -> None:
    assert set(PolicyBody.model_fields) == {field.name for field in fields(PruningPolicy)}


def test_no_field_of_a_policy_takes_what_json_has_not_or_a_regular_expression() -> None:
    for name, field in PolicyBody.model_fields.items():
        assert "Callable" not in repr(field.annotation), f"give {name} a type of its own in PolicyBody"


def test_fields_that_are_sent_stand_over_the_policy_of_the_server() -> None:
    server = PruningPolicy(threshold=0.2, top_n=3, omission="…")
    sent = PolicyBody.model_validate({"top_n": None, "keep_neighbors": [1, 0], "ties": ["label"]})
    expected = PruningPolicy(threshold=0.2, top_n=None, omission="…", keep_neighbors=(1, 0), ties=("label",))
    assert sent.over(server) == expected
    assert PolicyBody().over(server) == server


def test_pins_are_texts_and_not_patterns() -> None:
    policy = PolicyBody(pins=["a.c", ""]).over(PruningPolicy())
    is_pinned = policy.pin_test()
    assert is_pinned is not None
    assert is_pinned("see a.c!")
    assert not is_pinned("abc")


@pytest.mark.parametrize("omission", ["…", "[{count} sentences]", "{{{count}}}", "{{}}"])
def test_a_mark_may_count(omission: str) -> None:
    mark = PolicyBody(omission=omission).over(PruningPolicy()).omission_mark(3)
    assert mark == omission.format(count=3)


FAULTS: list[tuple[Any, str]] = [
    ([], "The body must be an object; got an array."),
    ({"passages": []}, "query is missing."),
    ({"query": "x"}, "passages is missing."),
    ({"query": 5, "passages": []}, "query must be a string; got a number."),
    ({"query": None, "passages": []}, "query must be a string; got null."),
    ({"query": " ", "passages": []}, "query is blank. Pass the question that the passages should answer."),
    ({"query": "x", "passages": "a"}, "passages must be an array; got a string."),
    ({"query": "x", "passages": [5]}, "passages[0]: A passage must be a string, or an object with a text."),
    ({"query": "x", "passages": ["a", {"text": True}]}, "passages[1].text must be a string; got a truth value."),
    ({"query": "x", "passages": [{"title": "a"}]}, "passages[0].text is missing."),
    ({"query": "x", "passages": [{"text": "a", "titel": "b"}]}, "passages[0]: Unknown field 'titel'. Did you mean"),
    (
        {"query": "x", "passages": [{"text": "a", "id": 1.5}]},
        "passages[0].id must be a string or an integer; got a number.",
    ),
    (
        {"query": "x", "passages": ["a", {"text": "a", "id": {"str": 1}}]},
        "passages[1].id must be a string or an integer; got an object.",
    ),
    (
        {"query": "x", "passages": [], "policy": {"threshold": "foo"}},
        "policy.threshold must be a number or one of 'careful', 'balanced' or 'short'.",
    ),
    (
        {"query": "x", "passages": [], "policy": {"threshold": True}},
        "policy.threshold must be a number or one of 'careful', 'balanced' or 'short'; got a truth value.",
    ),
    ({"query": "x", "passages": [], "polcy": {}}, "Unknown field 'polcy'. Did you mean 'policy'?"),
    ({"query": "x", "passages": [], "sentences": 1}, "sentences must be true or false; got a number."),
    ({"query": "x", "passages": [], "policy": None}, "policy must be an object; got null."),
    ({"query": "x", "passages": [], "policy": {"threshold": 2}}, "threshold must be a number from 0 to 1"),
    ({"query": "x", "passages": [], "policy": {"top_n": 0}}, "top_n must be an integer of at least 1"),
    ({"query": "x", "passages": [], "policy": {"top_n": 1.5}}, "policy.top_n must be an integer; got a number."),
    ({"query": "x", "passages": [], "policy": {"order": "up"}}, "policy.order must be one of 'input' or 'relevance'."),
    ({"query": "x", "passages": [], "policy": {"keep_neighbors": [1]}}, "policy.keep_neighbors: "),
    ({"query": "x", "passages": [], "policy": {"omission": "{count:>99999}"}}, "policy.omission: The only placeholder"),
    ({"query": "x", "passages": [], "policy": {"omission": "{count.real}"}}, "policy.omission: The only placeholder"),
    ({"query": "x", "passages": [], "policy": {"omission": "x" * 201}}, "policy.omission: "),
    ({"query": "x", "passages": [], "policy": {"token_counter": "/etc/passwd"}}, "policy.token_counter must be one of"),
    ({"query": "x", "passages": [], "policy": {"pins": "a+"}}, "policy.pins must be an array; got a string."),
]


def test_a_fault_is_one_line_that_names_its_place(client: TestClient) -> None:
    for body, message in FAULTS:
        with row(body, message):
            answer = client.post("/prune", json=body)
            error = answer.json()
            assert answer.status_code == 422
            assert error["error"].startswith(message)
            assert "\n" not in error["error"]
            assert error["error_type"] == "validation"


def test_deep_metadata_is_refused_before_it_could_not_be_written(client: TestClient) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    answer = client.post("/prune", json={"query": "x", "passages": [{"text": "a", "metadata": {"deep": deep}}]})
    assert answer.json()["error"] == "passages[0].metadata: It must be nested at most 20 deep. Flatten it."


def test_texts_and_objects_are_both_in_the_schema() -> None:
    items = PruneBody.model_json_schema()["properties"]["passages"]["items"]
    assert {"type": "string"} in items["anyOf"]
