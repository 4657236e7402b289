"""Open the input of a bulk run: JSON lines, compressed or not, or a Parquet file."""

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from provence_plugins.cli.streams import standard_input
from provence_plugins.errors import InvalidInputError

STREAM = "-"
"""The name that stands for standard input or output."""


class DamagedInputError(InvalidInputError):
    """The input is not a complete file of its kind; the lines before the damage were read."""


class HasFileNumber(Protocol):
    """An opened file of any kind."""

    def fileno(self) -> int:
        """Return the number by which the system knows it."""
        ...


class LineSource(HasFileNumber, Protocol):
    """An opened input."""

    def __iter__(self) -> Iterator[bytes]:
        """Return its lines, each a request in JSON.

        Raises:
            DamagedInputError: The rest of the input cannot be read.
        """
        ...


class PackedLines:
    """The lines of a file that is compressed with gzip.

    Args:
        file: The opened file, which is decompressed as it is read.
        name: Name of the file.
    """

    def __init__(self, file: gzip.GzipFile, name: str) -> None:
        self._file = file
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._file
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedInputError(
                f"{self._name} is not a complete gzip file ({error}). Compress it again, or name it without .gz if it "
                f"is plain."
            ) from error

    def fileno(self) -> int:
        """Return the number by which the system knows the file."""
        return self._file.fileno()


@contextmanager
def open_input(path: str, *, only_requests: bool = False) -> Iterator[LineSource]:
    """Open the input; it is decompressed if its name ends in .gz, and "-" is standard input.

    Args:
        path: The file. A Parquet file is recognised by the end of its name.
        only_requests: Read the query and the passages of a Parquet file, and none of its other
            columns.

    Raises:
        DamagedInputError: The file is not a complete Parquet file, though its name says so. Other
            damage is found when the lines are read.
        InvalidInputError: A Parquet file lacks a column, or standard input is closed.
        MissingExtraError: pyarrow is not installed, and the file is a Parquet file.
        OSError: The file cannot be read.
    """
    if path == STREAM:
        yield standard_input()
    elif is_parquet(path):
        from provence_plugins.cli.bulk_parquet import ParquetRequests

        with open(path, "rb") as file:
            yield ParquetRequests(file, only_requests=only_requests)
    elif path.endswith(".gz"):
        with gzip.open(path) as packed:
            yield PackedLines(packed, path)
    else:
        with open(path, "rb") as lines:
            yield lines


def is_parquet(path: str) -> bool:
    """Return whether the name of a file is that of a Parquet file."""
    return path.endswith((".parquet", ".pq"))


def count_lines(path: str) -> int | None:
    """Count the lines of an input; None if it can be read only once.

    Raises:
        DamagedInputError: The file is not complete.
        InvalidInputError: As `open_input`.
    """
    if path == STREAM or not Path(path).is_file():
        return None
    with open_input(path, only_requests=True) as lines:
        known = getattr(lines, "rows", None)
        return sum(1 for _ in lines) if known is None else int(known)


def file_size(stream: HasFileNumber) -> int | None:
    """Return the size of an opened file; None for a pipe, a device or a terminal."""
    status = regular_status(stream)
    return status.st_size if status else None


def regular_status(stream: HasFileNumber) -> os.stat_result | None:
    """Return what the system says about an opened file; None for a pipe, a device or a terminal."""
    try:
        status = os.fstat(stream.fileno())
    except OSError:  # a stream of Python's own, without a file behind it
        return None
    return status if stat.S_ISREG(status.st_mode) else None
