from pathlib import Path

import pytest

from provence_plugins.data.locked_files import open_locked
from provence_plugins.errors import InvalidInputError


def test_a_file_is_open_for_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with open_locked(path) as file:
        file.write(b"one")
        with pytest.raises(InvalidInputError, match="is being written by another run"), open_locked(path):
            pass
    with open_locked(path) as file:
        assert file.read() == b"one"


def test_a_lock_ends_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), open_locked(tmp_path / "out"):
        raise KeyError
    with open_locked(tmp_path / "out"):
        pass
