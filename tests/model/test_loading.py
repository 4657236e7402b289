"""Encoders as training finds them, and whose weights they are."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from provence_plugins.errors import CheckpointError, UnsafeCheckpointError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.loading import add_fresh_heads, load_encoder, load_native, load_network
from provence_plugins.model.network import ProvenceModel


@pytest.fixture
def base(tiny_network: ProvenceModel, tmp_path: Path) -> Path:
    tiny_network.backbone.save_pretrained(tmp_path)
    return tmp_path


def rename(folder: Path, old: str, new: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({name.replace(old, new): tensor for name, tensor in tensors.items()}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("old", "new"), [("", ""), ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")]
)
def test_an_encoder_has_the_weights_of_its_folder(base: Path, tiny_network: ProvenceModel, old: str, new: str) -> None:
    if old:
        rename(base, old, new)
    expected = tiny_network.backbone.state_dict()
    found = load_encoder(base).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_encoder_inside_a_model_with_heads_is_found(base: Path, tiny_network: ProvenceModel) -> None:
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(base / "model.safetensors").items()}
    tensors |= {"cls.predictions.bias": torch.zeros(3), "bert.pooler.dense.weight": torch.zeros(2, 2)}
    save_file(tensors, base / "model.safetensors")
    expected = tiny_network.backbone.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load_encoder(base).state_dict().items())


def test_weights_in_half_precision_are_read_as_float32(base: Path) -> None:
    tensors = {name: tensor.half() for name, tensor in load_file(base / "model.safetensors").items()}
    save_file(tensors, base / "model.safetensors")
    assert load_encoder(base).dtype == torch.float32


def test_an_encoder_that_lacks_a_tensor_is_refused_and_not_drawn_at_random(base: Path) -> None:
    rename(base, "layer.1.output.dense.weight", "layer.1.output.other")
    with pytest.raises(CheckpointError, match=r"1 missing: encoder\.layer\.1\.output\.dense\.weight"):
        load_encoder(base)


def test_an_encoder_in_pickles_is_refused(base: Path) -> None:
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    with pytest.raises(UnsafeCheckpointError, match="safetensors"):
        load_encoder(base)


def test_new_heads_do_not_depend_on_how_the_encoder_was_read(base: Path) -> None:
    torch.manual_seed(5)
    first = add_fresh_heads(base, separator_id=3, max_tokens=48)
    torch.manual_seed(5)
    load_encoder(base)
    second = add_fresh_heads(base, separator_id=3, max_tokens=48)
    assert torch.equal(first.keep_head.dense.weight, second.keep_head.dense.weight)


def test_a_native_model_is_loaded_to_be_trained_further(tiny_folder: Path) -> None:
    network = load_native(tiny_folder)
    assert all(parameter.requires_grad for parameter in network.parameters())
    expected = load_network(open_checkpoint(tiny_folder)).state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in network.state_dict().items())
