import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.data.examples import read_examples

Run = Callable[..., Any]


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_questions_and_a_corpus_become_pairs_that_training_reads(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    quokka = "Quokkas are small wallabies. They live on Rottnest Island. They eat leaves."
    corpus = write(
        tmp_path / "corpus.jsonl",
        {"id": "a", "text": quokka, "title": "Quokka"},
        {"id": "b", "text": "Quokkas live in zoos too."},
        {"id": "c", "text": "Tea is green."},
    )
    questions = write(tmp_path / "asked.jsonl", {"question": "Where do quokkas live?", "answers": ["Rottnest Island"]})
    target = tmp_path / "pairs.jsonl"
    arguments = ("build", questions, target, "--corpus", corpus, "--sentences", 3, 3, "--rerank", tiny_folder)
    done = run(*arguments, "--top-k", 2)
    assert done.code == 0, done.err
    assert done.err == "provence: 2 pairs written\n"
    examples = {example.passage.text: example for example in read_examples(target)}
    assert examples.keys() == {quokka, "Quokkas live in zoos too."}
    [span] = examples[quokka].evidence
    assert span.of(quokka) == "Rottnest Island"
    assert examples[quokka].passage.title == "Quokka"
    assert not examples["Quokkas live in zoos too."].positive
    assert "exists. Name another file" in run(*arguments).complaint


def test_a_row_of_open_provence_becomes_its_pairs_and_a_damaged_one_leaves_no_file(run: Run, tmp_path: Path) -> None:
    row = {"id": "r", "query": "who", "texts": ["Me.", "You."], "labels": [1, 0]}
    target = tmp_path / "pairs.jsonl"
    rows = write(tmp_path / "rows.jsonl", row, {**row, "labels": [1]})
    assert "is not in the layout of OpenProvence" in run("build", rows, target, "--layout", "open-provence").complaint
    assert {path.name for path in tmp_path.iterdir()} == {"rows.jsonl"}
    assert run("build", write(rows, row), target, "--layout", "open-provence").code == 0
    assert [example.positive for example in read_examples(target)] == [True, False]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--rerank", "bundled", "--seed", 2], "--rerank and --seed can be used only with --corpus"),
        (["--layout", "open-provence", "--top-k", 9], "--top-k cannot be used with --layout open-provence"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(run: Run, options: list[Any], complaint: str) -> None:
    done = run("build", "in.jsonl", "out.jsonl", *options)
    assert done.code == 2
    assert complaint in done.err


def test_half_a_surrogate_pair_is_written_as_json_spells_it(run: Run, tmp_path: Path) -> None:
    questions = write(tmp_path / "asked.jsonl", {"question": "who é? \ud800", "passages": ["A é."]})
    assert run("build", questions, tmp_path / "pairs.jsonl").code == 0
    line = (tmp_path / "pairs.jsonl").read_text(encoding="utf-8")
    assert '"who é? \\ud800"' in line
    assert json.loads(line)["question"] == "who é? \ud800"


@pytest.mark.parametrize("documents", [[], [{"text": "  "}]], ids=["empty", "blank"])
def test_a_corpus_without_passages_is_one_line_and_leaves_no_file(
    documents: list[Any], run: Run, tmp_path: Path
) -> None:
    questions = write(tmp_path / "asked.jsonl", {"question": "Who?"})
    corpus = write(tmp_path / "corpus.jsonl", *documents)
    complaint = run("build", questions, tmp_path / "pairs.jsonl", "--corpus", corpus).complaint
    assert "The corpus has 0 passages" in complaint
    assert {path.name for path in tmp_path.iterdir()} == {"asked.jsonl", "corpus.jsonl"}


@pytest.mark.parametrize("name", ["asked.jsonl", "corpus.jsonl", "link.jsonl", "pairs.jsonl"])
def test_the_pairs_never_replace_an_input(name: str, run: Run, tmp_path: Path) -> None:
    asked = "pairs.jsonl.partial" if name == "pairs.jsonl" else "asked.jsonl"
    questions = write(tmp_path / asked, {"question": "capital of France?", "answers": ["Paris"]})
    corpus = write(tmp_path / "corpus.jsonl", {"text": "The capital of France is Paris."})
    (tmp_path / "link.jsonl").symlink_to(questions)
    before = [questions.read_bytes(), corpus.read_bytes()]
    done = run("build", questions, tmp_path / name, "--corpus", corpus, "--overwrite")
    assert "which is an input. Name another file for the pairs." in done.complaint
    assert [questions.read_bytes(), corpus.read_bytes()] == before
