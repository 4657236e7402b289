"""The command as a job: what it prints, and that no kill, full disk, second run or redirection loses a line."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

Run = Callable[..., Any]
Start = Callable[..., Any]

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals, limits and redirections of POSIX")

GOOD = {"query": "where?", "passages": ["Paris is a city. Cheese is good."], "id": 7}


def bulk_lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def many_lines(count: int, *, lengths: int = 40) -> bytes:
    """Requests with passages of so many lengths, from none to several windows."""
    sentence = "Paris is a city in France. "
    return bulk_lines(*({**GOOD, "id": number, "passages": [sentence * (number % lengths)]} for number in range(count)))


def test_bulk_writes_a_line_for_each_line_and_a_summary(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(bulk_lines(GOOD, GOOD))
    done = run("bulk", source, target, "--model", tiny_folder, "--threshold", 0)
    assert (done.code, done.out) == (0, b"")
    rows = [json.loads(line) for line in target.read_bytes().splitlines()]
    assert [(row["line"], row["id"]) for row in rows] == [(1, 7), (2, 7)]
    assert rows[0]["passages"][0]["text"] == GOOD["passages"][0]
    before = sum(row["tokens_before"] for row in rows)
    pattern = rf"provence: 2 lines written; {before} tokens before, {before} after, 0% removed; [\d.]+ seconds, "
    assert re.fullmatch(pattern + r"[\d.]+ lines a second\n", done.err)


def test_bulk_works_in_a_pipe(run: Run, tiny_folder: Path) -> None:
    done = run("bulk", "-", "-", "--model", tiny_folder, stdin=bulk_lines(GOOD))
    assert done.code == 0
    assert json.loads(done.out)["line"] == 1
    assert "1 line written" in done.err


def test_bulk_reports_bad_lines_and_ends_with_exit_code_one(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ("bulk", "-", target, "--model", tiny_folder)
    lines = bulk_lines(GOOD, {"query": "q"}, GOOD)
    message = "The request has no 'passages'. It must be an object with query and passages."
    done = run(*arguments, stdin=lines)
    assert (done.code, done.out) == (1, b"")
    reported, summary = done.err.splitlines()
    assert reported == f"provence: line 2: {message}"
    assert "3 lines written; 1 of them errors;" in summary
    assert json.loads(target.read_bytes().splitlines()[1]) == {"line": 2, "error": message}
    resumed = run(*arguments, "--resume", stdin=lines)
    assert resumed.code == 1, "the errors of the first part count"
    [summary] = resumed.err.splitlines()
    assert "3 lines written; 3 of them by earlier runs; 1 of them errors;" in summary


def test_bulk_leaves_the_output_alone_when_the_model_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    assert run("bulk", "-", target, "--overwrite", "--model", tmp_path).complaint
    assert target.read_text() == "precious"


@pytest.mark.parametrize("option", [["--threshold", 0.9], ["--no-keep-headings"], ["--splitter", "lines"]], ids=str)
def test_bulk_is_not_resumed_with_other_options(
    option: list[object], run: Run, tmp_path: Path, tiny_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ("bulk", "-", target, "--model", tiny_folder)
    run(*arguments, stdin=bulk_lines(GOOD))
    before = target.read_bytes()
    complaint = run(*arguments, *option, "--resume", stdin=bulk_lines(GOOD)).complaint
    assert "was started with other settings: --" in complaint
    assert target.read_bytes() == before


def test_bulk_is_not_resumed_with_another_model_or_other_questions(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    target = tmp_path / "out.jsonl"
    run("bulk", "-", target, "--model", tiny_folder, stdin=bulk_lines(GOOD))
    before = target.read_bytes()
    other_model = run("bulk", "-", target, "--resume", stdin=bulk_lines(GOOD)).complaint
    assert "the files of the model have changed" in other_model
    other_lines = bulk_lines({**GOOD, "query": "who?"}, GOOD)
    assert (
        "The input has changed" in run("bulk", "-", target, "--resume", "--model", tiny_folder, stdin=other_lines).err
    )
    assert target.read_bytes() == before


@pytest.fixture
def spoilt_folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model that returns NaN for every text with the word "Cheese"."""
    folder = shutil.copytree(tiny_folder, tmp_path / "spoilt")
    for exported in folder.glob("*.onnx"):
        exported.unlink()
    tensors = load_file(folder / "model.safetensors")
    [name] = [name for name in tensors if name.endswith("word_embeddings.weight")]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tensors[name][tokenizer.encode("Cheese", add_special_tokens=False).ids[0]] = np.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_line_whose_scores_are_nan_fails_alone_and_the_run_can_be_resumed(
    run: Run, tmp_path: Path, spoilt_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    fine = {"query": "where?", "passages": ["Paris is a city."]}
    lines = bulk_lines(fine, GOOD, fine)
    done = run("bulk", "-", target, "--model", spoilt_folder, stdin=lines)
    assert done.code == 1
    rows = [json.loads(line) for line in target.read_bytes().splitlines()]
    assert ["error" in row for row in rows] == [False, True, False]
    assert "line 2: The model returned NaN or infinite scores" in done.err
    resumed = run("bulk", "-", target, "--model", spoilt_folder, "--resume", stdin=lines)
    assert "3 lines written; 3 of them by earlier runs; 1 of them errors" in resumed.err


@posix_only
def test_an_interrupted_run_says_how_to_go_on(start: Start, tmp_path: Path, tiny_folder: Path) -> None:
    target = tmp_path / "out.jsonl"
    process = start("bulk", "-", target, "--model", tiny_folder, stdin=subprocess.PIPE)
    process.stdin.write(bulk_lines(*[GOOD] * 300))
    process.stdin.flush()
    # 256 lines are read at a time; then it waits for more.
    while not target.exists() or target.read_bytes().count(b"\n") < 256:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b"provence: Interrupted. 256 lines complete; continue with --resume.\n"


# By default tests/cli/test_bulk_files.py stops runs at many lines in this process.
@pytest.mark.slow
@posix_only
def test_kills_at_any_time_and_resumes_give_the_bytes_of_an_undisturbed_run(
    run: Run, start: Start, tmp_path: Path, tiny_folder: Path
) -> None:
    source, target, undisturbed = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "undisturbed.jsonl"))
    # More than the 256 lines that are read at a time.
    source.write_bytes(many_lines(300, lengths=16))
    arguments = ("--model", tiny_folder, "--threads", 1)
    assert run("bulk", source, undisturbed, *arguments).code == 0
    size = undisturbed.stat().st_size
    for share in (0.0, 0.5):
        process = start("bulk", source, target, "--resume", *arguments)
        while process.poll() is None and (not target.exists() or target.stat().st_size <= share * size):
            time.sleep(0.001)
        process.kill()
        process.wait()
    killed = target.stat().st_size
    assert run("bulk", source, target, "--resume", *arguments).code == 0
    assert target.read_bytes() == undisturbed.read_bytes()
    assert killed > 0
    record = target.with_name("out.jsonl.run")
    assert record.read_bytes() == undisturbed.with_name("undisturbed.jsonl.run").read_bytes()


