import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import provence_plugins
from provence_plugins import __version__
from provence_plugins.cli.app import COMMANDS

Run = Callable[..., Any]
Start = Callable[..., Any]

ROOT = Path(provence_plugins.__file__).parents[1]

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and descriptors of POSIX")


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == (0, f"provence {__version__}\n".encode(), "")


def test_help_loads_nothing_heavy() -> None:
    commands = [command.__name__ for command in COMMANDS]
    heavy = {"numpy", "onnxruntime", "torch", "tokenizers", "huggingface_hub", "tqdm", "matplotlib"}
    script = (
        "import sys\n"
        "from provence_plugins.cli.app import main\n"
        f"for command in {commands!r}:\n"
        "    sys.argv = ['provence', command, '--help']\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        f"    print(command, sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("--help") >= len(commands)
    assert done.stderr.splitlines() == [f"{command} []" for command in commands]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["prune"],
        ["prune", "-q", "x", "--json", "--html"],
        ["prune", "-q", "x", "--show", "--html"],
        ["prune", "-q", "x", "--order", "random"],
        ["prune", "-q", "x", "--splitter", "none"],
        ["prune", "-q", "x", "--backend", "none"],
        ["bulk", "in.jsonl"],
        ["bulk", "in.jsonl", "out.jsonl", "--resume", "--overwrite"],
    ],
    ids=" ".join,
)
def test_bad_usage_has_exit_code_two(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["prune", "-q", " "], "blank"),
        (["prune", "-q", "x", "missing.md"], "missing.md: No such file"),
        (["prune", "-q", "x", "."], "directory"),
        (["prune", "-q", "x", "image.png"], "image.png is not UTF-8 text"),
        (["prune", "-q", "x", "--threshold", "1.5"], "threshold must be"),
        (["prune", "-q", "x", "--top-n", "0"], "top_n must be"),
        (["prune", "-q", "x", "--dtype", "int4"], "got 'int4'"),
        (["prune", "-q", "x", "--device", "tpu", "--backend", "onnx"], "'tpu'"),
        (["prune", "-q", "x", "--model", "no/such/folder"], "no model folder 'no/such/folder'"),
        (["rerank", "-q", "x", "--top-n", "0"], "top_n must be"),
        (["rerank", "-q", "x", "missing.md"], "missing.md: No such file"),
        (["rerank", "-q", "x", "."], "directory"),
        (["rerank", "-q", "x", "image.png"], "image.png is not UTF-8 text"),
        (["bulk", "missing.jsonl", "out.jsonl"], "missing.jsonl: No such file"),
        (["bulk", ".", "out.jsonl"], "directory"),
        (["bulk", "image.png", "out.jsonl"], "is a binary file"),
        (["bulk", "in.jsonl", "."], "directory"),
        (["bulk", "in.jsonl", "missing/out.jsonl"], "missing/out.jsonl: No such file"),
        (["bulk", "-", "-", "--resume"], "cannot be resumed"),
        (["train", "missing.toml"], "missing.toml"),
        (["train", "."], "directory"),
        (["train", "image.png"], "image.png"),
        (["export", "missing"], "no model folder 'missing'"),
        (["export", "image.png"], "image.png"),
        (["push", "missing", "owner/name"], "no model folder 'missing'"),
        (["push", "image.png", "owner/name"], "image.png"),
        (["evaluate", "missing.jsonl"], "No file matches 'missing.jsonl'"),
        (["evaluate", "."], "directory"),
        (["evaluate", "image.png"], "image.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str], reason: str, run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("image.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff")
    Path("in.jsonl").write_bytes(b"")
    takes_model = arguments[0] in ("prune", "rerank", "bulk") and "--model" not in arguments
    assert reason in run(*arguments, *(["--model", tiny_folder] if takes_model else [])).complaint


def test_a_file_name_cannot_break_the_line_or_steer_the_terminal(run: Run) -> None:
    assert "two lines␛[2J" in run("prune", "-q", "x", "two\nlines\x1b[2J").complaint


def test_a_message_of_the_log_cannot_steer_the_terminal(tmp_path: Path) -> None:
    script = (
        "import logging, warnings\n"
        "from provence_plugins.cli.app import app, provence\n"
        "provence()\n"
        "logging.getLogger('any').warning('licence\\x1b[2J\\nforged %s', '\\x9b')\n"
        "warnings.warn('careful\\x1b[2J')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert first == "provence: licence␛[2J forged \N{REPLACEMENT CHARACTER}"
    assert "careful␛[2J" in second


def test_a_reader_that_closes_the_pipe_causes_no_message(start: Start, page: Path, tiny_folder: Path) -> None:
    process = start("prune", "-q", "x", page, "--model", tiny_folder, "--json", stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 1


# Every command reads and writes through the same functions, so that the slow ones are second looks.
@posix_only
@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("prune", 0),
        ("--version", 1),
        ("--version", 2),
        pytest.param("bulk", 1, marks=pytest.mark.slow),
        pytest.param("prune", 1, marks=pytest.mark.slow),
        pytest.param("prune", 2, marks=pytest.mark.slow),
        pytest.param("bulk", 0, marks=pytest.mark.slow),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else ("input", "output", "error")[value],
)
def test_closed_standard_streams_give_no_traceback(
    command: str, closed: int, start: Start, tmp_path: Path, tiny_folder: Path
) -> None:
    report = tmp_path / "report"
    arguments = {"prune": ["-q", "x"], "bulk": ["-", "-"]}.get(command, [])
    model = [] if command == "--version" else ["--model", tiny_folder]
    with open(report, "wb") as error:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": error}
        process = start(command, *arguments, *model, before=lambda: os.close(closed), **options)
        code = process.wait()
    said = report.read_text()
    assert "Traceback" not in said
    reads_input = command in ("prune", "bulk")
    if closed == 1:
        assert code == 2
        assert "Standard output is closed" in said
    elif closed == 0 and reads_input:
        assert code == 2
        assert "Standard input is closed" in said
    else:
        assert code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        pytest.param(["bulk", "-", "-", "--model", "TINY"], marks=pytest.mark.slow),
        pytest.param(["prune", "-q", "x", "--model", "TINY"], marks=pytest.mark.slow),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_is_one_line(arguments: list[str], start: Start, tiny_folder: Path) -> None:
    arguments = [str(tiny_folder) if argument == "TINY" else argument for argument in arguments]
    with open("/dev/full", "wb") as full:
        process = start(*arguments, stdin=subprocess.PIPE, stdout=full)
        _, said = process.communicate(b'{"query": "Who?", "passages": ["She did."]}\n')
    assert process.returncode == 2
    assert said.startswith(b"provence: standard output: No space left on device.")
    assert said.count(b"\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_an_error_that_nobody_can_be_told_keeps_its_exit_code(start: Start) -> None:
    with open("/dev/full", "wb") as full:
        assert start("prune", "-q", "x", "missing.md", stderr=full).wait() == 2


@posix_only
@pytest.mark.parametrize(
    "arguments",
    [
        ["prune", "-q", "x"],
        ["train"],
        pytest.param(["rerank", "-q", "x"], marks=pytest.mark.slow),
        pytest.param(["bulk"], marks=pytest.mark.slow),
        pytest.param(["evaluate"], marks=pytest.mark.slow),
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_interrupt_is_one_line(arguments: list[str], start: Start, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = start(*arguments, pipe, *(["-"] if arguments == ["bulk"] else []), stdout=subprocess.PIPE)
    with open(pipe, "wb"):  # open as soon as the command has opened it too, and waits for what is in it
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    said = process.stderr.read().decode()
    assert said.startswith("provence: Interrupted.")
    assert said.count("\n") == 1
