import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from provence_plugins.errors import BackendError, CheckpointError, CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.torch_backend import TorchBackend, load
from provence_plugins.tokens.batches import TokenBatch

ROWS, LENGTH = 5, 12


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


@pytest.fixture
def batch() -> TokenBatch:
    ids = np.random.default_rng(3).integers(5, 80, (ROWS, LENGTH))
    ids[:, 4] = 3
    return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))


def test_a_live_network_stays_in_training_and_keeps_its_parameters(
    tiny_network: ProvenceModel, batch: TokenBatch
) -> None:
    before = {name: tensor.clone() for name, tensor in tiny_network.state_dict().items()}
    tiny_network.train()
    TorchBackend(tiny_network).forward(batch)
    assert all(module.training for module in tiny_network.modules())
    assert all(parameter.requires_grad and parameter.dtype == torch.float32 for parameter in tiny_network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in tiny_network.state_dict().items())


def test_modules_that_were_frozen_in_evaluation_mode_stay_so(tiny_network: ProvenceModel, batch: TokenBatch) -> None:
    tiny_network.train()
    tiny_network.backbone.embeddings.train(False)
    TorchBackend(tiny_network).forward(batch)
    assert not tiny_network.backbone.embeddings.training
    assert tiny_network.backbone.encoder.training


def test_the_training_mode_comes_back_after_a_failure(tiny_network: ProvenceModel, batch: TokenBatch) -> None:
    tiny_network.train()
    with pytest.raises(BackendError):
        TorchBackend(tiny_network).forward(TokenBatch(batch.ids + 10_000, batch.mask, batch.type_ids))
    assert tiny_network.training


def test_dropout_is_off_even_for_a_network_in_training(tiny_network: ProvenceModel, batch: TokenBatch) -> None:
    expected = TorchBackend(tiny_network).forward(batch)
    found = TorchBackend(tiny_network.train()).forward(batch)
    np.testing.assert_array_equal(found.keep, expected.keep)


def test_a_network_can_be_trained_on_after_it_was_scored(tiny_network: ProvenceModel, batch: TokenBatch) -> None:
    tiny_network.train()
    TorchBackend(tiny_network).forward(batch)
    tiny_network.probabilities(torch.as_tensor(batch.ids), torch.as_tensor(batch.mask))[1].sum().backward()
    assert tiny_network.keep_head.out.weight.grad is not None


def out_of_memory_above(rows: int) -> Callable[..., None]:
    def hook(_module: torch.nn.Module, _args: object, kwargs: dict[str, torch.Tensor]) -> None:
        if len(kwargs["input_ids"]) > rows:
            raise torch.cuda.OutOfMemoryError("out of memory")

    return hook


def test_a_batch_too_large_for_the_memory_is_halved_until_it_fits(
    tiny_network: ProvenceModel, batch: TokenBatch
) -> None:
    expected = TorchBackend(tiny_network).forward(batch)
    tiny_network.backbone.register_forward_pre_hook(out_of_memory_above(2), with_kwargs=True)
    found = TorchBackend(tiny_network).forward(batch)
    np.testing.assert_allclose(found.keep, expected.keep, atol=1e-6)
    np.testing.assert_allclose(found.relevance, expected.relevance, atol=1e-6)


def test_a_row_too_large_for_the_memory_is_a_backend_error(tiny_network: ProvenceModel, batch: TokenBatch) -> None:
    tiny_network.backbone.register_forward_pre_hook(out_of_memory_above(0), with_kwargs=True)
    with pytest.raises(BackendError, match="out of memory"):
        TorchBackend(tiny_network).forward(batch)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_concerns_the_encoder_and_leaves_the_heads_exact(
    tiny_checkpoint: Checkpoint, batch: TokenBatch, dtype: str
) -> None:
    exact = load(tiny_checkpoint, BackendOptions(device="cpu"))
    half = load(tiny_checkpoint, BackendOptions(device="cpu", dtype=dtype))
    assert half.description == f"torch, cpu, {dtype}"
    assert half.forward(batch).keep.dtype == np.float32
    np.testing.assert_allclose(half.forward(batch).keep, exact.forward(batch).keep, atol=0.15)


def test_int8_is_refused_with_the_backend_that_has_it(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(InvalidInputError, match="backend='onnx'"):
        load(tiny_checkpoint, BackendOptions(dtype="int8"))


def test_a_missing_device_is_refused_with_those_that_are_there(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(BackendError, match=r"'tpu' here; torch finds cpu"):
        load(tiny_checkpoint, BackendOptions(device="tpu"))


def test_loading_leaves_the_random_numbers_and_threads_of_torch_alone(tiny_checkpoint: Checkpoint) -> None:
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    load(tiny_checkpoint, BackendOptions())
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def test_threads_are_set_when_asked_for(tiny_checkpoint: Checkpoint) -> None:
    threads = torch.get_num_threads()
    try:
        load(tiny_checkpoint, BackendOptions(threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


def test_a_folder_for_onnx_only_is_refused_with_the_backend_that_runs_it(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"no model\.safetensors.*backend='onnx'"):
        load(open_checkpoint(folder), BackendOptions())


@pytest.mark.parametrize("keep", [0, 4, 500, -1], ids=["empty", "four bytes", "cut in the header", "cut at the end"])
def test_truncated_weights_are_a_checkpoint_error(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="is damaged"):
        load(open_checkpoint(folder), BackendOptions())


def without_heads(tensors: dict[str, torch.Tensor]) -> None:
    for name in [name for name in tensors if name.startswith("keep_head")]:
        del tensors[name]


def with_a_stranger(tensors: dict[str, torch.Tensor]) -> None:
    tensors["pooler.weight"] = torch.zeros(2)


def with_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors["keep_head.out.weight"] = torch.zeros(1, 31)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_heads, r"5 missing: keep_head\.\S+, keep_head\.\S+, keep_head\.[^,]*\. Download or export"),
        (with_a_stranger, r"1 unexpected: pooler\.weight"),
        (with_another_shape, r"1 of another shape: keep_head\.out\.weight \(1, 31\) instead of \(1, 32\)"),
    ],
)
def test_weights_that_do_not_fit_the_configuration_are_named(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], None], message: str
) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load(open_checkpoint(folder), BackendOptions())


