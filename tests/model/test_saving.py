import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.loading import load_network
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.saving import save_folder, save_half_precision
from provence_plugins.model.torch_backend import TorchBackend, load
from provence_plugins.thresholds import Thresholds
from provence_plugins.tokens.batches import TokenBatch


@pytest.fixture
def batch() -> TokenBatch:
    ids = np.random.default_rng(3).integers(5, 80, (3, 20))
    ids[:, 4] = 3
    return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_saved_folder_gives_the_probabilities_of_the_network(
    tiny_network: ProvenceModel, tmp_path: Path, tokenizer_folder: Path, batch: TokenBatch
) -> None:
    folder = tmp_path / "new" / "model"
    save_folder(tiny_network, folder, tokenizer_from=tokenizer_folder)
    assert names_in(folder) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    loaded = load(open_checkpoint(folder), BackendOptions(device="cpu"))
    expected = TorchBackend(tiny_network).forward(batch)
    np.testing.assert_array_equal(loaded.forward(batch).keep, expected.keep)
    np.testing.assert_array_equal(loaded.forward(batch).relevance, expected.relevance)


def test_weights_saved_in_half_precision_are_half_as_large_and_load_as_float32(
    tiny_network: ProvenceModel, tmp_path: Path, tokenizer_folder: Path, batch: TokenBatch
) -> None:
    save_folder(tiny_network, tmp_path, tokenizer_from=tokenizer_folder, dtype=torch.float16)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    loaded = load(open_checkpoint(tmp_path), BackendOptions(device="cpu"))
    assert "float32" in loaded.description
    np.testing.assert_allclose(loaded.forward(batch).keep, TorchBackend(tiny_network).forward(batch).keep, atol=5e-3)
    assert tiny_network.dtype == torch.float32


def test_a_saved_folder_can_be_read_by_others_and_tells_no_paths(
    tiny_network: ProvenceModel, tmp_path: Path, tokenizer_folder: Path
) -> None:
    tiny_network.backbone.config._name_or_path = "/home/someone/encoder"
    save_folder(tiny_network, tmp_path, tokenizer_from=tokenizer_folder)
    assert "someone" not in (tmp_path / "config.json").read_text()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_settings_of_the_network_come_back(tiny_network: ProvenceModel, tmp_path: Path, tokenizer_folder: Path) -> None:
    tiny_network.config.default_threshold = 0.25
    tiny_network.config.thresholds = {"short": 0.75}
    tiny_network.config.comparison = 0.5
    tiny_network.config.passage_comparison = 0.25
    tiny_network.config.splitter = "lines"
    tiny_network.config.calibration = [{"threshold": 0.25, "kept": 0.4}]
    save_folder(tiny_network, tmp_path, tokenizer_from=tokenizer_folder)
    checkpoint = open_checkpoint(tmp_path)
    assert (checkpoint.thresholds, checkpoint.splitter) == (
        Thresholds(0.25, short=0.75, passage_comparison=0.25),
        "lines",
    )
    assert checkpoint.format.scoring.comparison == 0.5
    assert checkpoint.config["calibration"] == [{"threshold": 0.25, "kept": 0.4}]


def test_saving_over_a_model_removes_its_onnx_files_and_keeps_other_ones(
    tiny_network: ProvenceModel, tiny_folder: Path, tmp_path: Path, tokenizer_folder: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (folder / "README.md").write_text("card")
    save_folder(tiny_network, folder, tokenizer_from=tokenizer_folder)
    assert names_in(folder) == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_a_folder_can_be_saved_onto_itself(tiny_network: ProvenceModel, tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    save_folder(tiny_network, folder, tokenizer_from=folder)
    load(open_checkpoint(folder), BackendOptions(device="cpu"))


def test_a_copy_in_half_precision_is_refused_over_the_model_itself(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    network = load_network(open_checkpoint(folder))
    with pytest.raises(InvalidInputError, match="is the model's own folder"):
        save_half_precision(network, folder, tmp_path / "other" / ".." / "model")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_save_that_fails_leaves_the_former_model_as_it_was(
    tiny_network: ProvenceModel, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CheckpointNotFoundError, match=r"no tokenizer\.json"):
        save_folder(tiny_network, folder, tokenizer_from=tmp_path)
    tiny_network.config.calibration = [{"threshold": object()}]  # type: ignore[dict-item]  # JSON cannot hold it
    with pytest.raises(TypeError):
        save_folder(tiny_network, folder, tokenizer_from=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
