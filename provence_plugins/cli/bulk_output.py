"""Where results of a bulk run go: a file that another run can continue, a stream, or Parquet."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from provence_plugins.cli.bulk_record import RunRecord
from provence_plugins.cli.streams import print_text, write_all
from provence_plugins.errors import InvalidInputError


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
        """Compare the next lines of the input with those of the resumed run, and remember them."""
        ...

    def write(self, line: str) -> None:
        """Write one line, so that it survives a crash of this process."""
        ...

    def finish(self) -> None:
        """Complete the output after its last line."""
        ...


@dataclass(frozen=True, slots=True)
class EarlierLines:
    """What an earlier run has written: complete lines, errors among them, and bytes."""

    lines: int = 0
    failed: int = 0
    size: int = 0


class StandardOutput:
    """Writes lines to standard output, which cannot be resumed."""

    lines = failed = 0
    can_resume = False

    def check_group(self, group: Sequence[bytes]) -> None:
        """Accept any lines."""

    def write(self, line: str) -> None:
        """Print one line."""
        print_text(line)

    def finish(self) -> None:
        """Do nothing: every line is out."""


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

    def __init__(self, path: Path, file: FileIO, record: RunRecord, earlier: EarlierLines) -> None:
        self.path = path
        self.lines, self.failed = earlier.lines, earlier.failed
        self._file = file
        self._record = record
        self._size = earlier.size

    def check_group(self, group: Sequence[bytes]) -> None:
        """Compare the next lines of the input with those of the resumed run, or record them."""
        self._record.check_group(group, self.lines)

    def write(self, line: str) -> None:
        """Write one line; if the disk is full, write nothing of it."""
        content = _encode(line)
        try:
            write_all(self._file, content)
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(content)

    def finish(self) -> None:
        """Do nothing: every line is in the file."""

    def remove(self) -> None:
        """Close the file and remove it."""
        self._file.close()
        self.path.unlink()


class ParquetOutput:
    """Writes lines to a file beside a Parquet file, and at the end all of them as that file.

    A Parquet file is complete only once its last byte is written, so nobody could continue it.
    """

    can_resume = True

    def __init__(self, target: FileIO, lines: FileOutput, source: Path | None) -> None:
        self.lines, self.failed = lines.lines, lines.failed
        self._target = target
        self._lines = lines
        self._source = source

    def check_group(self, group: Sequence[bytes]) -> None:
        """Compare the next lines of the input with those of the resumed run, or record them."""
        self._lines.check_group(group)

    def write(self, line: str) -> None:
        """Write one line; if the disk is full, write nothing of it."""
        self._lines.write(line)

    def finish(self) -> None:
        """Write the Parquet file and remove the lines."""
        from provence_plugins.cli.bulk_parquet_output import write_parquet

        self._target.truncate(0)
        self._target.seek(0)
        write_parquet(self._lines.path, self._target, self._source)
        # The lines are the only other copy of the results.
        os.fsync(self._target.fileno())
        self._lines.remove()


class FinishedOutput:
    """A complete Parquet file, to which nothing is added."""

    can_resume = True

    def __init__(self, path: Path, record: RunRecord, lines: int, failed: int) -> None:
        self.lines, self.failed = lines, failed
        self._path = path
        self._record = record

    def check_group(self, group: Sequence[bytes]) -> None:
        """Compare the next lines of the input with those of the run that wrote the file."""
        self._record.check_group(group, self.lines)

    def write(self, line: str) -> None:
        """Refuse a line.

        Raises:
            InvalidInputError: Always: the input has become longer.
        """
        raise InvalidInputError(
            f"{self._path} is complete with {self.lines} rows, and the input has more lines. Name "
            f"another output, or start over with --overwrite."
        )

    def finish(self) -> None:
        """Leave the file as it is."""


def _encode(line: str) -> bytes:
    # Only strings can hold half a surrogate pair, and \udc80 in a string is how JSON spells it.
    return line.encode("utf-8", "backslashreplace")
