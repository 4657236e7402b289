from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rows import row

from provence_plugins.serving.faults import describe_faults


class Inner(BaseModel):
    model_config = ConfigDict(strict=True)

    text: str
    id: str | int | None = None
    level: float | Literal["low", "high"] | None = None


class Sent(BaseModel):
    model_config = ConfigDict(strict=True)

    items: list[Inner] = []
    either: Inner | list[int] | None = None
    short: Annotated[str, Field(max_length=3)] = ""


FAULTS: list[tuple[Any, str]] = [
    (7, "The body must be an object; got a number."),
    ({"items": [{"text": "a"}, {}]}, "items[1].text is missing."),
    ({"items": [{"text": None}]}, "items[0].text must be a string; got null."),
    ({"items": [{"text": "a", "id": 1.5}]}, "items[0].id must be a string or an integer; got a number."),
    ({"items": [{"text": "a", "id": {"str": 1}}]}, "items[0].id must be a string or an integer; got an object."),
    ({"items": [{"text": "a", "level": "up"}]}, "items[0].level must be a number or one of 'low' or 'high'."),
    (
        {"items": [{"text": "a", "level": True}]},
        "items[0].level must be a number or one of 'low' or 'high'; got a truth value.",
    ),
    ({"either": 1}, "either must be an object or an array; got a number."),
    ({"either": {"id": "a"}}, "either.text is missing."),
    ({"short": "long"}, "short: String should have at most 3 characters."),
]


def test_a_fault_is_a_sentence_with_the_place_in_what_was_sent_and_all_that_is_allowed() -> None:
    for sent, sentence in FAULTS:
        with row(sent), pytest.raises(ValidationError) as caught:
            Sent.model_validate(sent)
        with row(sent):
            assert describe_faults(caught.value.errors(), sent) == sentence
