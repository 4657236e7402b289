from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.loading import add_fresh_heads
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.torch_backend import load
from provence_plugins.tokens.batches import pad_windows
from provence_plugins.tokens.windows import plan_head, plan_windows

QUERY = "what is the capital"
TEXTS = ["The capital of France is the city of Paris.", "Cheese", "It lies on a river."]


@pytest.mark.parametrize("auto", [AutoModel, AutoModelForSequenceClassification])
def test_auto_classes_load_a_folder_as_our_network(auto: type, tiny_folder: Path, tiny_network: ProvenceModel) -> None:
    loaded = auto.from_pretrained(tiny_folder)
    assert type(loaded) is ProvenceModel
    expected = tiny_network.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())


def test_a_cross_encoder_gives_the_relevance_of_our_backend(tiny_folder: Path, tiny_checkpoint: Checkpoint) -> None:
    from sentence_transformers import CrossEncoder

    template = tiny_checkpoint.encoder.template
    [query] = tiny_checkpoint.encoder.encode([QUERY])
    head = plan_head(query, [], template, max_tokens=64)
    windows = [
        window for ids in tiny_checkpoint.encoder.encode(TEXTS) for window in plan_windows(head, [ids], template)
    ]
    ours = load(tiny_checkpoint, BackendOptions(device="cpu")).forward(pad_windows(windows, pad_id=template.pad_id))
    theirs = CrossEncoder(str(tiny_folder), device="cpu").predict([(QUERY, text) for text in TEXTS])
    np.testing.assert_allclose(theirs, ours.relevance, atol=1e-5)


def test_fresh_heads_are_put_on_a_pretrained_encoder(tiny_network: ProvenceModel, tmp_path: Path) -> None:
    tiny_network.backbone.save_pretrained(tmp_path)
    network = add_fresh_heads(tmp_path, separator_id=3, max_tokens=48)
    expected = tiny_network.backbone.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.backbone.state_dict().items())
    assert (network.config.separator_id, network.config.max_tokens) == (3, 48)


def test_the_relevance_head_reads_the_first_token_and_the_keep_head_every_one(tiny_network: ProvenceModel) -> None:
    ids = torch.tensor([[2, 10, 3, 11, 12, 3]])
    output = tiny_network(ids, torch.ones_like(ids), torch.zeros_like(ids))
    assert (output.logits.shape, output.keep_logits.shape) == ((1, 1), (1, 6))
    relevance, keep = tiny_network.probabilities(ids, torch.ones_like(ids), torch.zeros_like(ids))
    torch.testing.assert_close(relevance, output.logits[:, 0].sigmoid())
    torch.testing.assert_close(keep, output.keep_logits.sigmoid())
