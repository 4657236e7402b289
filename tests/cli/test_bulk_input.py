import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from provence_plugins.cli.bulk_input import count_lines, file_size, open_input
from provence_plugins.errors import InvalidInputError

LINES = b"".join(json.dumps({"query": f"{number}?", "passages": []}).encode() + b"\n" for number in range(50))


def test_a_packed_input_is_unpacked_and_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(LINES))
    with open_input(str(source)) as lines:
        assert b"".join(lines) == LINES
    assert count_lines(str(source)) == 50


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"plain", lambda data: data[:20] + b"?" * 30])
def test_a_damaged_packed_input_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(damage(gzip.compress(LINES)))
    with pytest.raises(InvalidInputError, match="not a complete gzip file"), open_input(str(source)) as lines:
        list(lines)


def test_what_can_be_read_only_once_is_not_counted(tmp_path: Path) -> None:
    assert count_lines("-") is None
    assert count_lines("/dev/null") is None


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    assert file_size(io.BytesIO(b"abc")) is None
    (tmp_path / "file").write_bytes(b"abc")
    with open(tmp_path / "file", "rb") as file:
        assert file_size(file) == 3
