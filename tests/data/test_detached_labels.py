import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.data.detached_labels import attach_labels
from provence_plugins.data.examples import Example
from provence_plugins.data.silver import SilverSpan
from provence_plugins.errors import DataError
from provence_plugins.types import Passage, Span

PARIS = Example(
    "p", "geo", "Where is Paris?", Passage("Paris is in France.", "Paris"), (Span(0, 19),), positive=True, kind="prose"
)
MINED = Example("p#n3", "geo", "Where is Paris?", Passage("Paris is old."), (), positive=False)
ROME = Example("r", "geo", "Where is Rome?", Passage("Rome is in Italy."), (Span(0, 17),), positive=True, kind="table")
EXAMPLES = [PARIS, MINED, ROME]


def attach(path: Path, *records: dict[str, Any]) -> list[Example]:
    file = path / "labels.jsonl"
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return attach_labels(EXAMPLES, [file])


def test_labels_join_what_people_say_and_other_pairs_are_left_out(tmp_path: Path) -> None:
    own, mined = attach(
        tmp_path,
        {"line": 1, "id": "p", "silver": [[0, 19, 0.9]], "teacher_score": 2.5},
        {"line": 2, "id": "p#n3", "passage_id": "p#n3", "silver": [[0, 13, 0.1]]},
    )
    assert (own.evidence, own.positive, own.is_annotated, own.teacher) == (PARIS.evidence, True, True, 2.5)
    assert own.silver == (SilverSpan(Span(0, 19), 0.9),)
    assert (mined.id, mined.silver, mined.teacher) == ("p#n3", (SilverSpan(Span(0, 13), 0.1),), None)


def test_a_question_and_the_passage_of_another_are_a_pair_that_only_the_teacher_labelled(tmp_path: Path) -> None:
    far, near = attach(
        tmp_path,
        {"id": "p", "passage_id": "r", "silver": [[0, 17, 0.2]], "teacher_score": -4},
        {"id": "p", "passage_id": "r", "silver": [[0, 17, 0.8]]},
    )
    assert (far.question, far.passage, far.evidence, far.kind) == (PARIS.question, ROME.passage, (), "table")
    assert (far.is_annotated, far.has_sentence_labels, far.teacher) == (False, False, -4.0)
    assert (far.positive, far.is_mined, far.question_id) == (False, True, "p")
    assert (near.positive, near.is_mined) == (True, False)


def test_a_number_names_the_example_whose_id_has_its_digits(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text(
        '{"id": 5, "passage_id": 7, "silver": []}\n{"id": 5, "passage_id": null, "silver": []}'
    )
    numbered = [replace(PARIS, id="5"), replace(ROME, id="7")]
    other, own = attach_labels(numbered, [tmp_path / "labels.jsonl"])
    assert (other.question, other.passage) == (PARIS.question, ROME.passage)
    assert (own.question, own.passage) == (PARIS.question, PARIS.passage)


def test_pairs_without_labels_are_skipped(tmp_path: Path) -> None:
    assert attach(tmp_path, {"line": 1, "error": "query is blank"}, {"line": 2, "discarded": "unknown script"}) == []


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "x", "silver": []}, "no example has the id 'x'; name the files of all examples"),
        ({"id": "p", "passage_id": "x", "silver": []}, "no example has the id 'x'"),
        ({"silver": []}, "it has no key 'id'"),
        ({"id": "p"}, "it has no key 'silver'"),
        ({"id": "p", "silver": [[0, 20, 0.5]]}, "<= 19, the number of characters of the passage; got"),
        ({"id": "p", "silver": [[0, 19, 0.5]], "teacher_score": float("inf")}, "teacher_score must be a finite number"),
        ({"id": ["p"], "silver": []}, r"id must be a string or a number; got \['p'\]"),
        ({"id": True, "silver": []}, "id must be a string or a number; got True"),
        ({"id": "p", "passage_id": False, "silver": []}, "passage_id must be a string or a number; got False"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    good = {"id": "p", "silver": [[0, 19, 0.9]]}
    with pytest.raises(DataError, match=rf"labels\.jsonl, line 2: .*{reason}"):
        attach(tmp_path, good, record)


def test_labels_of_an_id_that_two_examples_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text('{"id": "p", "silver": []}\n')
    twice = [PARIS, replace(PARIS, source="other")]
    with pytest.raises(DataError, match=rf"line 1: .*2 examples have the id 'p', in {PARIS.source}, other"):
        attach_labels(twice, [tmp_path / "labels.jsonl"])
