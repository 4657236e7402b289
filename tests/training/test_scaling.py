from random import Random
from typing import TYPE_CHECKING

import pytest
import torch

from provence_plugins.tokens.batches import pad_windows
from provence_plugins.tokens.windows import Window
from provence_plugins.training.losses import make_targets
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.scaling import Scaling, fit_scaling, rescale

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel

IDS = torch.tensor([[2, 10, 3, 11, 12, 3]])


def keep_logits(network: "ProvenceModel") -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = network(IDS, torch.ones_like(IDS)).keep_logits[0]
    return logits


def windows(network: "ProvenceModel", wanted: Scaling) -> list[LabelledWindow]:
    """Windows of one sentence of one token, labelled by chance as the scaled network says."""
    random, drawn = Random(0), []
    for _ in range(800):
        ids = [2, random.randrange(5, 20), 3, random.randrange(5, 20), 3]
        drawn.append(Window(ids, 3, 0, 1, ((0, 3, 4),)))
    batch = pad_windows(drawn, pad_id=0)
    with torch.no_grad():
        scores = network(*map(torch.from_numpy, (batch.ids, batch.mask, batch.type_ids))).keep_logits[:, 3]
    items = []
    for window, chance in zip(drawn, torch.sigmoid(wanted.factor * scores + wanted.shift).tolist(), strict=True):
        label = random.random() < chance
        items.append(LabelledWindow(window, "q", ("s",), (label,), label, None))
    return items


def test_the_head_gives_the_scaled_score(tiny_network: "ProvenceModel") -> None:
    before = keep_logits(tiny_network)
    rescale(tiny_network.keep_head, Scaling(0.5, -2.0))
    torch.testing.assert_close(keep_logits(tiny_network), 0.5 * before - 2.0)


def test_the_scaling_behind_the_labels_is_found(tiny_network: "ProvenceModel") -> None:
    found = fit_scaling(tiny_network, windows(tiny_network, Scaling(0.5, -1.0)), pad_id=0)
    assert found.factor == pytest.approx(0.5, abs=0.1)
    assert found.shift == pytest.approx(-1.0, abs=0.25)


def test_a_scaled_head_needs_no_further_scaling(tiny_network: "ProvenceModel") -> None:
    items = windows(tiny_network, Scaling(0.3, 1.0))
    assert make_targets(items).keep.mean() > 0.5
    rescale(tiny_network.keep_head, fit_scaling(tiny_network, items, pad_id=0))
    again = fit_scaling(tiny_network, items, pad_id=0)
    assert again.factor == pytest.approx(1.0, abs=1e-2)
    assert again.shift == pytest.approx(0.0, abs=1e-2)
