"""Models of other installed packages are found by name, without running their code."""

import shutil
import sys
from pathlib import Path

import pytest

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.cli.diagnosis import diagnose
from provence_plugins.errors import CheckpointError, CheckpointNotFoundError
from provence_plugins.model.checkpoint import BUNDLED, open_checkpoint

DISTRIBUTION = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self.model = model

    def install(self, distribution: str, *, model: str, module: str, value: str | None = None) -> Path:
        """Install a package that brings a copy of a model, and return the package's folder."""
        package = self.folder / module
        if not package.exists():
            shutil.copytree(self.model, package)
            (package / "__init__.py").write_text("raise RuntimeError('code of a model package was run')\n")
        facts = self.folder / f"{distribution}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(DISTRIBUTION.format(name=distribution))
        (facts / "entry_points.txt").write_text(f"[provence_plugins.models]\n{model} = {value or module}\n")
        return package


@pytest.fixture
def site(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder, tiny_folder)


def test_an_installed_model_is_opened_by_its_name_and_none_of_its_code_is_run(site: Site) -> None:
    folder = site.install("tiny-pruner", model="tiny", module="tiny_pruner")
    checkpoint = open_checkpoint("tiny")
    assert (checkpoint.name, checkpoint.folder) == ("tiny", folder)
    with Pruner("tiny") as pruner:
        assert pruner.prune("What?", ["One thing."], PruningPolicy(threshold=0.0)).text == "One thing."
    assert "tiny_pruner" not in sys.modules


def test_a_folder_of_the_same_name_is_taken_first(
    site: Site, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("tiny-pruner", model="tiny", module="tiny_pruner")
    shutil.copytree(tiny_folder, tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    assert open_checkpoint("tiny").folder == Path("tiny")


def test_the_bundled_model_has_a_name_that_no_package_and_no_folder_can_take(
    site: Site, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("tiny-pruner", model="bundled", module="tiny_pruner")
    shutil.copytree(tiny_folder, tmp_path / "bundled")
    monkeypatch.chdir(tmp_path)
    assert open_checkpoint("bundled").folder == open_checkpoint().folder == BUNDLED
    assert open_checkpoint("./bundled").folder == Path("bundled")


def test_an_unknown_name_is_answered_with_the_installed_ones(site: Site) -> None:
    with pytest.raises(CheckpointNotFoundError, match="No model packages are installed"):
        open_checkpoint("tiney")
    site.install("tiny-pruner", model="tiny", module="tiny_pruner")
    with pytest.raises(CheckpointNotFoundError, match=r"Did you mean 'tiny'\? Installed models: 'tiny'"):
        open_checkpoint("tiney")


def test_two_packages_with_one_name_are_refused(site: Site) -> None:
    site.install("tiny-pruner", model="tiny", module="tiny_pruner")
    site.install("other-pruner", model="tiny", module="other_pruner")
    with pytest.raises(CheckpointError, match=r"both bring a model 'tiny'\. Uninstall one") as caught:
        open_checkpoint("tiny")
    assert "tiny-pruner 1.0" in str(caught.value)
    assert "other-pruner 1.0" in str(caught.value)


@pytest.mark.parametrize("value", ["tiny_pruner:FOLDER", "tiny_pruner.inner"])
def test_only_the_name_of_a_package_may_be_registered(site: Site, value: str) -> None:
    site.install("tiny-pruner", model="tiny", module="tiny_pruner", value=value)
    with pytest.raises(CheckpointError, match="must be the import name of a package"):
        open_checkpoint("tiny")


def test_a_package_that_is_not_there_any_more_is_named(site: Site) -> None:
    shutil.rmtree(site.install("tiny-pruner", model="tiny", module="tiny_pruner"))
    with pytest.raises(CheckpointNotFoundError, match=r"no package tiny_pruner to import\. Install it again"):
        open_checkpoint("tiny")


def test_a_folder_without_a_model_is_refused_like_any_other(site: Site) -> None:
    (site.install("tiny-pruner", model="tiny", module="tiny_pruner") / "config.json").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"config\.json"):
        open_checkpoint("tiny")


def test_the_doctor_lists_installed_models(site: Site) -> None:
    site.install("tiny-pruner", model="tiny", module="tiny_pruner")
    diagnosis = diagnose("tiny")
    assert diagnosis.ready, diagnosis.problem
    assert diagnosis.installed_models == {"tiny": "tiny-pruner 1.0"}
