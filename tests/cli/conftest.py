"""The command line as users start it, in this process and in one of its own."""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import provence_plugins
from provence_plugins.cli.app import main

ROOT = Path(provence_plugins.__file__).parents[1]

# Every kind of line end, and none at the end of the text.
TEXT = "Paris is the capital of France.\r\nThe river is long.  Where is it? \n\nCheese é 🧀 is good.\rAnd that is all."


class Finished(NamedTuple):
    """What a command left; it compares as the tuple (code, out, err)."""

    code: int
    out: bytes
    err: str

    @property
    def complaint(self) -> str:
        """The one line of an error."""
        assert self.code == 2
        assert self.out == b""
        assert re.fullmatch(r"provence: .+\n", self.err), self.err
        return self.err


Run = Callable[..., Finished]
Start = Callable[..., "subprocess.Popen[bytes]"]


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


@pytest.fixture
def start() -> Iterator[Start]:
    """The command in a process of its own, which an interrupt reaches even where the test run ignores it."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, before: Callable[[], None] | None = None, **options: object) -> object:
        command = [sys.executable, "-m", "provence_plugins", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # A shell starts background jobs with interrupts ignored, and children inherit that.
        ignores = signal.getsignal(signal.SIGINT) is signal.SIG_IGN

        def prepare() -> None:
            if ignores:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
            if before:
                before()

        options = {"stderr": subprocess.PIPE, "env": environment, **options}
        if before or ignores:
            # Only then, as it makes Python copy this large process instead of starting a new one.
            options["preexec_fn"] = prepare
        process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
        processes.append(process)
        return process

    yield start
    for process in processes:
        with suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


@pytest.fixture(scope="session")
def text() -> str:
    """What the page holds."""
    return TEXT


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
