"""An interrupt ends a command with one line and its exit code, wherever it comes."""

import subprocess
import sys
from pathlib import Path

import pytest

import provence_plugins

ROOT = Path(provence_plugins.__file__).parents[1]

# A finder of modules that does something when the command loads one of its own.
SCRIPT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "provence_plugins.cli.options":
            {what}
sys.meta_path.insert(0, Finder())
from provence_plugins.__main__ import main
sys.argv = ["provence", "--version"]
main()
"""

INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def run(what: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    code = before + SCRIPT.format(what=what)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "what",
    [
        INTERRUPT,
        # Python marks itself as interrupted when this ends, as it does when it makes a dataclass.
        f"exec({INTERRUPT!r}, {{'os': os, 'signal': signal}})",
        # As a C extension does that is interrupted while it is loaded.
        f"try: {INTERRUPT}\n            except KeyboardInterrupt: raise ImportError('initialization failed')",
    ],
    ids=["in a module", "in generated code", "turned into another error"],
)
def test_an_interrupt_while_modules_are_loaded_is_one_line_and_an_exit_code(what: str) -> None:
    done = run(what, "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "provence: Interrupted.\n")


def test_an_interrupt_is_ignored_where_the_caller_ignores_it() -> None:
    done = run(INTERRUPT, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("provence ")


def test_an_error_without_an_interrupt_stays_an_error() -> None:
    done = run("raise ImportError('initialization failed')")
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: initialization failed\n")
