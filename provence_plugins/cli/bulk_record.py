"""The record of a bulk run: a file beside the output, by which a resumed run recognizes its input."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from provence_plugins import __version__
from provence_plugins.cli.streams import write_all
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.folder import CARD, FILES_READ, locate

SUFFIX = ".run"
"""What follows the name of the output in the name of its record."""

_KIND = "provence_bulk_run"
_FORMAT = 1
_BEGIN = f'{{"{_KIND}":'.encode()

_ADVICE = "or start over with --overwrite"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that decides what a run writes.

    Attributes:
        model: Fingerprint of the model's files, see `fingerprint_model`.
        input_bytes: Size of the input; None for a pipe.
        options: The options of the command line by name.
    """

    model: str
    input_bytes: int | None
    # Any: strings, numbers, booleans and None.
    options: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, with the version of this package."""
        return {
            "version": __version__,
            "model": self.model,
            "input_bytes": self.input_bytes,
            # As they are read back: JSON turns tuples into lists.
            "options": json.loads(json.dumps(dict(self.options))),
        }


class RunRecord:
    """The settings of a run, then for each group of lines of the input its length and fingerprint.

    A group is recorded before the first of its results is written, so the record covers every line
    of the output, wherever a run is killed.
    """

    def __init__(self, stream: FileIO, earlier: BinaryIO | None = None) -> None:
        self._stream = stream
        self._earlier = earlier  # until its end is reached
        self._line = 0  # number of the last line of input that was checked

    def check_group(self, group: Sequence[bytes], done: int) -> None:
        """Compare the next lines of the input with those that an earlier run read, or record them.

        Args:
            group: The lines.
            done: Number of lines whose results are in the output already.

        Raises:
            InvalidInputError: The earlier run read other lines.
            OSError: The record cannot be written.
        """
        first = self._line + 1
        self._line += len(group)
        found = {"lines": len(group), "sha256": digest_lines(group)}
        recorded = self._read_next()
        if recorded is None and first > done:
            _write_row(self._stream, found)
        elif recorded != found:
            raise InvalidInputError(
                f"The input has changed: its lines {first} to {self._line} are not those that the "
                f"earlier run read (see {self._stream.name}). Resume with the same input, "
                f"{_ADVICE}."
            )

    def _read_next(self) -> Any:
        if self._earlier is None:
            return None
        begin = self._earlier.tell()
        line = self._earlier.readline()
        if line.endswith(b"\n"):
            return _parse(line)
        # The end of the record, or a line that a killed run left incomplete.
        self._earlier = None
        self._stream.seek(begin)
        self._stream.truncate()
        return None


@contextmanager
def begin_record(output: Path, settings: RunSettings) -> Iterator[RunRecord]:
    """Write the record of a new run, in place of that of an earlier one.

    Raises:
        InvalidInputError: The name of the record is taken by a file of another kind.
        OSError: The record cannot be written.
    """
    path = _path_for(output)
    if path.exists() and not _is_record(path):
        raise InvalidInputError(
            f"The record of this run would replace {path}, which is not a record of a run. Move "
            f"that file, or name another output."
        )
    with open(path, "wb", buffering=0) as stream:
        _write_row(stream, {_KIND: _FORMAT, **settings.to_dict()})
        yield RunRecord(stream)


@contextmanager
def resume_record(output: Path, settings: RunSettings) -> Iterator[RunRecord]:
    """Open the record of an earlier run that a run with these settings can continue.

    Raises:
        InvalidInputError: There is no record, or the earlier run had other settings.
        OSError: The record cannot be read.
    """
    path = _path_for(output)
    header = _read_header(path) if path.is_file() else None
    if header is None:
        raise InvalidInputError(
            f"{output} cannot be resumed, because its record {path} is missing or damaged, so "
            f"that its input and settings are unknown. Restore the record, {_ADVICE}."
        )
    changes = _compare(header, {_KIND: _FORMAT, **settings.to_dict()})
    if changes:
        raise InvalidInputError(
            f"{output} was started with other settings: {'; '.join(changes)}. Resume with the same settings, {_ADVICE}."
        )
    with open(path, "r+b", buffering=0) as stream, open(path, "rb") as earlier:
        earlier.readline()
        yield RunRecord(stream, earlier)


def digest_lines(lines: Sequence[bytes]) -> str:
    """Return a digest of lines of the input."""
    digest = sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def fingerprint_model(folder: Path) -> str:
    """Return a digest of all files of a model folder that decide its scores.

    Raises:
        UnsafeCheckpointError: A file lies outside the folder.
    """
    names = {path.name for pattern in FILES_READ for path in folder.glob(pattern)} - {CARD}
    digest = sha256()
    for name in sorted(names):
        path = locate(folder, name)
        if path is not None:
            with open(path, "rb") as file:
                digest.update(f"{name} {file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _path_for(output: Path) -> Path:
    return output.with_name(output.name + SUFFIX)


# Any: plain values of every kind.
def _write_row(stream: FileIO, row: Mapping[str, Any]) -> None:
    write_all(stream, json.dumps(row, allow_nan=False).encode() + b"\n")


def _is_record(path: Path) -> bool:
    """Return whether a file is a record, or the beginning of one that a full disk cut off."""
    with open(path, "rb") as stream:
        begin = stream.read(len(_BEGIN))
    return _BEGIN.startswith(begin)


def _read_header(path: Path) -> dict[str, Any] | None:
    with open(path, "rb") as stream:
        header = _parse(stream.readline())
    return header if isinstance(header, dict) and _KIND in header else None


def _parse(line: bytes) -> Any:
    """Return the value of a line of JSON; None if it is damaged."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _compare(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe the settings that differ."""
    if earlier.get(_KIND) != _FORMAT or earlier.get("version") != now["version"]:
        return [f"it was written by provence-plugins {earlier.get('version')}, and this is {now['version']}"]
    changes = []
    sizes = (earlier.get("input_bytes"), now["input_bytes"])
    # A pipe has no size; its lines are compared when they are read.
    if None not in sizes and sizes[0] != sizes[1]:
        changes.append(f"the input had {sizes[0]} bytes and has {sizes[1]}")
    if earlier.get("model") != now["model"]:
        changes.append("the files of the model have changed")
    options = earlier.get("options")
    before = options if isinstance(options, dict) else {}
    for name, value in now["options"].items():
        if before.get(name) != value:
            changes.append(f"--{name.replace('_', '-')} was {_shown(before.get(name))} and is {_shown(value)}")
    return changes


def _shown(value: object) -> str:
    return "not given" if value is None else str(value)
