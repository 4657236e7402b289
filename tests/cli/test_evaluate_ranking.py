import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provence_plugins.cli.app import app
from provence_plugins.cli.evaluate_ranking import read_graded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for query in range(3):
        question = {"query_id": f"q{query}", "question": f"What lives on island {query}?"}
        for place, text in enumerate([f"On island {query} lives a quokka.", "It rains.", "A ferry leaves."]):
            rows.append({**question, "passage_id": f"d{place}", "passage": text})
    (tmp_path / "islands.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "qrels").write_text("".join(f"q{query} 0 d0 3\nq{query} 0 d2 1\n" for query in range(3)))
    return tmp_path


def test_judgements_give_a_table_of_reranking(folder: Path) -> None:
    arguments = ["evaluate", str(folder / "islands.jsonl"), "--qrels", str(folder / "qrels"), "--method", "bm25"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "| method | nDCG@5 | nDCG@10 | nDCG@20 |" in done.stdout
    assert "| bm25 | " in done.stdout
    assert "3 questions with 9 passages; sources: 1" in done.stdout


def test_a_limit_counts_questions(folder: Path) -> None:
    found = read_graded([folder / "islands.jsonl"], folder / "qrels", 2)
    assert len(found) == 6
    assert len({example.question for example in found}) == 2
