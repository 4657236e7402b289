import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.data.examples import Example, first_questions, label_sentences, read_examples
from provence_plugins.errors import DataError
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage, Span

LINE: dict[str, Any] = {"question": "Where?", "passage": "Here. There.", "is_positive": True}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def example(
    *evidence: tuple[int, int], text: str = "One. Two. Three.", positive: bool = True, id: str = "q", source: str = "s"
) -> Example:
    return Example(id, source, "Which?", Passage(text), tuple(Span(*pair) for pair in evidence), positive)


def test_a_line_becomes_an_example_with_all_its_evidence(tmp_path: Path) -> None:
    record = LINE | {
        "id": "q1",
        "source": "books",
        "title": "Places",
        "answer_spans": [[0, 4]],
        "relevant_sentences": [[6, 12]],
        "teacher_score": 3,
    }
    [read] = read_examples(write(tmp_path / "data.jsonl", record))
    assert read.passage == Passage("Here. There.", "Places")
    assert read.evidence == (Span(0, 4), Span(6, 12))
    assert (read.id, read.question_id, read.source, read.question) == ("q1", "q1", "books", "Where?")
    assert isinstance(read.teacher, float)
    assert read.teacher == 3.0


@pytest.mark.parametrize("name", ["grade", "relevance"])
def test_a_line_may_hold_a_grade(tmp_path: Path, name: str) -> None:
    graded, plain = read_examples(write(tmp_path / "data.jsonl", LINE | {name: 2}, LINE))
    assert graded.grade == 2.0
    assert isinstance(graded.grade, float)
    assert plain.grade is None


def test_a_line_may_tell_the_kind_of_text_and_the_type_of_question(tmp_path: Path) -> None:
    named, plain = read_examples(write(tmp_path / "data.jsonl", LINE | {"kind": "list", "question_type": "fact"}, LINE))
    assert (named.kind, named.question_type) == ("list", "fact")
    assert (plain.kind, plain.question_type) == (None, None)


def test_null_leaves_id_and_source_out(tmp_path: Path) -> None:
    null, absent = read_examples(write(tmp_path / "data.jsonl", LINE | {"id": None, "source": None}, LINE))
    assert (null.id, null.source) == ("data.jsonl:1", "data")
    assert (absent.id, absent.source) == ("data.jsonl:2", "data")


def test_a_number_names_an_example_by_its_digits(tmp_path: Path) -> None:
    [read] = read_examples(write(tmp_path / "data.jsonl", LINE | {"id": 7}))
    assert read.id == "7"


def test_what_a_line_leaves_out_comes_from_its_place(tmp_path: Path) -> None:
    [_, read] = read_examples(write(tmp_path / "books.v1.jsonl", LINE, LINE))
    assert (read.id, read.source, read.evidence, read.teacher) == ("books.v1.jsonl:2", "books", (), None)


def test_a_negative_has_no_evidence_whatever_its_line_says(tmp_path: Path) -> None:
    [read] = read_examples(write(tmp_path / "data.jsonl", LINE | {"is_positive": False, "answer_spans": [[0, 4]]}))
    assert read.evidence == ()
    assert read.has_sentence_labels


def test_a_positive_without_evidence_has_no_sentence_labels() -> None:
    assert not example().has_sentence_labels
    assert example((0, 3)).has_sentence_labels


