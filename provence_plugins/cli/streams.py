"""Write to the standard streams, without foreign control characters and without tracebacks."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from io import FileIO
from typing import Any, BinaryIO, NoReturn, TextIO

import typer

from provence_plugins.cli.interrupts import INTERRUPTED
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.visible import show_controls, show_on_one_line

_STANDARD_STREAMS = range(3)


class InterruptedRunError(BaseException):
    """A command was stopped with Ctrl-C and says how to continue; not an Exception either."""


def open_closed_streams() -> None:
    """Connect standard streams that the caller has closed to the null device.

    Otherwise the next file that is opened would get the number of such a stream, and a library that
    reports on standard error would write into that file.
    """
    for number in _STANDARD_STREAMS:
        try:
            os.fstat(number)
        except OSError:
            # The system hands out the lowest free number, which is this one.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  open until the process ends


def standard_input() -> BinaryIO:
    """Return standard input in bytes.

    Raises:
        InvalidInputError: The caller has closed it.
    """
    if sys.stdin is None:
        raise InvalidInputError("Standard input is closed. Name a file, or connect standard input.")
    return sys.stdin.buffer


def standard_output() -> BinaryIO:
    """Return standard output in bytes.

    Raises:
        InvalidInputError: The caller has closed it.
    """
    if sys.stdout is None:
        raise InvalidInputError("Standard output is closed. Connect it to a file, a pipe or a terminal.")
    return sys.stdout.buffer


def print_text(text: str) -> None:
    """Print a text; only a terminal gets it with visible control characters."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    print_as_it_is(show_controls(text) if is_terminal else text)


def print_as_it_is(text: str) -> None:
    """Print a text that holds no control characters but our own.

    Raises:
        OSError: Standard output takes no more, for instance because a disk is full.
    """
    stream = standard_output()
    try:
        # Bytes, so that no system translates line ends.
        stream.write(text.encode("utf-8", "backslashreplace"))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        discard_output(sys.stdout)
        raise OSError(error.errno, error.strerror, "standard output") from error


def write_all(file: FileIO, content: bytes) -> None:
    """Write to an unbuffered file, which may take a part at a time.

    Raises:
        OSError: The file takes no more, for instance because a disk is full; the error names it.
    """
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file.name)) from error


# Any: plain values of every kind.
def print_json(value: dict[str, Any]) -> None:
    """Print a value as indented JSON."""
    print_text(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def format_table(rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of a name and a value as lines with two columns."""
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def report(message: str) -> None:
    """Print one line to standard error, whatever the message holds."""
    report_lines(f"provence: {show_on_one_line(message)}\n")


def report_lines(text: str) -> None:
    """Print a text to standard error with visible control characters."""
    try:
        typer.echo(show_controls(text).encode("utf-8", "backslashreplace"), nl=False, err=True)
    except OSError:
        # Nobody can be told, and the exit code must not change because of it.
        discard_output(sys.stderr)


def fail(message: str) -> NoReturn:
    """Report an error and end the process with exit code 2."""
    report(message)
    sys.exit(2)


def end_interrupted(message: str) -> NoReturn:
    """Report that Ctrl-C has stopped the command and end; a second one ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    report(message)
    sys.exit(INTERRUPTED)


def discard_output(stream: TextIO) -> None:
    """Send what a stream still holds to the null device, or Python fails on it at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