# By default tests/cli/test_bulk_files.py opens the files of a run that goes on in this process.
@pytest.mark.slow
@posix_only
def test_a_second_run_at_the_same_time_is_refused_and_harms_nothing(
    start: Start, tmp_path: Path, tiny_folder: Path
) -> None:
    target = tmp_path / "out.jsonl"
    lines = bulk_lines(GOOD, GOOD)
    first = start("bulk", "-", target, "--model", tiny_folder, stdin=subprocess.PIPE)
    while not target.exists():
        assert first.poll() is None
        time.sleep(0.02)
    second = start("bulk", "-", target, "--resume", "--model", tiny_folder, stdin=subprocess.DEVNULL)
    assert second.wait(timeout=60) == 2
    assert b"is being written by another run" in second.stderr.read()
    first.communicate(lines)
    assert first.returncode == 0
    assert [json.loads(line)["line"] for line in target.read_bytes().splitlines()] == [1, 2]


def test_standard_output_into_the_input_is_refused(
    run: Run, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(bulk_lines(GOOD))
    with open(source, "a") as appending:
        monkeypatch.setattr("sys.stdout", appending)
        assert "is both the input and the output" in run("bulk", source, "-", "--model", tiny_folder).complaint
    assert source.read_bytes() == bulk_lines(GOOD)


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("arguments", [["-", "in.jsonl", "--overwrite"], ["in.jsonl", "-"]], ids=" ".join)
def test_an_input_is_never_its_own_output(
    arguments: list[str], start: Start, tmp_path: Path, tiny_folder: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(bulk_lines(GOOD))
    with open(source, "rb") as reading, open(source, "ab") as appending:
        streams = {"stdin": reading, "stdout": appending}
        process = start("bulk", *arguments, "--model", tiny_folder, cwd=tmp_path, **streams)
        assert process.wait(timeout=60) == 2
    assert b"is both the input and the output" in process.stderr.read()
    assert source.read_bytes() == bulk_lines(GOOD)


def limit_files(size: int) -> None:
    """Let no file of this process grow beyond a size, as a full disk does."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@posix_only
@pytest.mark.parametrize("size", [pytest.param(50, marks=pytest.mark.slow), 9000], ids=lambda size: f"{size} bytes")
def test_a_full_disk_loses_nothing(size: int, run: Run, start: Start, tmp_path: Path, tiny_folder: Path) -> None:
    source, target, undisturbed = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "undisturbed.jsonl"))
    source.write_bytes(many_lines(40))
    arguments = ("--model", tiny_folder, "--threads", 1)
    assert run("bulk", source, undisturbed, *arguments).code == 0
    full = start("bulk", source, target, *arguments, before=partial(limit_files, size))
    assert full.wait() == 2
    said = full.stderr.read().decode()
    assert said.count("\n") == 1
    assert "File too large" in said
    complete = target.read_bytes()
    assert complete == b"".join(undisturbed.read_bytes().splitlines(keepends=True)[: complete.count(b"\n")])
    if size > 1000:
        count = len(complete.splitlines())
        assert f"{count} lines complete; continue with --resume." in said or f"{count} line complete" in said
    assert run("bulk", source, target, "--resume", *arguments).code == 0
    assert target.read_bytes() == undisturbed.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_device_that_is_full_is_one_line(run: Run, tiny_folder: Path) -> None:
    complaint = run("bulk", "-", "/dev/full", "--model", tiny_folder, stdin=bulk_lines(GOOD)).complaint
    assert complaint == "provence: /dev/full: No space left on device. 0 lines complete.\n"
