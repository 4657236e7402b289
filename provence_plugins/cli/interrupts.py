"""Ctrl-C, from the first module that is loaded to the last line of a command.

A C extension that is interrupted while it is loaded may turn the KeyboardInterrupt into an error of
its own, or drop it. So the handler also notes that it was there, and whatever ends the command
afterwards ends it as interrupted.
"""

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""

_noted = False


def note_interrupts() -> None:
    """Raise KeyboardInterrupt on Ctrl-C, as Python does by itself, and remember that it came.

    A caller that ignores Ctrl-C, as a shell does for a job in the background, is followed.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def was_interrupted() -> bool:
    """Return whether Ctrl-C was pressed since `note_interrupts`."""
    return _noted


def end_process() -> NoReturn:
    """End an interrupted process with its exit code, once everything has been said."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or nobody reads it
            stream.flush()
    # Not sys.exit: where the interrupt came while Python ran generated code, as for a dataclass,
    # Python would end itself by the signal instead of with the code.
    os._exit(INTERRUPTED)


def _note(number: int, frame: FrameType | None) -> NoReturn:
    global _noted
    _noted = True
    raise KeyboardInterrupt
