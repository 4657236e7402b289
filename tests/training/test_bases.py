"""Where a run finds what it starts from."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.checkpoint import BUNDLED
from provence_plugins.training.bases import find_base


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the one snapshot of `owner/encoder` in the hub's cache, without a network."""
    repository = tmp_path / "models--owner--encoder"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123456789012345678901234567890123456789")
    snapshot = repository / "snapshots" / "0123456789012345678901234567890123456789"
    snapshot.mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


def test_an_encoder_of_the_hub_is_a_base_though_it_has_no_heads(hub_cache: Path) -> None:
    (hub_cache / "config.json").write_text('{"model_type": "bert"}')
    assert find_base("owner/encoder") == hub_cache


def test_a_snapshot_without_a_configuration_is_refused(hub_cache: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no config\.json"):
        find_base("owner/encoder")


def test_a_repository_that_is_nowhere_is_refused(hub_cache: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="owner/other"):
        find_base("owner/other")


def test_the_bundled_model_and_a_folder_are_bases(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    assert find_base("bundled") == BUNDLED
    assert find_base(str(folder)) == folder
