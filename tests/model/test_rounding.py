import copy

import numpy as np
import torch
from torch import nn

from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.rounding import round_weights
from provence_plugins.tokens.batches import TokenBatch

STEPS = 64


def linear_layers(network: ProvenceModel) -> list[nn.Linear]:
    return [module for module in network.backbone.modules() if isinstance(module, nn.Linear)]


def batch_for(network: ProvenceModel) -> TokenBatch:
    ids = np.random.default_rng(0).integers(5, network.config.backbone_config.vocab_size, (8, 24))
    return TokenBatch(ids, np.ones_like(ids), np.zeros_like(ids))


def states(network: ProvenceModel, batch: TokenBatch) -> torch.Tensor:
    with torch.no_grad():
        return network(*map(torch.as_tensor, (batch.ids, batch.mask, batch.type_ids))).last_hidden_state


def test_each_row_keeps_its_largest_weight_and_has_weights_in_steps_of_it(tiny_network: ProvenceModel) -> None:
    largest = [layer.weight.abs().amax(1) for layer in linear_layers(tiny_network)]
    round_weights(tiny_network, [batch_for(tiny_network)])
    for layer, expected in zip(linear_layers(tiny_network), largest, strict=True):
        torch.testing.assert_close(layer.weight.abs().amax(1), expected)
        steps = layer.weight / expected[:, None] * STEPS
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0.0)


def test_the_states_change_less_than_with_weights_rounded_to_the_nearest_step(tiny_network: ProvenceModel) -> None:
    tiny_network.train(False)
    batch = batch_for(tiny_network)
    # One input of every layer is nearly constant and large, as in real encoders.
    with torch.no_grad():
        for module in tiny_network.backbone.modules():
            if isinstance(module, nn.LayerNorm):
                module.bias[0] = 10.0
    expected = states(tiny_network, batch)
    nearest = copy.deepcopy(tiny_network)
    with torch.no_grad():
        for layer in linear_layers(nearest):
            step = layer.weight.abs().amax(1, keepdim=True) / STEPS
            layer.weight.copy_((layer.weight / step).round() * step)
    round_weights(tiny_network, [batch])
    found, other = ((states(network, batch) - expected).abs().mean() for network in (tiny_network, nearest))
    assert 2 * found < other
