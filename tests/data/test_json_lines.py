import gzip
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.errors import DataError, InvalidInputError


def read(path: Path) -> list[tuple[int, int]]:
    def parse(record: dict[str, Any], number: int) -> tuple[int, int]:
        return number, int(record["x"] + 0)

    return list(read_json_lines(path, parse, expected="an object with x"))


def test_lines_are_parsed_with_their_numbers_and_blank_ones_skipped(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    plain.write_text('{"x": 1}\n\n{"x": 2}\n')
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(plain) == read(packed) == [(1, 1), (3, 2)]


@pytest.mark.parametrize(
    "line",
    ["{}", "[]", '{"x": "one"}', "3", "{half", "[" * 100_000, '{"x": 1' + "0" * 5000 + "}", '{"x": 1e400}'],
    ids=lambda line: line[:10],
)
def test_a_line_that_cannot_be_parsed_is_named_with_what_is_expected(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": 1}\n' + line)
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: .* Expected an object with x\."):
        read(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Cannot read .*missing\.jsonl"):
        read(tmp_path / "missing.jsonl")


def test_a_mark_of_the_byte_order_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"x": 1}\r\n')
    assert read(path) == [(1, 1)]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{}", "it has no key 'x'"),
        ("{half", "it is not valid JSON (Expecting property name enclosed in double quotes at character 2)"),
        ("[" * 100_000, "it is nested too deep"),
        ("[1]", "it must be an object; got [1]"),
        ('{"x": -1}', "x must not be negative"),
        ('{"x": 0}', "x must not be 0"),
        ('{"x": "one"}', 'TypeError: can only concatenate str (not "int") to str'),
    ],
    ids=[
        "a missing key",
        "no JSON",
        "too deep",
        "no object",
        "a value that is not allowed",
        "an error of ours",
        "another type",
    ],
)
def test_an_error_says_in_words_what_is_wrong_with_a_line(tmp_path: Path, line: str, fault: str) -> None:
    def parse(record: dict[str, Any], number: int) -> int:
        if record["x"] + 0 < 0:
            raise ValueError("x must not be negative")
        if not record["x"]:
            raise InvalidInputError("x must not be 0.")
        return number

    path = tmp_path / "a.jsonl"
    path.write_text(line)
    with pytest.raises(DataError) as raised:
        list(read_json_lines(path, parse, expected="an object with x"))
    assert str(raised.value) == f"{path}, line 1: {fault}. Expected an object with x."
