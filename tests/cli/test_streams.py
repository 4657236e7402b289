import os
from io import FileIO
from pathlib import Path

import pytest

from provence_plugins.cli import streams
from provence_plugins.errors import InvalidInputError


def test_json_never_holds_what_json_cannot(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        streams.print_json({"relevance": float("inf")})
    assert capfdbinary.readouterr().out == b""


def test_a_table_has_two_columns() -> None:
    assert streams.format_table([("a", "1"), ("longer", "2")]) == "a       1\nlonger  2\n"


def test_half_a_surrogate_pair_can_be_printed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    streams.print_text("a\udc80b\r\n")
    streams.report("two\nlines \ud800\x1b")
    out, err = capfdbinary.readouterr()
    assert out == b"a\\udc80b\r\n"
    assert err == "provence: two lines \\ud800␛\n".encode()


def test_a_closed_stream_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(InvalidInputError, match=r"Standard input is closed\. Name a file"):
        streams.standard_input()
    with pytest.raises(InvalidInputError, match=r"Standard output is closed\. Connect it"):
        streams.print_text("x")


class Narrow(FileIO):
    """A file that takes three bytes at a time, and no more than ten."""

    def write(self, content: object) -> int:
        part = bytes(content)[:3]  # type: ignore[call-overload]
        if self.tell() + len(part) > 10:
            raise OSError(28, "No space left on device")
        return super().write(part)


def test_a_file_that_takes_a_part_at_a_time_gets_everything(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with Narrow(str(path), "w") as file:
        streams.write_all(file, b"0123456")
        with pytest.raises(OSError, match="No space left") as error:
            streams.write_all(file, b"789abc")
    assert error.value.filename == os.fspath(path)
    assert path.read_bytes() == b"0123456789"
