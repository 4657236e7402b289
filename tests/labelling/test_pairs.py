from typing import Any

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.labelling.pairs import labelled_line, read_pair, without_texts
from provence_plugins.types import Passage

PAIR = {"question": "Where is Paris?", "passage": "Paris is in France.", "id": "q1"}


def test_a_line_holds_a_question_and_a_passage_with_its_title() -> None:
    assert read_pair(PAIR).passage == Passage("Paris is in France.")
    assert read_pair({**PAIR, "title": "Paris"}).passage == Passage("Paris is in France.", "Paris")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "must be an object with question, passage"),
        ({"question": "Who?"}, "must be an object with question, passage"),
        ({**PAIR, "question": " "}, "is blank"),
        ({**PAIR, "passage": "\n"}, r"passage must be a string that is not blank; got '\\n'"),
        ({**PAIR, "passage": ["Paris."]}, "passage must be a string"),
        ({**PAIR, "title": 3}, "title must be a string or null; got 3"),
        ({**PAIR, "silver": []}, "The key 'silver' is reserved"),
    ],
)
def test_a_line_without_a_pair_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        read_pair(value)


def test_a_labelled_line_begins_with_its_number_and_replaces_an_earlier_score() -> None:
    line = labelled_line(3, {**PAIR, "teacher_score": 9.0}, [[0, 5, 1.0]], -1.5)
    assert next(iter(line)) == "line"
    assert line == {"line": 3, **PAIR, "teacher_score": -1.5, "silver": [[0, 5, 1.0]]}
    assert "teacher_score" not in labelled_line(3, PAIR, [])


def test_without_texts_a_line_keeps_what_names_its_pair() -> None:
    assert without_texts({**PAIR, "id": "a", "passage_id": "b", "source": "x"}) == {"id": "a", "passage_id": "b"}
    assert without_texts({**PAIR, "id": "a"}) == {"id": "a"}
    with pytest.raises(InvalidInputError, match="The line must have an id"):
        without_texts({"question": "Who?", "passage": "Paris."})


def test_without_texts_a_number_as_id_becomes_the_text_by_which_training_finds_it() -> None:
    assert without_texts({**PAIR, "id": 5}) == {"id": "5"}
    assert without_texts({**PAIR, "id": "a", "passage_id": 6}) == {"id": "a", "passage_id": "6"}
    assert without_texts({**PAIR, "id": 5, "passage_id": None}) == {"id": "5"}


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ({"id": None}, "The line must have an id"),
        ({"id": True}, "id must be a string or a number; got True"),
        ({"id": "a", "passage_id": ["b"]}, r"passage_id must be a string or a number; got \['b'\]"),
    ],
)
def test_without_texts_an_id_of_another_type_is_refused(ids: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        without_texts({**PAIR, **ids})
