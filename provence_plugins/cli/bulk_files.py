"""Open the output of a bulk run so that no line is lost, doubled or written by two runs at once."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import FileIO
from pathlib import Path

from provence_plugins.cli.bulk_input import STREAM, HasFileNumber, is_parquet, regular_status
from provence_plugins.cli.bulk_output import (
    BulkOutput,
    EarlierLines,
    FileOutput,
    FinishedOutput,
    ParquetOutput,
    SpecialOutput,
    StandardOutput,
)
from provence_plugins.cli.bulk_record import RunSettings, begin_record, resume_record
from provence_plugins.cli.streams import standard_output
from provence_plugins.data.locked_files import open_locked
from provence_plugins.errors import InvalidInputError

LINES_SUFFIX = ".lines"
"""What follows the name of a Parquet file in the name of the file that holds its results until the
run ends."""

_WRITTEN = re.compile(rb'\{"line": (\d+), ("error": )?')

_NOT_OURS = "was not written by a run that can be resumed. Name another output, or start over with --overwrite."


@contextmanager
def open_output(
    path: str,
    source: HasFileNumber,
    settings: RunSettings,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[BulkOutput]:
    """Open the output; "-" is standard output.

    A file is locked until the run ends, and gets a record of the run beside it.

    Args:
        path: The file. The end of its name tells whether it becomes a Parquet file.
        source: The opened input, which must be another file.
        settings: The settings of this run.
        resume: Continue after the last complete line; an incomplete one is cut off.
        overwrite: Start over and replace what the file holds.

    Raises:
        InvalidInputError: The file is the input, is in use by another run, holds something and
            neither `resume` nor `overwrite` is given, or belongs to a run with another input or
            other settings.
        MissingExtraError: pyarrow is not installed, and the file is a Parquet file.
        OSError: The file cannot be written.
    """
    if path == STREAM:
        _require_other_file(source, standard_output(), "standard output")
        _refuse_resume("Standard output", resume)
        yield StandardOutput()
    elif path.endswith(".gz"):
        raise InvalidInputError(f"{path}: the output is never compressed. Name it without .gz.")
    elif Path(path).exists() and not Path(path).is_file():
        _refuse_resume(path, resume)
        with open(path, "wb", buffering=0) as special:
            yield SpecialOutput(special)
    else:
        if is_parquet(path):
            # Without pyarrow, nothing is created.
            import_module("provence_plugins.cli.bulk_parquet_output")
        # One record for a file, whichever link to it is named.
        place = Path(path).resolve()
        prepare = _prepare_parquet if is_parquet(path) else _prepare_lines
        with open_locked(place) as file:
            _require_other_file(source, file, path)
            if not (resume or overwrite) and (_size(place) or (is_parquet(path) and _size(_lines_beside(place)))):
                raise InvalidInputError(
                    f"{path} is not empty. Continue it with --resume, or start over with --overwrite."
                )
            with prepare(_Place(place, file, source), settings, resume) as output:
                yield output


@dataclass(frozen=True, slots=True)
class _Place:
    """An output that is opened and locked, and the input that goes into it."""

    path: Path
    file: FileIO
    source: HasFileNumber


@contextmanager
def _prepare_lines(place: _Place, settings: RunSettings, resume: bool) -> Iterator[BulkOutput]:
    with _continue_lines(place.path, place.file, place.path, settings, resume) as output:
        yield output


@contextmanager
def _prepare_parquet(place: _Place, settings: RunSettings, resume: bool) -> Iterator[BulkOutput]:
    from provence_plugins.cli.bulk_parquet import ParquetRequests
    from provence_plugins.cli.bulk_parquet_output import count_results

    lines = _lines_beside(place.path)
    if resume and place.file.seek(0, os.SEEK_END) and not lines.exists():
        finished = count_results(place.path)
        if finished is None:
            raise InvalidInputError(f"{place.path} {_NOT_OURS}")
        with resume_record(place.path, settings) as record:
            yield FinishedOutput(place.path, record, *finished)
        return
    if lines.exists() and _size(lines) and not _begins_as_ours(lines):
        raise InvalidInputError(
            f"This run would replace {lines}, which is not a file of results. Move that file, or name another output."
        )
    source = Path(place.source.name) if isinstance(place.source, ParquetRequests) else None
    with (
        open(lines, "r+b" if resume and lines.exists() else "w+b", buffering=0) as file,
        _continue_lines(lines, file, place.path, settings, resume) as output,
    ):
        place.file.truncate(0)
        yield ParquetOutput(place.file, output, source)


@contextmanager
def _continue_lines(
    path: Path, file: FileIO, output: Path, settings: RunSettings, resume: bool
) -> Iterator[FileOutput]:
    """Open a file of lines after its last complete line, with the record of its output."""
    earlier = _read_earlier(path) if resume else EarlierLines()
    # Where nothing was written, nothing has to fit, and the run may begin with any settings.
    opened = resume_record(output, settings) if earlier.lines else begin_record(output, settings)
    with opened as record:
        file.truncate(earlier.size)
        file.seek(earlier.size)
        yield FileOutput(path, file, record, earlier)


def _lines_beside(path: Path) -> Path:
    return path.with_name(path.name + LINES_SUFFIX)


def _begins_as_ours(path: Path) -> bool:
    with open(path, "rb") as stream:
        begin = stream.readline()
    # A killed run may have left half a line.
    return _WRITTEN.match(begin) is not None or b'{"line": 1, '.startswith(begin[:11])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read_earlier(path: Path) -> EarlierLines:
    lines = failed = size = 0
    with open(path, "rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break
            lines += 1
            written = _WRITTEN.match(line)
            if written is None or int(written[1]) != lines:
                raise InvalidInputError(f"Line {lines} of {path} {_NOT_OURS}")
            failed += written[2] is not None
            size += len(line)
    return EarlierLines(lines, failed, size)


def _refuse_resume(name: str, resume: bool) -> None:
    if resume:
        raise InvalidInputError(f"{name} cannot be resumed, because it is not a regular file. Name a regular file.")


def _require_other_file(source: HasFileNumber, target: HasFileNumber, name: str) -> None:
    """Refuse to write the file that is read, under whichever name it was opened."""
    read, written = regular_status(source), regular_status(target)
    if read and written and os.path.samestat(read, written):
        raise InvalidInputError(f"{name} is both the input and the output. Name another output.")
