from pathlib import Path

import pytest

from provence_plugins.data.files import find_files, find_model_folder
from provence_plugins.errors import InvalidInputError


def test_patterns_name_files_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.jsonl", "a.jsonl", "other.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert find_files(["*.jsonl", "a.jsonl"]) == [Path("a.jsonl"), Path("b.jsonl")]
    assert find_files([str(tmp_path / "?.jsonl")]) == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert find_files([f"../{tmp_path.name}/a.jsonl"]) == [Path("..", tmp_path.name, "a.jsonl")]


def test_a_pattern_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"nothing-\*\.jsonl"):
        find_files([str(tmp_path / "nothing-*.jsonl")])


def test_a_model_folder_is_a_path_or_lies_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "encoders" / "model"
    inner.mkdir(parents=True)
    (inner / "config.json").touch()
    (tmp_path / "encoders" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model_folder(str(inner)) == inner
    assert find_model_folder("package:encoders/model") == inner


@pytest.mark.parametrize(
    "name",
    [
        "no/such/folder",
        "package:no_such_package/model",
        "package:json/model",
        "package:/model",
        "package:os.path/model",
    ],
)
def test_a_model_folder_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InvalidInputError, match=name):
        find_model_folder(name)
