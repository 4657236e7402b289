"""A model becomes a package that pip builds, and is opened by its name from there."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.packaging import PackageOptions, write_package

CARD = "---\nlicense: apache-2.0\n---\n\n# A tiny model\n"


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    """Return a model folder with a card, ONNX files, safetensors and a file that does not belong to it."""
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "README.md").write_text(CARD)
    (folder / "optimizer.pt").write_text("not of the model")
    return folder


@pytest.fixture
def checkpoint(model: Path) -> Checkpoint:
    return open_checkpoint(model)


def install(package: Path, site: Path) -> None:
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--target", str(site), str(package)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options], check=True)


@pytest.mark.slow  # builds a wheel
@pytest.mark.parametrize("compress", [False, True], ids=["plain", "compressed"])
def test_pip_installs_the_package_and_its_name_opens_the_model(
    compress: bool, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, site = tmp_path / "tiny-pruner", tmp_path / "site"
    write_package(checkpoint, source, PackageOptions(name="tiny-pruner", compress=compress))
    assert [path.name for path in source.rglob("*.onnx")] == ([] if compress else ["model.onnx", "model_int8.onnx"])
    install(source, site)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.chdir(tmp_path)  # where the source lies under the name of the model
    opened = open_checkpoint("tiny-pruner")
    assert opened.folder == site / "tiny_pruner"
    for name in ("model.onnx", "model_int8.onnx", "config.json", "README.md"):
        assert (opened.folder / name).read_bytes() == (checkpoint.folder / name).read_bytes()
    assert not list(opened.folder.glob("*.gz"))
    with Pruner("tiny-pruner") as pruner:
        assert pruner.prune("What?", ["One thing."], PruningPolicy(threshold=0.0)).text == "One thing."


def test_safetensors_go_into_the_package_when_asked_for_or_when_nothing_else_is_there(
    model: Path, tmp_path: Path
) -> None:
    def files(name: str, *, weights: bool) -> set[str]:
        write_package(open_checkpoint(model), tmp_path / name, PackageOptions(name=name, weights=weights))
        return {path.name for path in (tmp_path / name / name).iterdir()}

    lean = files("lean", weights=False)
    assert files("full", weights=True) - lean == {"model.safetensors"}
    for path in model.glob("*.onnx"):
        path.unlink()
    assert "model.safetensors" in files("only", weights=False)
    assert "optimizer.pt" not in lean


def test_name_version_and_licence_stand_in_the_project_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write_package(checkpoint, tmp_path / "out", PackageOptions(name="My.tiny-Pruner", version="2.0rc1"))
    settings = tomllib.loads((tmp_path / "out" / "pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    assert (project["name"], project["version"]) == ("My.tiny-Pruner", "2.0rc1")
    assert project["license"] == {"text": "apache-2.0"}
    assert project["entry-points"]["provence_plugins.models"] == {"My.tiny-Pruner": "my_tiny_pruner"}
    assert (tmp_path / "out" / project["readme"]).read_text() == CARD


def test_a_card_without_a_licence_leaves_it_out(model: Path, tmp_path: Path) -> None:
    (model / "README.md").write_text("# A tiny model\n")
    write_package(open_checkpoint(model), tmp_path / "out", PackageOptions(name="tiny"))
    assert "license" not in tomllib.loads((tmp_path / "out" / "pyproject.toml").read_text())["project"]


def test_the_same_model_gives_the_same_bytes(checkpoint: Checkpoint, tmp_path: Path) -> None:
    packed = []
    for name in ("first", "second"):
        write_package(checkpoint, tmp_path / name, PackageOptions(name="tiny", compress=True))
        packed.append((tmp_path / name / "tiny" / "model_int8.onnx.gz").read_bytes())
        os.utime(checkpoint.folder / "model_int8.onnx", (0, 0))
    assert packed[0] == packed[1]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"name": ""}, "name must consist of letters"),
        ({"name": "owner/pruner"}, "got 'owner/pruner'"),
        ({"name": "-pruner"}, "begin and end with a letter or digit"),
        ({"name": "bundled"}, "not be 'bundled'"),
        ({"name": "7pruner"}, "Begin it with a letter"),
        ({"name": "class"}, "must become the name of a Python package"),
        ({"name": "pruner", "version": "new"}, "version must be a version such as 1.0 or 1.0rc1; got 'new'"),
    ],
)
def test_names_that_no_package_can_have_are_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        PackageOptions(**options)


def test_an_existing_folder_and_a_model_without_a_card_are_refused(model: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(InvalidInputError, match=r"taken exists\. Name a new folder"):
        write_package(open_checkpoint(model), taken, PackageOptions(name="taken"))
    (model / "README.md").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"has no README\.md"):
        write_package(open_checkpoint(model), tmp_path / "new", PackageOptions(name="new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "taken"]
