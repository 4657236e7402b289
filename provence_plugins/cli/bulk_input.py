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


class HasFileNumber(Protocol):
    """An opened file of any kind."""

    def fileno(self) -> int:
        """Return the number by which the system knows it."""
        ...


class LineSource(HasFileNumber, Protocol):
    """An opened input."""

    def __iter__(self) -> Iterator[bytes]:
        """Return its lines, each a request in JSON."""
        ...


@contextmanager
def open_input(path: str, *, only_requests: bool = False) -> Iterator[LineSource]:
    """Open the input; it is decompressed if its name ends in .gz, and "-" is standard input.

    Args:
        path: The file. A Parquet file is recognised by the end of its name.
        only_requests: Read the query and the passages of a Parquet file, and none of its other
            columns.

    Raises:
        InvalidInputError: The file is not complete gzip data or not a complete Parquet file, though
            its name says so; a Parquet file lacks a column; or standard input is closed.
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
        with _damage_explained(path), gzip.open(path) as packed:
            yield packed
    else:
        with open(path, "rb") as lines:
            yield lines


def is_parquet(path: str) -> bool:
    """Return whether the name of a file is that of a Parquet file."""
    return path.endswith((".parquet", ".pq"))


def count_lines(path: str) -> int | None:
    """Count the lines of an input; None if it can be read only once.

    Raises:
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


@contextmanager
def _damage_explained(path: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(
            f"{path} is not a complete gzip file ({error}). Compress it again, or name it without .gz if it is plain."
        ) from error
