"""Open the input and the output of a bulk run so that no line is lost, doubled or written by two runs at once."""

import errno
import gzip
import logging
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from provence_plugins.cli.bulk_record import RunRecord, RunSettings, begin_record, resume_record
from provence_plugins.cli.streams import print_text, standard_input, standard_output, write_all
from provence_plugins.errors import InvalidInputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)

STREAM = "-"
"""The name that stands for standard input or output."""

_WRITTEN = re.compile(rb'\{"line": (\d+), ("error": )?')

# On Windows a lock keeps readers out of the bytes that it covers, so it covers one far behind the end of most outputs.
_LOCKED_BYTE = 2**31 - 2

# POSIX says EAGAIN, Windows one of the others.
_HELD_BY_ANOTHER = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


class BulkOutput(Protocol):
    """Where the results of a run go.

    Attributes:
        lines: Number of complete lines that an earlier run left there.
        failed: How many of them are errors.
        can_resume: Whether another run can continue where this one stops.
    """

    lines: int
    failed: int
    can_resume: bool

    def check_group(self, group: Sequence[bytes]) -> None:
        """Compare the next lines of the input with those of the run that is resumed, and remember them."""
        ...

    def write(self, line: str) -> None:
        """Write one line; it survives whatever happens to this process afterwards."""
        ...


class StandardOutput:
    """Writes lines to standard output, which cannot be resumed."""

    lines = failed = 0
    can_resume = False

    def check_group(self, group: Sequence[bytes]) -> None:
        """Accept any lines."""

    def write(self, line: str) -> None:
        """Print one line."""
        print_text(line)


class SpecialOutput(StandardOutput):
    """Writes lines to a named pipe or a device, which cannot be resumed."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, line: str) -> None:
        """Write one line."""
        write_all(self._file, _encode(line))


class FileOutput:
    """Writes lines to a file, which another run can continue."""

    can_resume = True

    def __init__(self, file: FileIO, record: RunRecord, earlier: "_EarlierLines") -> None:
        self.lines, self.failed = earlier.lines, earlier.failed
        self._file = file
        self._record = record
        self._size = earlier.size

    def check_group(self, group: Sequence[bytes]) -> None:
        """Compare the next lines of the input with those of the run that is resumed, or record them."""
        self._record.check_group(group, self.lines)

    def write(self, line: str) -> None:
        """Write one line, or nothing of it when there is no room."""
        content = _encode(line)
        try:
            write_all(self._file, content)
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(content)


@contextmanager
def open_input(path: str) -> Iterator[BinaryIO]:
    """Open the input; it is unpacked when its name ends in .gz, and "-" is standard input.

    Raises:
        InvalidInputError: The name ends in .gz and the file is not complete gzip data, or standard input is closed.
        OSError: The file cannot be read.
    """
    try:
        if path == STREAM:
            yield standard_input()
        else:
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as lines:
                yield lines  # type: ignore[misc]  # GzipFile reads bytes as every BinaryIO does
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{path} is not a complete gzip file ({error}). Pack it again, or name it without .gz if it is not packed."
        ) from error


@contextmanager
def open_output(
    path: str, source: BinaryIO, settings: RunSettings, *, resume: bool = False, overwrite: bool = False
) -> Iterator[BulkOutput]:
    """Open the output; "-" is standard output.

    A file is locked until the run ends, and gets a record of the run beside it.

    Args:
        path: The file.
        source: The opened input, which must be another file.
        settings: The settings of this run.
        resume: Continue behind the last complete line; an incomplete one is cut off.
        overwrite: Start over and replace what the file holds.

    Raises:
        InvalidInputError: The file is the input, is in use by another run, holds something and neither `resume` nor
            `overwrite` is given, or belongs to a run with another input or other settings.
        OSError: The file cannot be written.
    """
    if path == STREAM:
        _require_other_file(source, standard_output(), "standard output")
        _refuse_resume("Standard output", resume)
        yield StandardOutput()
    elif path.endswith(".gz"):
        raise InvalidInputError(f"{path}: the output is never packed. Name it without .gz.")
    elif Path(path).exists() and not Path(path).is_file():
        _refuse_resume(path, resume)
        with open(path, "wb", buffering=0) as special:
            yield SpecialOutput(special)
    else:
        # One record for a file, whichever link to it is named.
        place = Path(path).resolve()
        with _open_locked(place) as file:
            _require_other_file(source, file, path)
            with _prepare(file, place, settings, resume=resume, overwrite=overwrite) as output:
                yield output


@contextmanager
def _prepare(file: FileIO, path: Path, settings: RunSettings, *, resume: bool, overwrite: bool) -> Iterator[BulkOutput]:
    if os.fstat(file.fileno()).st_size and not (resume or overwrite):
        raise InvalidInputError(f"{path} is not empty. Continue it with --resume, or start over with --overwrite.")
    earlier = _read_earlier(path) if resume else _EarlierLines()
    # Where nothing was written, nothing has to fit, and the run may begin with any settings.
    opened = resume_record(path, settings) if earlier.lines else begin_record(path, settings)
    with opened as record:
        file.truncate(earlier.size)
        file.seek(earlier.size)
        yield FileOutput(file, record, earlier)


def file_size(stream: BinaryIO) -> int | None:
    """Return the size of an opened file; None for a pipe, a device or a terminal."""
    status = _regular_status(stream)
    return status.st_size if status else None


def count_lines(path: str) -> int:
    """Count the lines of a file.

    Raises:
        InvalidInputError: As `open_input`.
    """
    with open_input(path) as lines:
        return sum(1 for _ in lines)


@dataclass(frozen=True, slots=True)
class _EarlierLines:
    """What an earlier run has written: complete lines, how many of them are errors, and their size in bytes."""

    lines: int = 0
    failed: int = 0
    size: int = 0


def _read_earlier(path: Path) -> _EarlierLines:
    lines = failed = size = 0
    with open(path, "rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            lines += 1
            written = _WRITTEN.match(line)
            if written is None or int(written[1]) != lines:
                raise InvalidInputError(
                    f"Line {lines} of {path} was not written by a run that can be resumed. Name another output, or "
                    f"start over with --overwrite."
                )
            failed += written[2] is not None
            size += len(line)
    return _EarlierLines(lines, failed, size)


@contextmanager
def _open_locked(path: Path) -> Iterator[FileIO]:
    """Open a file for one run at a time, without changing anything in it."""

    def create(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT, 0o666)

    with open(path, "r+b", buffering=0, opener=create) as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                raise InvalidInputError(
                    f"{path} is being written by another run. Wait until that run has ended, or name another output."
                ) from error
            logger.warning("%s cannot be locked (%s). Take care that no other run writes it.", path, error.strerror)
        yield file


if sys.platform == "win32":

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refuse_resume(name: str, resume: bool) -> None:
    if resume:
        raise InvalidInputError(f"{name} cannot be resumed, because it is not a regular file. Name a regular file.")


def _require_other_file(source: BinaryIO, target: BinaryIO | FileIO, name: str) -> None:
    """Refuse to write the file that is read, by whichever name or shell redirection it was opened."""
    read, written = _regular_status(source), _regular_status(target)
    if read and written and os.path.samestat(read, written):
        raise InvalidInputError(f"{name} is both the input and the output. Name another output.")


def _regular_status(stream: BinaryIO | FileIO) -> os.stat_result | None:
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream of Python's own, without a file behind it
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _encode(line: str) -> bytes:
    # Only strings can hold half a surrogate pair, and \udc80 in a string is how JSON spells it.
    return line.encode("utf-8", "backslashreplace")
