"""The models in `models/` are packages that pip can build, small enough for a host of source code, with a card."""

import gzip
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.model.packaging import _UNPACKING
from provence_plugins.thresholds import THRESHOLD_NAMES

ROOT = Path(__file__).parent.parent
MODELS = sorted(path.parent for path in (ROOT / "models").glob("*/pyproject.toml"))
MOST_BYTES = 100_000_000


def model_folder(package: Path) -> Path:
    """The folder that the package's entry point names."""
    project: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == package.name
    return package / project["entry-points"]["provence_plugins.models"][package.name]


def test_there_is_an_accurate_model() -> None:
    assert [package.name for package in MODELS] == ["provence-mpnet"]


@pytest.mark.parametrize("package", MODELS, ids=lambda path: path.name)
def test_a_model_has_thresholds_a_licence_and_files_that_a_host_takes(package: Path) -> None:
    folder = model_folder(package)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert sorted(config["thresholds"]) == sorted(THRESHOLD_NAMES)
    assert config["default_threshold"] == config["thresholds"]["balanced"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert 'license: "apache-2.0"' in card
    assert "| file | source | licence |" in card
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert max(sizes.values()) <= MOST_BYTES, sizes


@pytest.mark.parametrize("package", MODELS, ids=lambda path: path.name)
def test_a_model_is_unpacked_as_provence_package_writes_it_today(package: Path) -> None:
    assert (package / "setup.py").read_text(encoding="utf-8") == _UNPACKING


@pytest.mark.slow
@pytest.mark.parametrize("package", MODELS, ids=lambda path: path.name)
def test_a_model_prunes_once_it_is_unpacked(package: Path, tmp_path: Path) -> None:
    for path in model_folder(package).iterdir():
        if path.suffix == ".gz":
            with gzip.open(path) as packed, (tmp_path / path.stem).open("wb") as graph:
                shutil.copyfileobj(packed, graph)
        else:
            shutil.copy(path, tmp_path)
    text = "The mill was built in 1843. Its owner kept two dogs. Geese are sold at the fair in autumn."
    with Pruner(str(tmp_path)) as pruner:
        result = pruner.prune("When was the mill built?", [text])
    assert result.text.strip() == "The mill was built in 1843."
