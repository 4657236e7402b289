import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.cli.bulk_input import count_lines, file_size, open_input
from provence_plugins.cli.bulk_tally import PruneTally
from provence_plugins.errors import InvalidInputError

LINES = b"".join(json.dumps({"query": f"{number}?", "passages": []}).encode() + b"\n" for number in range(50))


def test_a_packed_input_is_unpacked_and_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(LINES))
    with open_input(str(source)) as lines:
        assert b"".join(lines) == LINES
    assert count_lines(str(source)) == 50


def spoil_checksum(data: bytes) -> bytes:
    return data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],
        lambda data: b"plain",
        lambda data: data[:20] + b"?" * 30,
        lambda data: data + b"garbage",
        spoil_checksum,
    ],
    ids=["cut off", "plain", "overwritten", "garbage behind", "checksum"],
)
def test_a_damaged_packed_input_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(damage(gzip.compress(LINES)))
    with pytest.raises(InvalidInputError, match="not a complete gzip file"), open_input(str(source)) as lines:
        list(lines)


@pytest.mark.parametrize("damage", [lambda data: b"plain", lambda data: data + b"garbage", spoil_checksum])
@pytest.mark.parametrize("command", ["bulk", "label"])
def test_a_damaged_packed_input_ends_a_command_with_one_line(
    command: str, damage: Callable[[bytes], bytes], run: Callable[..., Any], tmp_path: Path, tiny_folder: Path
) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(damage(gzip.compress(LINES)))
    places = (source, tmp_path / "out.jsonl")
    arguments = ("--model", tiny_folder, *places) if command == "bulk" else (tiny_folder, *places)
    complaint = run(command, *arguments).complaint
    assert complaint.startswith(f"provence: {source} is not a complete gzip file (")
    assert complaint.endswith("). Compress it again, or name it without .gz if it is plain. 0 lines complete.\n")


def test_a_packed_input_that_is_cut_off_tells_how_many_lines_are_complete(
    run: Callable[..., Any], tmp_path: Path, tiny_folder: Path
) -> None:
    source, target = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl"
    packed = io.BytesIO()
    with gzip.open(packed, "wb") as file:
        file.write(LINES * 8)
        file.flush()
        file.write(LINES)
    source.write_bytes(packed.getvalue()[:-9])
    complaint = run("bulk", source, target, "--model", tiny_folder).complaint
    assert complaint.endswith("name it without .gz if it is plain. 256 lines complete.\n")
    assert len(target.read_bytes().splitlines()) == 256  # the groups of lines before the damage


def test_an_error_of_the_system_without_a_number_keeps_its_words() -> None:
    tally = PruneTally(earlier=3, failed=0, can_resume=True)
    said = r"^The server is away\. 3 lines complete; continue with --resume\.$"
    with pytest.raises(OSError, match=said), tally.explain_stop():
        raise OSError("The server is away")


def test_what_can_be_read_only_once_is_not_counted(tmp_path: Path) -> None:
    assert count_lines("-") is None
    assert count_lines("/dev/null") is None


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    assert file_size(io.BytesIO(b"abc")) is None
    (tmp_path / "file").write_bytes(b"abc")
    with open(tmp_path / "file", "rb") as file:
        assert file_size(file) == 3
