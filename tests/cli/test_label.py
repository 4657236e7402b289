import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import Reply, completion, prompt_of, serve_chat

from provence_plugins import Pruner
from provence_plugins.data.detached_labels import attach_labels
from provence_plugins.data.examples import read_examples

Run = Callable[..., Any]

TEXT = "Paris is the capital of France. The river is long. Cheese is good."
PAIRS = [
    {"id": f"q{number}", "question": f"What is {number}?", "passage": f"{number} is odd. {TEXT}", "title": "Page"}
    for number in range(5)
]


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_teacher_writes_its_probabilities_and_its_relevance_beside_the_pair(
    run: Run, tmp_path: Path, tiny_folder: Path
) -> None:
    source, target = write(tmp_path / "in.jsonl", *PAIRS, {"question": " ", "passage": TEXT}), tmp_path / "out.jsonl"
    done = run("label", tiny_folder, source, target)
    assert done.code == 1, "the last line has no question"
    assert "6 lines written; 1 of them errors" in done.err
    *labelled, failed = lines_of(target)
    assert failed == {"line": 6, "error": "query is blank. Pass the question that the passages should answer."}
    with Pruner(tiny_folder) as pruner:
        for number, (line, example) in enumerate(zip(labelled, read_examples(target), strict=True), start=1):
            assert line.items() >= {"line": number, **PAIRS[number - 1]}.items()
            [passage] = pruner.prune(example.question, [example.passage]).dropped or (
                pruner.prune(example.question, [example.passage]).passages
            )
            found = [given.probability for given in example.silver]
            assert found == pytest.approx([sentence.probability for sentence in passage.sentences], abs=1e-5)
            assert 1 / (1 + math.exp(-(example.teacher or 0))) == pytest.approx(passage.relevance, abs=1e-4)


