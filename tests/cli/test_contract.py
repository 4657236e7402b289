import json
from pathlib import Path
from typing import Any

import pytest
from chat_server import Reply, completion, prompt_of, serve_chat
from typer.testing import CliRunner, Result

from provence_plugins.cli.app import app
from provence_plugins.evaluation.reporting.result_files import read_result

QUESTIONS = 70


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    lines = []
    for number in range(QUESTIONS):
        sentence = f"The capital of country {number} is Ville{number}."
        text = f"It is a country. {sentence} There is nothing to see here at all."
        start = text.index(sentence)
        record: dict[str, Any] = {"id": f"q{number}", "question": f"What is the capital of country {number}?"}
        spans = [[start, start + len(sentence)]]
        record |= {"passage": text, "answers": [f"Ville{number}"], "answer_spans": spans, "is_positive": True}
        lines.append(json.dumps(record))
    path.write_text("\n".join(lines))
    return path


def look_up(request: dict[str, Any]) -> Reply:
    context, question = prompt_of(request).split("Question:")
    number = question.split("country ")[1].split("?")[0]
    return completion(f"Ville{number}" if f"country {number} is Ville{number}" in context else "unanswerable")


def check(data: Path, tiny_folder: Path, *arguments: object) -> Result:
    with serve_chat(look_up) as server:
        model = ("--reader", f"openai:{server.url}#tiny", "--pruner", str(tiny_folder), "--passages", "1")
        output = ("--output", str(data.parent / "results"))
        return CliRunner().invoke(app, ["contract", str(data), *model, *output, *map(str, arguments)])


def test_a_contract_that_is_kept_has_exit_code_0_and_one_page(data: Path, tiny_folder: Path) -> None:
    done = check(data, tiny_folder, "--threshold", 0, "--margin", 0.06)
    assert done.exit_code == 0, done.output
    assert "The contract is kept." in done.stdout
    result = read_result(data.parent / "results" / "contract.json")
    assert done.stdout == result.to_markdown()
    clauses, conditions, *_ = result.tables
    assert [row[2] for row in clauses.rows] == ["yes"] * 4
    assert clauses.rows[1][1] == "100.0 % [94.8, 100.0] of 70"
    shown = dict(conditions.rows)
    assert str(shown["pruning model"]).startswith(str(tiny_folder))
    assert str(shown["questions"]).startswith("mine.jsonl (")
    assert shown["answers that failed"] == "0"


def test_a_contract_that_is_broken_has_exit_code_1(data: Path, tiny_folder: Path) -> None:
    done = check(data, tiny_folder, "--threshold", 1)
    assert done.exit_code == 1, done.output
    clauses = read_result(data.parent / "results" / "contract.json").tables[0]
    assert [row[2] for row in clauses.rows] == ["yes", "not shown", "yes", "not shown"]
    assert "not shown to be kept" in done.stdout


def test_a_contract_needs_a_reader(data: Path) -> None:
    done = CliRunner().invoke(app, ["contract", str(data)])
    assert done.exit_code == 2
    assert "--reader" in done.output


def test_an_option_for_methods_is_refused_because_a_contract_compares_none(data: Path) -> None:
    done = CliRunner().invoke(app, ["contract", str(data), "--reader", "gguf:m.gguf", "--every-size"])
    assert done.exit_code == 2
    assert "--every-size cannot be used with contract, which compares no methods." in done.output
