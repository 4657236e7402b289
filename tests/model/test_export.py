import json
from pathlib import Path

import numpy as np
import pytest
import torch

from provence_plugins.errors import ExportError, InvalidInputError
from provence_plugins.model.export import export_onnx
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.onnx_backend import OnnxBackend
from provence_plugins.model.torch_backend import TorchBackend
from provence_plugins.tokens.batches import TokenBatch


@pytest.fixture
def batch() -> TokenBatch:
    ids = np.random.default_rng(3).integers(5, 80, (3, 20))
    ids[:, 4] = 3
    return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_export_reports_how_far_it_lies_from_torch(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    exact, small = export_onnx(tiny_network, tmp_path)
    assert (exact.path, exact.precision) == (tmp_path / "model.onnx", "float32")
    assert (small.path, small.precision) == (tmp_path / "model_int8.onnx", "int8")
    assert exact.max_difference <= 1e-4 < small.max_difference
    assert small.mean_difference <= 0.05
    assert names_in(tmp_path) == {"model.onnx", "model_int8.onnx"}


def test_an_export_of_a_network_in_training_has_no_dropout_and_leaves_the_network_as_it_was(
    tiny_network: ProvenceModel, tmp_path: Path, batch: TokenBatch
) -> None:
    expected = TorchBackend(tiny_network).forward(batch)
    tiny_network.train()
    before = json.dumps(tiny_network.config.to_dict(), default=str)
    weights = {name: tensor.clone() for name, tensor in tiny_network.state_dict().items()}
    export_onnx(tiny_network, tmp_path, precisions=["float32"])
    assert all(module.training for module in tiny_network.modules())
    assert tiny_network.backbone.config._attn_implementation != "eager"
    assert json.dumps(tiny_network.config.to_dict(), default=str) == before
    assert all(torch.equal(weights[name], tensor) for name, tensor in tiny_network.state_dict().items())
    found = OnnxBackend(tmp_path / "model.onnx", max_tokens=64).forward(batch)
    np.testing.assert_allclose(found.keep, expected.keep, atol=1e-4)


def test_only_the_precision_asked_for_is_written(
    tiny_network: ProvenceModel, tmp_path: Path, batch: TokenBatch
) -> None:
    [small] = export_onnx(tiny_network, tmp_path, precisions=["int8"], probes=[batch])
    assert names_in(tmp_path) == {small.path.name} == {"model_int8.onnx"}


def test_an_unknown_precision_is_refused_with_the_choice(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"precisions must be among int8, float32; got 'int4'"):
        export_onnx(tiny_network, tmp_path, precisions=["int4"])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_model_with_a_weight_that_is_not_a_number_is_refused_by_its_name(
    tiny_network: ProvenceModel, tmp_path: Path, precision: str
) -> None:
    with torch.no_grad():
        tiny_network.keep_head.dense.weight[0, 0] = float("nan")
    with pytest.raises(ExportError, match=r"The weight keep_head\.dense\.weight holds NaN or infinity"):
        export_onnx(tiny_network, tmp_path, precisions=[precision])
    assert names_in(tmp_path) == set()


def test_an_int8_model_that_lost_its_accuracy_is_not_written(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    # One feature takes the whole range of eight bits in every token, and the head reads only the others.
    head, width = tiny_network.keep_head.dense, tiny_network.keep_head.out.in_features
    *_, last_norm = (module for module in tiny_network.backbone.modules() if isinstance(module, torch.nn.LayerNorm))
    with torch.no_grad():
        last_norm.weight[0] = 100.0
        head.weight *= 100.0
        head.weight[:, [0, width]] = 0.0
    with pytest.raises(ExportError, match="int8 graph differs from torch"):
        export_onnx(tiny_network, tmp_path)
    assert names_in(tmp_path) == set()