def test_labels_without_texts_are_joined_with_them_again(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    pairs = [*PAIRS, {**PAIRS[0], "passage": PAIRS[1]["passage"], "passage_id": "q1"}]
    source = write(tmp_path / "in.jsonl", *pairs, {"question": "What?", "passage": TEXT})
    whole, small = tmp_path / "whole.jsonl", tmp_path / "small.jsonl"
    assert run("label", tiny_folder, source, whole).code == 0
    done = run("label", tiny_folder, source, small, "--labels-only")
    assert done.code == 1, "the last line has no id"
    *labels, failed = lines_of(small)
    assert "must have an id" in failed["error"]
    assert [sorted(line) for line in labels[:-1]] == [["id", "line", "silver", "teacher_score"]] * 5
    assert labels[-1].items() >= {"id": "q0", "passage_id": "q1"}.items()
    data = write(tmp_path / "data.jsonl", *({**pair, "is_positive": False} for pair in PAIRS))
    joined = attach_labels(list(read_examples(data)), [write(tmp_path / "labels.jsonl", *labels)])
    for one, other in zip(joined, read_examples(whole), strict=False):
        assert (one.question, one.passage, one.silver, one.teacher) == (
            other.question,
            other.passage,
            other.silver,
            other.teacher,
        )


def test_an_encoder_changes_the_relevance_alone(
    run: Run, tmp_path: Path, tiny_folder: Path, encoder_folder: Path
) -> None:
    source = write(tmp_path / "in.jsonl", *PAIRS, {"question": " ", "passage": TEXT})
    plain, mixed = tmp_path / "plain.jsonl", tmp_path / "mixed.jsonl"
    assert run("label", tiny_folder, source, plain).code == 1
    options = ("--encoder", encoder_folder, "--encoder-weight", 0)
    assert run("label", tiny_folder, source, mixed, *options).code == 1, "the last line has no question"
    for line, other in zip(lines_of(mixed)[:-1], lines_of(plain)[:-1], strict=True):
        assert line["silver"] == other["silver"]
        assert line["teacher_score"] == pytest.approx(other["teacher_score"] / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--llm", "gguf:m.gguf", "--encoder", "folder"], "--encoder cannot be used with --llm"),
        (
            ["--llm", "gguf:m.gguf", "--backend", "onnx", "--window-tokens", 9],
            "--backend and --window-tokens cannot be",
        ),
        (["teacher", "--prompt", "relevance", "--estimate"], "--prompt and --estimate can be used only with --llm"),
        (["teacher", "--encoder-weight", 3], "--encoder-weight can be used only with --encoder"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(run: Run, arguments: list[Any], complaint: str) -> None:
    done = run("label", *arguments, "in.jsonl", "out.jsonl")
    assert done.code == 2
    assert complaint in done.err


def test_a_run_continues_behind_its_last_line_and_refuses_another_teacher(
    run: Run, tmp_path: Path, tiny_folder: Path
) -> None:
    source, target = write(tmp_path / "in.jsonl", *PAIRS), tmp_path / "out.jsonl"
    assert run("label", tiny_folder, source, target).code == 0
    whole = target.read_bytes()
    target.write_bytes(whole[: len(whole) // 2])
    assert "not empty" in run("label", tiny_folder, source, target).complaint
    assert "the files of the model have changed" in run("label", "bundled", source, target, "--resume").complaint
    assert run("label", tiny_folder, source, target, "--resume").code == 0
    assert target.read_bytes() == whole


def answer(request: dict[str, Any]) -> Reply:
    """Cite the first sentence of even pages and say nothing that can be used about the third."""
    question = prompt_of(request).rpartition("Question: ")[2]
    answers = {"What is 2?": "Two is even.", "What is 3?": "No answer."}
    return completion(answers.get(question, "It is odd [1]."))


def test_a_chat_model_labels_what_it_cites_and_discarded_answers_are_counted(run: Run, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.jsonl", *PAIRS), tmp_path / "out.jsonl"
    with serve_chat(answer) as server:
        done = run("label", "--llm", f"openai:{server.url}#tiny", source, target, "--input-price", 2)
        shown = prompt_of(server.requests[0])
    assert done.code == 0, done.err
    estimate, summary = done.err.splitlines()
    assert "5 requests, about" in estimate
    assert "at most 1,280 of answers; at most about 0.00" in estimate
    assert "1 answers discarded (1 no citation)" in summary
    assert "Title: Page\n[1] " in shown
    assert "\n[4] Cheese is good.\n\nQuestion: What is " in shown
    lines = lines_of(target)
    assert lines[2] == {"line": 3, "discarded": "no citation", "answer": "Two is even."}
    kept = [[given.probability for given in example.silver] for example in read_examples(target)]
    assert kept == [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert [example.positive for example in read_examples(target)] == [True, True, False, True]


def test_nothing_is_asked_twice_when_the_chat_model_goes_away(run: Run, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.jsonl", *PAIRS), tmp_path / "out.jsonl"

    def fail_at_three(request: dict[str, Any]) -> Reply:
        is_third = "What is 3?" in prompt_of(request)
        return Reply({"error": {"message": "no such model"}}, 404) if is_third else completion("It is odd [1].")

    with serve_chat(fail_at_three) as server:
        arguments = ("label", "--llm", f"openai:{server.url}#tiny", source, target, "--concurrency", 1)
        stopped = run(*arguments)
        assert stopped.code == 2
        assert "3 lines complete; continue with --resume." in stopped.err
        assert len(lines_of(target)) == 3
    asked: list[str] = []

    def remember(request: dict[str, Any]) -> Reply:
        asked.append(prompt_of(request).rpartition("Question: ")[2])
        return completion("It is odd [1].")

    with serve_chat(remember) as server:
        # The address is a part of the model's name, and a free port is never the same twice.
        record = target.with_name(target.name + ".run")
        record.write_text(record.read_text().replace(arguments[2], f"openai:{server.url}#tiny"))
        resumed = run("label", "--llm", f"openai:{server.url}#tiny", source, target, "--concurrency", 1, "--resume")
        assert resumed.code == 0, resumed.err
    assert asked == ["What is 3?", "What is 4?"]
    assert len(lines_of(target)) == 5


def test_an_estimate_asks_nothing(run: Run, tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.jsonl", *PAIRS), tmp_path / "out.jsonl"
    done = run("label", "--llm", "openai:http://127.0.0.1:9/v1#tiny", source, target, "--estimate")
    assert (done.code, target.exists()) == (0, False)
    assert "to see the cost, give --input-price and --output-price" in done.err


@pytest.mark.parametrize("arguments", [["in", "out"], ["--llm", "gguf:x", "teacher", "in", "out"]], ids=str)
def test_a_missing_or_superfluous_teacher_is_a_usage_error(arguments: list[str], run: Run) -> None:
    done = run("label", *arguments)
    assert done.code == 2
    assert "--llm; got" in done.err
