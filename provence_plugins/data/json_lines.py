"""Read files with one JSON object on each line."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from provence_plugins.errors import DataError, InvalidInputError
from provence_plugins.types import shorten

T = TypeVar("T")


# Any: whatever JSON holds; `parse` checks it.
def read_json_lines(
    path: Path,
    parse: Callable[[dict[str, Any], int], T],
    *,
    expected: str,
) -> Iterator[T]:
    """Read a `.jsonl` or `.jsonl.gz` file and skip blank lines.

    Args:
        path: The file.
        parse: Makes a value from an object and the number of its line. It may raise ValueError,
            KeyError, TypeError, AttributeError and OverflowError.
        expected: What a line must be, for the error of one that `parse` refuses.

    Raises:
        DataError: The file cannot be read, or a line is malformed; the message names the line.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _parse_line(line, path, number, parse, expected)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(
            f"Cannot read {path} as JSON lines: {error}. Name a file of UTF-8 text, or one "
            f"compressed with gzip whose name ends in .gz."
        ) from error


def _parse_line(
    line: str,
    path: Path,
    number: int,
    parse: Callable[[dict[str, Any], int], T],
    expected: str,
) -> T:
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            raise ValueError(f"it must be an object; got {shorten(record)}")
        return parse(record, number)
    # The last two are what JSON nested too deep and whole numbers of hundreds of digits lead to.
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DataError(f"{path}, line {number}: {describe_fault(error)}. Expected {expected}.") from error


def describe_fault(error: Exception) -> str:
    """Say in words what is wrong with a value of JSON, given what reading it raised."""
    match error:
        case KeyError():
            return f"it has no key {error}"
        case json.JSONDecodeError():
            return f"it is not valid JSON ({error.msg} at character {error.pos + 1})"
        case RecursionError():
            return "it is nested too deep"
        case InvalidInputError():
            return str(error).removesuffix(".")
    if type(error) is ValueError:  # our own words, unlike those of its subclasses
        return str(error)
    return f"{type(error).__name__}: {error}"
