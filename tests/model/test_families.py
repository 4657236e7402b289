"""Every family of the table, as a tiny network: saved, loaded again and exported."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig

from provence_plugins.errors import CheckpointError
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.backends import BackendName
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.export import export_onnx
from provence_plugins.model.families import FAMILIES, family_of, longest_window
from provence_plugins.model.network import ProvenceConfig, ProvenceModel
from provence_plugins.model.saving import save_folder
from provence_plugins.model.torch_backend import TorchBackend
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.training.acceleration import use_plain_attention

_TINY = {
    "vocab_size": 160,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
}
_BEHIND_PADDING = {"max_position_embeddings": 258, "pad_token_id": 1, "type_vocab_size": 1}

# What is particular to a family's published encoders.
_OWN = {
    "bert": {},
    "electra": {"embedding_size": 16},
    "distilbert": {"hidden_dim": 64},
    "roberta": _BEHIND_PADDING,
    "xlm-roberta": _BEHIND_PADDING,
    "mpnet": {"max_position_embeddings": 258, "pad_token_id": 1},
    "deberta-v2": {
        "relative_attention": True,
        "position_buckets": 16,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "modernbert": {
        "local_attention": 64,
        "global_attn_every_n_layers": 2,
        "pad_token_id": 0,
        "cls_token_id": 2,
        "bos_token_id": 2,
        "sep_token_id": 3,
        "eos_token_id": 3,
    },
}


# tests/published exports these as well, and the fixture tiny_folder a BERT.
_EXPORTED_ELSEWHERE = {"bert", "deberta-v2", "modernbert", "xlm-roberta"}


@pytest.fixture(params=sorted(FAMILIES))
def network(request: pytest.FixtureRequest) -> ProvenceModel:
    return make_network(request.param)


def make_network(family: str) -> ProvenceModel:
    backbone = AutoConfig.for_model(family, **(_TINY | _OWN[family]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = ProvenceModel(ProvenceConfig(backbone_config=backbone, separator_id=3, max_tokens=256))
    with torch.no_grad():
        network.keep_head.out.weight *= 12
    return network.train(False)


def probe(network: ProvenceModel, length: int = 200) -> TokenBatch:
    pad = network.config.backbone_config.pad_token_id
    ids = np.random.default_rng(5).integers(5, 160, (2, length))
    ids[:, 10] = 3
    mask = np.ones_like(ids)
    mask[1, length // 3 :] = 0  # padding wider than a local attention span
    return TokenBatch(np.where(mask == 1, ids, pad), mask, mask * (np.arange(length) > 10))


def test_a_family_survives_saving_and_loading(network: ProvenceModel, tmp_path: Path, tokenizer_folder: Path) -> None:
    save_folder(network, tmp_path, tokenizer_from=tokenizer_folder)
    check_answers(network, tmp_path, "torch")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=pytest.mark.slow if family in _EXPORTED_ELSEWHERE else ())
        for family in sorted(FAMILIES)
    ],
)
def test_a_family_survives_export(family: str, tmp_path: Path, tokenizer_folder: Path) -> None:
    network = make_network(family)
    save_folder(network, tmp_path, tokenizer_from=tokenizer_folder)
    export_onnx(network, tmp_path, precisions=["float32"])
    check_answers(network, tmp_path, "onnx")


def check_answers(network: ProvenceModel, folder: Path, backend: BackendName) -> None:
    batch = probe(network)
    expected = TorchBackend(network).forward(batch)
    assert expected.keep[batch.mask == 1].std() > 0.01
    found = load_backend(open_checkpoint(folder), backend, BackendOptions(device="cpu")).forward(batch)
    np.testing.assert_allclose(found.relevance, expected.relevance, atol=1e-4)
    np.testing.assert_allclose(found.keep[batch.mask == 1], expected.keep[batch.mask == 1], atol=1e-4)


def test_padding_does_not_change_what_a_family_answers(network: ProvenceModel) -> None:
    batch = probe(network)
    length = int(batch.mask[1].sum())
    bare = TokenBatch(batch.ids[1:, :length], batch.mask[1:, :length], batch.type_ids[1:, :length])
    backend = TorchBackend(network)
    np.testing.assert_allclose(backend.forward(batch).keep[1:, :length], backend.forward(bare).keep, atol=1e-5)


def test_the_longest_window_of_a_family_can_be_read(network: ProvenceModel) -> None:
    longest = longest_window(network.config.backbone_config.to_dict())
    assert longest == 256
    assert TorchBackend(network).forward(probe(network, longest)).keep.shape == (2, longest)


def test_token_types_matter_to_the_families_that_are_said_to_take_them(network: ProvenceModel) -> None:
    batch = probe(network)
    flat = TokenBatch(batch.ids, batch.mask, np.zeros_like(batch.ids))
    backend = TorchBackend(network)
    same = np.allclose(backend.forward(batch).keep, backend.forward(flat).keep, atol=1e-6)
    assert same != network.family.takes_type_ids


def test_a_pooler_is_never_built(network: ProvenceModel) -> None:
    assert not [name for name, tensor in network.backbone.named_parameters() if "pooler" in name]


def test_an_unknown_family_is_refused_with_the_choice() -> None:
    with pytest.raises(CheckpointError, match=r"'t5'; known families are bert, deberta-v2"):
        family_of({"model_type": "t5"})


def test_plain_attention_gives_the_states_of_the_familys_own(network: ProvenceModel) -> None:
    batch = probe(network)
    own = TorchBackend(network).forward(batch)
    use_plain_attention(network.backbone)
    plain = TorchBackend(network).forward(batch)
    rows = batch.mask.astype(bool)
    np.testing.assert_allclose(plain.keep[rows], own.keep[rows], atol=1e-4)
    np.testing.assert_allclose(plain.relevance, own.relevance, atol=1e-4)