def test_compressed_files_and_blank_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.write(f"\n{json.dumps(LINE)}\n\n{json.dumps(LINE)}\n")
    assert [read.id for read in read_examples(path)] == ["data.jsonl.gz:2", "data.jsonl.gz:4"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("no object", "it must be an object; got 'no object'"),
        ([1], r"it must be an object; got \[1\]\. Expected"),
        ({"question": "Where?", "is_positive": True}, "passage"),
        (LINE | {"is_positive": "yes"}, "true or false; got 'yes'"),
        (LINE | {"question": "  "}, "question must be a string that is not blank; got '  '"),
        (LINE | {"passage": 7}, "passage must be a string; got 7"),
        (LINE | {"title": 7}, "title must be a string; got 7"),
        (LINE | {"answer_spans": [[0, 99]]}, r"<= 12, the number of characters of the passage; got \[0, 99\]"),
        (LINE | {"answer_spans": [[5, 2]]}, r"0 <= start <= end <= 12, .*; got \[5, 2\]"),
        (
            LINE | {"relevant_sentences": [[-5, 5]]},
            r"relevant_sentences must hold ranges \[start, end\] .*got \[-5, 5\]\. E",
        ),
        (LINE | {"answer_spans": [3]}, r"answer_spans must hold ranges \[start, end\] .*; got 3\. E"),
        (LINE | {"answer_spans": [[0, True]]}, r"answer_spans must hold ranges .*; got \[0, True\]"),
        (LINE | {"answer_spans": "0-5"}, "answer_spans must be a list; got '0-5'"),
        (LINE | {"silver": [[0, 5, True]]}, "a probability in silver must be a finite number; got True"),
        (LINE | {"silver": [[0, 5]]}, r"silver must hold lists of \[start, end, probability\]; got \[0, 5\]"),
        (LINE | {"teacher_score": float("nan")}, "finite"),
        (LINE | {"teacher_score": "high"}, "teacher_score must be a finite number; got 'high'"),
        (LINE | {"teacher_score": 10**400}, "teacher_score must be a finite number; got 1000"),
        (LINE | {"kind": 3}, "kind must be a string; got 3"),
        (LINE | {"source": 3}, "source must be a string; got 3"),
        (LINE | {"id": {}}, "id must be a string or a number; got {}"),
        (LINE | {"id": True}, "id must be a string or a number; got True"),
        (LINE | {"grade": -1}, "must not be negative; got -1"),
        (LINE | {"grade": "2"}, "grade must be a finite number; got '2'"),
        (LINE | {"grade": True}, "grade must be a finite number; got True"),
        (LINE | {"relevance": float("inf")}, "relevance must be a finite number; got inf"),
    ],
)
def test_a_malformed_line_is_named_with_its_number(tmp_path: Path, broken: object, reason: str) -> None:
    path = write(tmp_path / "data.jsonl", LINE, LINE, broken)
    with pytest.raises(DataError, match=rf"data\.jsonl, line 3: .*{reason}"):
        list(read_examples(path))


def test_a_line_that_is_not_json_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(LINE) + "\n{half", encoding="utf-8")
    with pytest.raises(DataError, match="line 2: it is not valid JSON"):
        list(read_examples(path))


def damaged_archive() -> bytes:
    whole = bytearray(gzip.compress(json.dumps(LINE).encode() * 50))
    whole[15:25] = bytes(byte ^ 0xFF for byte in whole[15:25])
    return bytes(whole)


@pytest.mark.parametrize(
    "content",
    [b"no archive", gzip.compress(b"{}" * 500)[:-9], damaged_archive(), gzip.compress(b"\xff\xfe")],
    ids=["plain", "cut off", "damaged", "not utf-8"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.jsonl\.gz"):
        list(read_examples(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        list(read_examples(tmp_path / "nowhere.jsonl"))


def test_sentences_that_overlap_evidence_are_marked() -> None:
    sentences = split_sentences("One. Two. Three.")
    assert label_sentences(example((5, 8)), sentences) == [False, True, False]
    assert label_sentences(example((3, 6), (15, 16)), sentences) == [True, True, True]
    assert label_sentences(example((0, 5)), sentences) == [True, False, False]
    assert label_sentences(example(), sentences) == [False, False, False]


@given(evidence=st.lists(st.tuples(st.integers(0, 15), st.integers(1, 5)), max_size=3))
def test_a_sentence_is_marked_when_it_shares_a_character_with_evidence(evidence: list[tuple[int, int]]) -> None:
    spans = [(start, min(start + size, 16)) for start, size in evidence]
    sentences = split_sentences("One. Two. Three.")
    marked = {character for start, end in spans for character in range(start, end)}
    assert label_sentences(example(*spans), sentences) == [
        not marked.isdisjoint(range(sentence.start, sentence.end)) for sentence in sentences
    ]


def test_the_first_questions_of_each_source_bring_their_negatives_along() -> None:
    examples = [
        example(id="unanswerable", positive=False),
        example(id="a"),
        example(id="a#n0", positive=False),
        example(id="b"),
        example(id="b#n0", positive=False),
        example(id="c", source="other"),
    ]
    assert [item.id for item in first_questions(examples, 1)] == ["a", "a#n0", "c"]
    assert [item.id for item in first_questions(examples, 9)] == ["a", "a#n0", "b", "b#n0", "c"]


@pytest.mark.parametrize(
    ("id", "question", "is_mined"),
    [
        ("q1", "q1", False),
        ("q1#n0", "q1", True),
        ("wiki/Diane_Downs#P2632-0-5", "wiki/Diane_Downs#P2632-0-5", False),
        ("wiki/Diane_Downs#P2632-0-5#n12", "wiki/Diane_Downs#P2632-0-5", True),
        ("q#n1-b", "q#n1-b", False),
    ],
)
def test_only_the_end_of_an_id_tells_a_mined_negative(id: str, question: str, is_mined: bool) -> None:
    given = example(id=id, positive=False)
    assert (given.question_id, given.is_mined) == (question, is_mined)
    positive = example(id=id)
    assert (positive.question_id, positive.is_mined) == (id, False)
