"""The configuration of a published checkpoint names no code to Transformers, in whichever format."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.torch_backend import TorchBackend, load
from provence_plugins.tokens.batches import TokenBatch

_CODE = {
    "attn_implementation": "owner/kernel",
    "_attn_implementation": "owner/kernel",
    "auto_map": {"AutoModel": "owner/kernel--code.Model"},
    "_name_or_path": "owner/kernel",
    "quantization_config": {"quant_method": "owner/kernel"},
    "text_config": {"model_type": "bert", "attn_implementation": "owner/kernel"},
    "use_kernels": True,
    "torch_dtype": "float16",
}


def test_a_poisoned_configuration_changes_neither_scores_nor_attention(
    make_published: Callable[[str], Any], name: str, tmp_path: Path
) -> None:
    clean = make_published(name).folder
    folder = Path(shutil.copytree(clean, tmp_path / "poisoned"))
    config = json.loads((folder / "config.json").read_text())
    for values in (config, config.get("base_model_config", {})):
        values |= _CODE
    (folder / "config.json").write_text(json.dumps(config))
    ids = np.random.default_rng(3).integers(5, 40, (2, 12))
    batch = TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))
    backends = [load(open_checkpoint(path), BackendOptions(device="cpu")) for path in (clean, folder)]
    expected, found = [backend.forward(batch) for backend in backends]
    np.testing.assert_array_equal(found.keep, expected.keep)
    assert isinstance(backends[1], TorchBackend)
    encoder = backends[1].network.config.backbone_config
    assert encoder._attn_implementation in ("eager", "sdpa")
    assert "owner" not in json.dumps(encoder.to_dict(), default=str)


@pytest.fixture(params=["provence", "xprovence", "open-bert", "open-modernbert", "open-deberta", "open-xlm-roberta"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
