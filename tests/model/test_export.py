import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from provence_plugins.errors import CheckpointNotFoundError, ExportError, InvalidInputError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.export import export_onnx, save_folder
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.onnx_backend import OnnxBackend
from provence_plugins.model.torch_backend import TorchBackend, load
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
    tiny_network.config.splitter = "lines"
    tiny_network.config.calibration = [{"threshold": 0.25, "kept": 0.4}]
    save_folder(tiny_network, tmp_path, tokenizer_from=tokenizer_folder)
    checkpoint = open_checkpoint(tmp_path)
    assert (checkpoint.default_threshold, checkpoint.splitter) == (0.25, "lines")
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


def test_an_export_reports_how_far_it_lies_from_torch(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    exact, small = export_onnx(tiny_network, tmp_path)
    assert (exact.path, exact.precision) == (tmp_path / "model.onnx", "float32")
    assert (small.path, small.precision) == (tmp_path / "model_int8.onnx", "int8")
    assert exact.max_difference <= 1e-4 < small.max_difference
    assert small.mean_difference <= 0.05
    assert names_in(tmp_path) == {"model.onnx", "model_int8.onnx"}


def test_an_export_leaves_the_network_as_it_was(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    tiny_network.train()
    before = json.dumps(tiny_network.config.to_dict(), default=str)
    weights = {name: tensor.clone() for name, tensor in tiny_network.state_dict().items()}
    export_onnx(tiny_network, tmp_path, precisions=["float32"])
    assert all(module.training for module in tiny_network.modules())
    assert tiny_network.backbone.config._attn_implementation != "eager"
    assert json.dumps(tiny_network.config.to_dict(), default=str) == before
    assert all(torch.equal(weights[name], tensor) for name, tensor in tiny_network.state_dict().items())


def test_a_network_in_training_is_exported_without_dropout(
    tiny_network: ProvenceModel, tmp_path: Path, batch: TokenBatch
) -> None:
    expected = TorchBackend(tiny_network).forward(batch)
    export_onnx(tiny_network.train(), tmp_path, precisions=["float32"])
    found = OnnxBackend(tmp_path / "model.onnx", max_tokens=64).forward(batch)
    np.testing.assert_allclose(found.keep, expected.keep, atol=1e-4)


def test_only_the_precision_asked_for_is_written(
    tiny_network: ProvenceModel, tmp_path: Path, batch: TokenBatch
) -> None:
    [small] = export_onnx(tiny_network, tmp_path, precisions=["int8"], probes=[batch])
    assert names_in(tmp_path) == {small.path.name} == {"model_int8.onnx"}


def test_an_unknown_precision_is_refused_with_the_choice(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'int4' to export; choose int8, float32"):
        export_onnx(tiny_network, tmp_path, precisions=["int4"])


def test_an_int8_model_that_lost_its_accuracy_is_not_written(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    # One huge value takes the whole range of eight bits, so that all other words become alike.
    with torch.no_grad():
        tiny_network.backbone.embeddings.word_embeddings.weight[0, 0] = 1e4
    with pytest.raises(ExportError, match="int8 graph differs from torch"):
        export_onnx(tiny_network, tmp_path)
    assert names_in(tmp_path) == set()
