"""Requests in JSON lines, one result a line, in order; a run that was stopped can go on where it ended."""

import gzip
import json
import os
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.requests import PruneRequest, decode_json, read_request
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError

STREAM = "-"
"""The name that stands for standard input or output."""

# Lines are pruned in groups whose bounds depend on the input alone. A resumed run prunes the group in which it was
# stopped anew: the same batches give the same numbers to the last bit, which other batches would not.
_GROUP_LINES = 256
_GROUP_BYTES = 4_000_000

_WRITTEN = re.compile(rb'\{"line": (\d+), ("error": )?')

# What a line of output says itself.
_OWN_KEYS = {"line", "error", *PruneResult("", (), (), PruningPolicy(), 0.0).to_dict()}


@dataclass(frozen=True, slots=True)
class BulkLine:
    """What became of one line of input.

    Attributes:
        number: Its number, from 1.
        error: Why it could not be pruned; None when it was.
        content: What is written about it.
    """

    number: int
    error: str | None
    # Any: whatever JSON the caller's own keys hold.
    content: dict[str, Any]

    def to_json(self) -> bytes:
        """One line of JSON, its end included."""
        # Only strings can hold half a surrogate pair, and \udc80 in a string is how JSON spells it.
        return json.dumps(self.content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


@dataclass(frozen=True, slots=True)
class BulkOutput:
    """A place for output lines, and what an earlier run left there.

    Attributes:
        stream: Open for writing, behind the last complete line.
        lines: Complete lines that are there already.
        failed: How many of them are errors.
    """

    stream: BinaryIO
    lines: int = 0
    failed: int = 0

    def write(self, line: BulkLine) -> None:
        """Write a line, so that it survives whatever happens to this process afterwards."""
        self.stream.write(line.to_json())
        self.stream.flush()


@contextmanager
def open_input(path: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, unpacked when its name ends in .gz; "-" is standard input.

    Raises:
        InvalidInputError: The file cannot be read, or is no gzip.
    """
    try:
        if path == STREAM:
            yield sys.stdin.buffer
        else:
            with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as lines:
                yield lines
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInputError(f"{path} is no complete gzip file: {error}.") from error


@contextmanager
def open_output(path: str, *, source: str, resume: bool = False, overwrite: bool = False) -> Iterator[BulkOutput]:
    """Open a file for output lines; "-" is standard output.

    Args:
        path: The file.
        source: The file that is read, which cannot be written at once.
        resume: Go on behind the last complete line; a torn one is cut off.
        overwrite: Begin anew whatever the file holds.

    Raises:
        InvalidInputError: The file holds something and neither was asked for, or it is no output of this kind.
    """
    if path == STREAM:
        if resume:
            raise InvalidInputError("Standard output cannot be resumed. Name a file.")
        yield BulkOutput(sys.stdout.buffer)
        return
    if path.endswith(".gz"):
        raise InvalidInputError(f"{path}: the output is not packed. Name it without .gz.")
    there = Path(path).exists()
    if there and source != STREAM and os.path.samefile(path, source):
        raise InvalidInputError(f"{path} is both the input and the output. Name another output.")
    if there and Path(path).stat().st_size and not (resume or overwrite):
        raise InvalidInputError(f"{path} is not empty. Go on with --resume, or begin anew with --overwrite.")
    lines, failed = _cut_torn_line(path) if there and resume else (0, 0)
    with open(path, "ab" if resume else "wb") as stream:
        yield BulkOutput(stream, lines, failed)


def count_lines(path: str) -> int:
    """How many lines a file has.

    Raises:
        InvalidInputError: As `open_input`.
    """
    with open_input(path) as lines:
        return sum(1 for _ in lines)


def prune_lines(
    lines: Iterable[bytes], pruner: Pruner, policy: PruningPolicy | None = None, *, done: int = 0
) -> Iterator[BulkLine]:
    """Prune the request of every line, in order, with batches that reach across lines.

    A request is an object with `query` and `passages`, a list of strings and of objects with `text` and `title`. What
    else it has goes into its output line unchanged. A line that holds no such request gives an error and the rest goes
    on. Memory does not grow with the number of lines.

    Args:
        lines: The requests.
        pruner: Prunes them.
        policy: What to keep; None takes the pruner's own.
        done: This many lines were pruned before, and are passed over.

    Raises:
        InvalidInputError: There are fewer lines than were pruned before.
    """
    number = 0
    for group in _groups(lines):
        begin, number = number, number + len(group)
        if number > done:
            yield from islice(_prune_group(group, begin + 1, pruner, policy), max(done - begin, 0), None)
    if number < done:
        raise InvalidInputError(
            f"The input has {number} lines and the output {done} already, so it belongs to another input. Resume with "
            f"the input that it was begun with, or begin anew with --overwrite."
        )


def _cut_torn_line(path: str) -> tuple[int, int]:
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
                    f"begin anew with --overwrite."
                )
            failed += written[2] is not None
            size += len(line)
    os.truncate(path, size)
    return lines, failed


def _groups(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line)
        if len(group) == _GROUP_LINES or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that holds a request, and the keys that only its sender knows."""

    request: PruneRequest
    other: dict[str, Any]


def _prune_group(
    group: Iterable[bytes], first: int, pruner: Pruner, policy: PruningPolicy | None
) -> Iterator[BulkLine]:
    read = [_read_or_error(line) for line in group]
    requests = (line.request for line in read if isinstance(line, _Line))
    outcomes = _outcomes(requests, pruner, policy)
    for number, line in enumerate(read, first):
        outcome = next(outcomes) if isinstance(line, _Line) else line
        if isinstance(line, _Line) and isinstance(outcome, PruneResult):
            yield BulkLine(number, None, {"line": number, **line.other, **outcome.to_dict()})
        else:
            yield BulkLine(number, str(outcome), {"line": number, "error": str(outcome)})


def _outcomes(
    requests: Iterator[PruneRequest], pruner: Pruner, policy: PruningPolicy | None
) -> Iterator[PruneResult | InvalidInputError]:
    while True:
        try:
            yield from pruner.prune_many(requests, policy)
            return
        except InvalidInputError as error:
            # The results before it are out, and the requests behind it not yet taken.
            yield error


def _read_or_error(line: bytes) -> _Line | InvalidInputError:
    try:
        return _read(line)
    except InvalidInputError as error:
        return error


def _read(line: bytes) -> _Line:
    request, other = read_request(decode_json(line))
    if taken := _OWN_KEYS & other.keys():
        raise InvalidInputError(f"The output has a {min(taken)!r} of its own. Rename this key of the line.")
    return _Line(request, other)