def test_a_configuration_that_describes_no_network_is_a_checkpoint_error(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["backbone_config"]["num_attention_heads"] = 5
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load(open_checkpoint(folder), BackendOptions())


def test_several_devices_share_a_batch_and_give_the_same_scores(tiny_checkpoint: Checkpoint, batch: TokenBatch) -> None:
    one = load(tiny_checkpoint, BackendOptions(device="cpu"))
    two = load(tiny_checkpoint, BackendOptions(device="cpu,cpu"))
    assert two.description == "torch, cpu, float32 + torch, cpu, float32"
    assert two.max_batch_tokens == 2 * one.max_batch_tokens
    # Falling lengths: each copy gets its rows without the padding of the others'.
    mask = (np.arange(LENGTH) < np.array([[12], [11], [9], [7], [6]])).astype(np.int64)
    padded = TokenBatch(batch.ids * mask, mask, batch.type_ids)
    for rows in (slice(0, 5), slice(0, 1), slice(0, 0)):
        part = TokenBatch(padded.ids[rows], padded.mask[rows], padded.type_ids[rows])
        found = two.forward(part)
        assert found.keep.shape == part.ids.shape
        if len(part.ids):
            expected = one.forward(part)
            np.testing.assert_allclose(found.relevance, expected.relevance, atol=1e-6)
            np.testing.assert_allclose(found.keep * part.mask, expected.keep * part.mask, atol=1e-6)


def test_a_failure_on_one_of_several_devices_is_a_backend_error(tiny_checkpoint: Checkpoint, batch: TokenBatch) -> None:
    two = load(tiny_checkpoint, BackendOptions(device="cpu,cpu"))
    ids = batch.ids.copy()
    ids[-1, 0] = 10_000
    with pytest.raises(BackendError, match="torch could not score"):
        two.forward(TokenBatch(ids, batch.mask, batch.type_ids))


def test_a_missing_device_among_several_is_named(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(BackendError, match="no device 'cuda:7'"):
        load(tiny_checkpoint, BackendOptions(device="cpu,cuda:7"))


def test_a_loaded_network_is_scored_in_inference_mode(tiny_checkpoint: Checkpoint, batch: TokenBatch) -> None:
    backend = load(tiny_checkpoint, BackendOptions(device="cpu"))
    assert isinstance(backend, TorchBackend)
    seen: list[bool] = []
    backend.network.backbone.register_forward_pre_hook(lambda *_: seen.append(torch.is_inference_mode_enabled()))
    backend.forward(batch)
    assert seen == [True]


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_is_computed_as_asked_and_gives_the_same(
    tiny_checkpoint: Checkpoint, batch: TokenBatch, attention: str
) -> None:
    expected = load(tiny_checkpoint, BackendOptions(device="cpu")).forward(batch)
    backend = load(tiny_checkpoint, BackendOptions(device="cpu", attention=attention))
    assert isinstance(backend, TorchBackend)
    assert backend.network.backbone.config._attn_implementation == attention
    np.testing.assert_allclose(backend.forward(batch).keep, expected.keep, atol=1e-5)


@pytest.mark.parametrize(
    "attention", ["owner/kernel", "paged|owner/kernel:function", "flash_attention_2", "flash_attention_4"]
)
def test_attention_that_would_be_downloaded_is_refused(
    tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, attention: str
) -> None:
    monkeypatch.setitem(sys.modules, "flash_attn", None)  # as if it were not installed
    with pytest.raises(InvalidInputError, match="would download code and run it"):
        load(tiny_checkpoint, BackendOptions(device="cpu", attention=attention))


def test_attention_that_does_not_exist_is_refused(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(InvalidInputError, match="attention='quick' is not available here"):
        load(tiny_checkpoint, BackendOptions(device="cpu", attention="quick"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of torch itself
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch compiles with a C++ compiler")
def test_a_compiled_network_gives_the_same_scores_for_all_shapes(
    tiny_checkpoint: Checkpoint, batch: TokenBatch
) -> None:
    plain = load(tiny_checkpoint, BackendOptions(device="cpu"))
    compiled = load(tiny_checkpoint, BackendOptions(device="cpu", compiled=True))
    for rows, length in ((5, 12), (3, 9), (2, 12)):
        part = TokenBatch(batch.ids[:rows, :length], batch.mask[:rows, :length], batch.type_ids[:rows, :length])
        np.testing.assert_allclose(compiled.forward(part).keep, plain.forward(part).keep, atol=1e-5)
