import json
from pathlib import Path

import pytest

from provence_plugins.data.qrels import read_candidates, read_qrels
from provence_plugins.errors import DataError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_lines_of_trec_are_read_and_spam_counts_as_not_relevant(tmp_path: Path) -> None:
    path = write(tmp_path / "qrels", "q1 0 d1 3\nq1\t0\td2\t0\n\nq2 Q0 d1 -2\n")
    assert read_qrels(path) == {"q1": {"d1": 3.0, "d2": 0.0}, "q2": {"d1": 0.0}}


def test_lines_of_beir_are_read_with_their_heading(tmp_path: Path) -> None:
    path = write(tmp_path / "test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\n")
    assert read_qrels(path) == {"q1": {"d1": 2.0}}


@pytest.mark.parametrize(
    "text",
    [
        "q1 d1\n",
        "q1 0 d1 high\n",
        "q1 0 d1 nan\n",
        "q1 0 d1 1e400\n",
        "q1 0 d1 1 more\n",
        "",
        "query-id corpus-id score\n",
    ],
)
def test_an_invalid_judgement_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Expected"):
        read_qrels(write(tmp_path / "qrels", text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Cannot read"):
        read_qrels(tmp_path / "qrels")


def test_candidates_get_their_grades_and_those_that_nobody_judged_0(tmp_path: Path) -> None:
    rows = [
        {"query_id": "q1", "question": "Who?", "passage_id": "d1", "passage": "Ada."},
        {"query_id": "q1", "question": "Who?", "passage_id": "d9", "passage": "Rain.", "title": "Weather"},
        {"query_id": "q7", "question": "When?", "passage_id": "d1", "passage": "Ada."},
    ]
    path = write(tmp_path / "cast.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    found = list(read_candidates(path, {"q1": {"d1": 3.0}}))
    assert [(each.id, each.grade, each.source, each.passage.title) for each in found] == [
        ("d1", 3.0, "cast", None),
        ("d9", 0.0, "cast", "Weather"),
    ]


def test_a_candidate_without_a_query_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "cast.jsonl", json.dumps({"question": "Who?", "passage_id": "d", "passage": "Ada."}))
    with pytest.raises(DataError, match="query_id"):
        list(read_candidates(path, {}))


@pytest.mark.parametrize("question", [None, 3, " ", ["Who?"]], ids=str)
def test_a_candidate_whose_question_is_not_text_is_refused(question: object, tmp_path: Path) -> None:
    row = {"query_id": "q1", "question": question, "passage_id": "d1", "passage": "Ada."}
    with pytest.raises(DataError, match=r"line 1: .*question must be a string that is not blank"):
        list(read_candidates(write(tmp_path / "c.jsonl", json.dumps(row)), {"q1": {"d1": 1.0}}))
