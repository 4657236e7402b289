import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from provence_plugins.cli.app import app
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.reporting.result_files import read_result

FILLER = "There is nothing to see here at all. " * 20


def records(source: str, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        answer = f"The capital of country {number} is city {number}."
        text = f"It is a country. {answer} {FILLER}"
        start = text.index(answer)
        question = f"What is the capital of country {number}?"
        common = {"source": source, "question": question}
        spans = [[start, start + len(answer)]]
        found += [
            {**common, "id": f"{source}{number}", "passage": text, "answer_spans": spans, "is_positive": True},
            {**common, "id": f"{source}{number}#n0", "passage": FILLER, "is_positive": False},
        ]
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for source in ("books", "films", "multi_de_books"):
        lines = [json.dumps(record) for record in records(source, 4)]
        (tmp_path / f"{source}.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=True)


def test_methods_are_judged_and_everything_is_written(data: Path, tiny_folder: Path) -> None:
    methods = ("--method", "lead", "--method", "bm25", "--method", f"model:{tiny_folder}")
    output = ("--output", data / "results", "--figures", data / "pictures", "--name", "english", "--title", "English")
    done = run(data / "*.jsonl", "--exclude", "multi_??_*", *methods, *output, "--needles", 2, "--limit", 3)
    assert done.exit_code == 0, done.output
    result = read_result(data / "results" / "english.json")
    assert done.stdout == result.to_markdown()
    assert result.title == "English"
    tables = {table.title: table for table in result.tables}
    assert tables["Answers kept"].columns[1:] == ["lead", "bm25", "model"]
    assert [row[0] for row in tables["By source"].rows] == ["books", "films"]
    assert tables["Answers kept"].note.startswith("6 questions")
    assert {(row[0], row[1]) for row in tables["Differences"].rows} == {("model", "lead"), ("model", "bm25")}
    pictures = sorted(path.name for path in (data / "pictures").iterdir())
    assert pictures == sorted(figure.file for figure in result.figures)
    assert len(pictures) == 5
    assert "Traceback" not in done.stderr
    assert "provence" in result.command


def shown_rows(done: Result, title: str) -> list[list[str]]:
    """Return the columns and rows of a table on standard output; without --output no plot is drawn."""
    [section] = [part for part in done.stdout.split("\n## ") if part.startswith(f"{title}\n")]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in [lines[0], *lines[2:]]]


def test_a_group_of_sources_is_reported_by_itself_too(data: Path) -> None:
    groups = ("--group", "english=b*,films", "--group", "german=multi_de_*")
    done = run(data / "*.jsonl", "--method", "lead", "--needles", 0, *groups)
    assert done.exit_code == 0, done.output
    assert len(shown_rows(done, "Sources: english")) == len(shown_rows(done, "Sources: german")) > 11


def test_answers_kept_are_reported_by_the_kind_of_text_and_the_type_of_question(data: Path) -> None:
    lines = [{**record, "kind": "report", "question_type": "fact"} for record in records("named", 2)]
    (data / "named.jsonl").write_text("\n".join(map(json.dumps, lines)))
    by = ("--by", "kind", "--by", "question-type")
    done = run(data / "named.jsonl", data / "books.jsonl", "--method", "lead", "--needles", 0, *by)
    assert done.exit_code == 0, done.output
    assert [row[:2] for row in shown_rows(done, "At the threshold, by kind of text")[1:]] == [
        ["not named", "4"],
        ["report", "2"],
    ]
    assert shown_rows(done, "At the threshold, by type of question")[0][-3:] == [
        "lead: kept",
        "lead: all of it",
        "lead: removed",
    ]


def test_the_output_of_a_system_is_judged(data: Path) -> None:
    lines = []
    for record in records("books", 4):
        kept = {"texts": [record["passage"][17:60]]} if record["is_positive"] else {"spans": []}
        lines.append(json.dumps({"id": record["id"], **kept}))
    (data / "system.v1.jsonl").write_text("\n".join(lines))
    done = run(data / "books.jsonl", "--predictions", data / "system.v1.jsonl")
    assert done.exit_code == 0, done.output
    assert "| metric | system |" in done.stdout
    assert "| word recall | 100.0 [100.0, 100.0] |" in done.stdout
    named = run(data / "books.jsonl", "--method", "lead", "--needles", 0, "--predictions", f"x={data}/system.v1.jsonl")
    assert named.exit_code == 0, named.output
    assert "| metric | lead | x |" in named.stdout


def test_nothing_is_written_when_no_folder_is_named(data: Path) -> None:
    before = sorted(data.iterdir())
    done = run(data / "books.jsonl", "--method", "lead", "--method", "random", "--needles", 0)
    assert done.exit_code == 0, done.output
    assert sorted(data.iterdir()) == before
    assert "Needles" not in done.stdout


def test_the_shipped_model_is_judged_beside_simple_methods_when_none_is_named(data: Path) -> None:
    done = run(data / "books.jsonl", "--limit", 1, "--needles", 0)
    assert done.exit_code == 0, done.output
    assert "\n| metric | lead | bm25 | model |\n" in done.stdout


def test_two_models_have_names_of_their_own_and_are_compared(data: Path, tiny_folder: Path) -> None:
    specs = ("model", f"model:{tiny_folder}")
    done = run(data / "books.jsonl", "--method", specs[0], "--method", specs[1], "--against", "model", "--needles", 0)
    assert done.exit_code == 0, done.output
    assert f"| model | {specs[1]} | answers kept at 70 % removed |" in done.stdout


def test_a_method_named_twice_is_judged_once(data: Path) -> None:
    done = run(data / "books.jsonl", "--method", "lead", "--method", "lead", "--needles", 0)
    assert done.exit_code == 0, done.output
    assert shown_rows(done, "Answers kept")[0] == ["metric", "lead"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere-*.jsonl"], "No file matches"),
        (["books.jsonl", "--method", "bm52"], "Unknown method 'bm52'"),
        (["books.jsonl", "--method", "lead", "--against", "model", "--needles", "0"], "the methods lead; got 'model'"),
        (["books.jsonl", "--method", "open-provence:folder"], "--trust-remote-code"),
        (["books.jsonl", "--group", "a=films"], "'films' of the group 'a' matches no source. The sources are books"),
        (["books.jsonl", "--by", "colour"], "--by must be one of source, kind, question-type; got 'colour'"),
        (["books.jsonl", "--method", "lead", "--predictions", "lead=a.jsonl"], "has the name of a method"),
    ],
)
def test_an_invalid_command_is_explained(
    data: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(data)
    done = run(*arguments)
    assert isinstance(done.exception, InvalidInputError)
    assert complaint in str(done.exception)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--budget", "9", "--every-size"], "--budget and --every-size can be used only with --reader"),
        (
            ["--reader", "gguf:m.gguf", "--needles", "9", "--by", "kind"],
            "--needles and --by cannot be used with --reader",
        ),
        (["--reader", "gguf:m.gguf", "--qrels", "q"], "--qrels cannot be used with --reader"),
        (["--reader", "gguf:m.gguf", "--against", "bm25"], "--against cannot be used with --reader"),
        (
            ["--reader", "gguf:m.gguf", "--passage-comparison", "0"],
            "--passage-comparison cannot be used with --reader",
        ),
        (["--qrels", "q", "--passage-comparison", "0"], "--passage-comparison cannot be used with --qrels"),
        (["--qrels", "q", "--group", "a=b"], "--group cannot be used with --qrels"),
        (["--qrels", "q", "--image", "png"], "--image cannot be used with --qrels"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(data: Path, options: list[str], complaint: str) -> None:
    done = run(data / "books.jsonl", *options)
    assert done.exit_code == 2
    assert complaint in done.stderr


@pytest.mark.parametrize(("package", "options"), [("rank_bm25", []), ("matplotlib", ["--output", "results"])])
def test_a_package_that_is_missing_is_named_before_anything_is_scored(
    data: Path, package: str, options: list[str], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("provence_plugins.evaluation.experiment.measure", None)  # nothing may come so far
    done = run("evaluate", "books.jsonl", "--method", "lead", "--method", "bm25", *options)
    assert (
        done.complaint
        == f'provence: The package {package} is not installed. Install it with: pip install "provence-plugins[eval]"\n'
    )
