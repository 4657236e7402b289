import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

import provence_plugins
from provence_plugins import Passage, Pruner, PruningPolicy, __version__
from provence_plugins.cli.app import main
from provence_plugins.cli.options import ModelOptions, PolicyOptions
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.model.backends import BackendName
from provence_plugins.text.sentences import SplitterName

# Every kind of line end, and none at the end of the text.
TEXT = "Paris is the capital of France.\r\nThe river is long.  Where is it? \n\nCheese é 🧀 is good.\rAnd that is all."
ROOT = Path(provence_plugins.__file__).parents[1]


@dataclass(frozen=True)
class Finished:
    code: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error."""
        assert self.code == 2
        assert self.out == b""
        assert re.fullmatch(r"provence: .+\n", self.err)
        return self.err


Run = Callable[..., Finished]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """The command as its console script starts it, in this process."""

    def run(*arguments: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr("sys.argv", ["provence", *map(str, arguments)])
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfdbinary.readouterr()
        return Finished(int(stop.value.code or 0), out, err.decode())

    return run


def start(*arguments: object, **options: object) -> "subprocess.Popen[bytes]":
    """The command in a process of its own, which an interrupt reaches even where the test run ignores it."""
    command = [sys.executable, "-m", "provence_plugins", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    # A shell starts background jobs with interrupts ignored, and children inherit that.
    listen = None if os.name == "nt" else partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, preexec_fn=listen, **options)  # type: ignore[call-overload]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_bytes(TEXT.encode())
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other.md"
    path.write_bytes(b"A city in France.")
    return path


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == Finished(0, f"provence {__version__}\n".encode(), "")


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['provence', 'prune', '--help']\n"
        "from provence_plugins.cli.app import main\n"
        "try: main()\n"
        "finally: print(sorted({'numpy', 'onnxruntime', 'torch', 'tokenizers', 'huggingface_hub', 'tqdm'} & "
        "set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--threshold" in done.stdout
    assert done.stderr == "[]\n"


def test_every_knob_of_the_policy_and_of_the_pruner_is_an_option() -> None:
    assert PolicyOptions().build() == PruningPolicy()
    assert {field.name for field in fields(PolicyOptions)} == {field.name for field in fields(PruningPolicy)}
    # Objects of a program, and what is of no use in a process that makes one call.
    objects = {"policy", "threshold", "scorer", "max_batch_tokens", "cache_tokens"}
    assert {field.name for field in fields(ModelOptions)} == {"model", *PrunerOptions.__annotations__} - objects
    hints = {field.name: str(field.type) for field in fields(ModelOptions)}
    for name, choices in {"backend": BackendName, "splitter": SplitterName}.items():
        assert all(choice in hints[name] for choice in get_args(choices))


def test_threshold_zero_gives_a_file_back_byte_for_byte(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--threshold", 0)
    assert done == Finished(0, page.read_bytes(), "")


@pytest.mark.parametrize("arguments", [[], ["-"]], ids=["no file", "dash"])
def test_standard_input_is_read_when_no_file_is_named(arguments: list[str], run: Run, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", *arguments, "--model", tiny_folder, "--threshold", 0, stdin=TEXT.encode())
    assert done.out == TEXT.encode()


def test_the_text_is_what_the_engine_keeps(run: Run, page: Path, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        result = pruner.prune("cheese?", [Passage(TEXT, "Food")], PruningPolicy(max_tokens=20, keep_headings=False))
    options = ("--title", "Food", "--max-tokens", 20, "--no-headings", "--model", tiny_folder)
    done = run("prune", "-q", "cheese?", page, *options)
    assert done.out.decode() == result.passages[0].text != TEXT


def test_passages_are_parted_by_a_blank_line(run: Run, page: Path, other: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", other, page, "--model", tiny_folder, "--threshold", 0)
    assert done.out == other.read_bytes() + b"\n\n" + page.read_bytes()


def test_nothing_left_is_no_failure(run: Run, page: Path, tiny_folder: Path) -> None:
    assert run("prune", "-q", "where?", page, "--model", tiny_folder, "--max-tokens", 0) == Finished(0, b"", "")


def test_figures_go_to_standard_error(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--threshold", 0, "--stats")
    assert done.out == page.read_bytes()
    assert "0% removed" in done.err
    assert "1 kept, 0 dropped" in done.err
    assert str(tiny_folder) in done.err


def test_json_is_the_result_as_a_dict(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "where?", page, "--model", tiny_folder, "--json")
    with Pruner(tiny_folder) as pruner:
        assert json.loads(done.out) == pruner.prune("where?", [TEXT]).to_dict()
    assert "🧀".encode() in done.out


def test_html_is_a_complete_page_with_everything_escaped(run: Run, page: Path, tiny_folder: Path) -> None:
    done = run("prune", "-q", "<script>?", page, "--model", tiny_folder, "--html")
    assert done.out.startswith(b"<!doctype html>")
    assert done.out.endswith(b"</html>\n")
    assert b"<title>&lt;script&gt;?</title>" in done.out
    assert b"<script" not in done.out


def test_the_view_has_colours_on_request_only(run: Run, page: Path, tiny_folder: Path) -> None:
    arguments = ("prune", "-q", "where?", page, "--model", tiny_folder, "--show", "--threshold", 1)
    plain, coloured = run(*arguments).out, run(*arguments, "--color").out
    assert b"\x1b[" not in plain
    assert b"\x1b[" in coloured


def test_files_are_ranked_best_first(run: Run, page: Path, other: Path, tiny_folder: Path) -> None:
    with Pruner(tiny_folder) as pruner:
        ranked = pruner.rerank("where?", [TEXT, other.read_text()])
    done = run("rerank", "-q", "where?", page, other, "--model", tiny_folder)
    assert done.out.decode() == "".join(f"{row.relevance:.4f}\t{(page, other)[row.index]}\n" for row in ranked)
    assert run("rerank", "-q", "where?", page, other, "--model", tiny_folder, "--top-n", 1).out.count(b"\n") == 1


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
        (["prune", "-q", "x", "--threshold", "1.5"], "threshold must be"),
        (["prune", "-q", "x", "--top-n", "0"], "top_n must be"),
        (["prune", "-q", "x", "--dtype", "int4"], "got 'int4'"),
        (["prune", "-q", "x", "--device", "tpu", "--backend", "onnx"], "'tpu'"),
        (["prune", "-q", "x", "--model", "no/such/folder"], "no model folder 'no/such/folder'"),
        (["rerank", "-q", "x", "--top-n", "0"], "top_n must be"),
        (["bulk", "missing.jsonl", "out.jsonl"], "missing.jsonl: No such file"),
        (["bulk", "-", "-", "--resume"], "cannot be resumed"),
        (["train", "missing.toml"], "missing.toml"),
        (["export", "missing"], "no model folder 'missing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str], reason: str, run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    takes_model = arguments[0] not in ("train", "export") and "--model" not in arguments
    assert reason in run(*arguments, *(["--model", tiny_folder] if takes_model else [])).complaint


def test_a_file_that_is_no_text_is_named(run: Run, tmp_path: Path) -> None:
    binary = tmp_path / "image.png"
    binary.write_bytes(b"\x89PNG")
    assert f"{binary} is no UTF-8 text" in run("prune", "-q", "x", binary).complaint


def test_a_file_name_cannot_break_the_line(run: Run) -> None:
    assert "two lines" in run("prune", "-q", "x", "two\nlines").complaint


def bulk_lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


GOOD = {"query": "where?", "passages": ["Paris is a city. Cheese is good."], "id": 7}


def test_bulk_writes_a_line_for_each_line(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(bulk_lines(GOOD, GOOD))
    assert run("bulk", source, target, "--model", tiny_folder, "--threshold", 0) == Finished(0, b"", "")
    rows = [json.loads(line) for line in target.read_bytes().splitlines()]
    assert [(row["line"], row["id"]) for row in rows] == [(1, 7), (2, 7)]
    assert rows[0]["passages"][0]["text"] == GOOD["passages"][0]


def test_bulk_works_in_a_pipe(run: Run, tiny_folder: Path) -> None:
    done = run("bulk", "-", "-", "--model", tiny_folder, stdin=bulk_lines(GOOD))
    assert done.code == 0
    assert json.loads(done.out)["line"] == 1


def test_bulk_reports_bad_lines_and_ends_with_exit_code_one(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    target = tmp_path / "out.jsonl"
    arguments = ("bulk", "-", target, "--model", tiny_folder)
    lines = bulk_lines(GOOD, {"query": "q"}, GOOD)
    message = "The request has no 'passages'. It must be an object with query and passages."
    done = run(*arguments, stdin=lines)
    assert done == Finished(1, b"", f"provence: line 2: {message}\n")
    assert json.loads(target.read_bytes().splitlines()[1]) == {"line": 2, "error": message}
    resumed = run(*arguments, "--resume", stdin=lines)
    assert resumed == Finished(1, b"", ""), "the errors of the first part count, and are not reported twice"


def test_bulk_leaves_the_output_alone_when_the_model_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    assert run("bulk", "-", target, "--overwrite", "--model", tmp_path).complaint
    assert target.read_text() == "precious"


def test_export_writes_the_files_and_says_how_close_they_are(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx"))
    done = run("export", folder, "--precision", "float32")
    assert done.code == 0
    assert done.out.startswith(f"{folder / 'model.onnx'}\tmean difference ".encode())
    assert [path.name for path in folder.glob("*.onnx")] == ["model.onnx"]
    assert "got 'int4'" in run("export", folder, "--precision", "int4").complaint


def test_the_doctor_prints_facts_and_the_exit_code_says_whether_all_is_well(run: Run, tiny_folder: Path) -> None:
    done = run("doctor", "--model", tiny_folder)
    assert done.code == 0
    for fact in (__version__, str(tiny_folder), "model_int8.onnx", "onnx, torch", "offline ready     yes"):
        assert fact in done.out.decode()
    ill = run("doctor", "--model", "nowhere", "--json")
    assert ill.code == 1
    assert json.loads(ill.out)["ready"] is False


def test_a_reader_that_leaves_is_no_trouble(page: Path, tiny_folder: Path) -> None:
    process = start("prune", "-q", "x", page, "--model", tiny_folder, "--json", stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_has_its_usual_exit_code_and_no_traceback(tmp_path: Path, tiny_folder: Path) -> None:
    target = tmp_path / "out.jsonl"
    process = start("bulk", "-", target, "--model", tiny_folder, stdin=subprocess.PIPE)
    while not target.exists():  # from then on it waits for input
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()
