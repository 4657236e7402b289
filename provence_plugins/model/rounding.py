"""Round the weights of an encoder to the steps of int8 so that its outputs change least.

Rounding each weight to the nearest step shifts every output of a layer the same way where some
inputs are nearly constant, as a few states of an encoder are. So the columns of a matrix are
rounded one after another, and what a column loses is made up for by those that are not rounded yet,
given how the inputs vary together (GPTQ, arXiv 2210.17323).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.model.loading import Network
from provence_plugins.tokens.batches import TokenBatch

with needs_extra("torch"):
    import torch
    from torch import Tensor, nn

# Steps of a weight to either side of zero: seven bits, as `model.quantization` stores them.
_LEVELS = 64

# Share of the mean variance that is added to each input, which keeps the equations solvable.
_DAMPING = 0.01

# Columns whose losses are passed on to the others together.
_BLOCK = 128


def round_weights(network: Network, batches: Iterable[TokenBatch]) -> None:
    """Round the matrices of a network's encoder in place; each row keeps its largest weight.

    Meanwhile it holds a square matrix in float32 for each layer, with a row for each of its inputs.

    Args:
        network: A network in float32 on the CPU.
        batches: Inputs like those that it will read.
    """
    layers = [layer for layer in network.backbone.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        with _watch(layers) as moments:
            for batch in batches:
                network.probabilities(*map(torch.as_tensor, (batch.ids, batch.mask, batch.type_ids)))
        for layer, moment in moments.items():
            layer.weight.copy_(_round(layer.weight.clone(), moment))


@contextmanager
def _watch(layers: Iterable[nn.Linear]) -> Iterator[dict[nn.Linear, Tensor]]:
    """Sum the products of the inputs of each layer while the network runs."""
    moments: dict[nn.Linear, Tensor] = {}

    def note(layer: Any, inputs: tuple[Any, ...]) -> None:
        states = inputs[0].reshape(-1, inputs[0].shape[-1])
        moments[layer] = moments.get(layer, 0.0) + states.T @ states

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield moments
    finally:
        for hook in hooks:
            hook.remove()


def _round(weight: Tensor, moment: Tensor) -> Tensor:
    """Return the rounded matrix of a layer, of shape (outputs, inputs)."""
    steps = (weight.abs().amax(1) / _LEVELS).clamp_min(1e-12)
    largest = weight.abs().argmax(1)
    kept = weight.gather(1, largest[:, None])[:, 0]
    size = weight.shape[1]
    # In float64, because a few inputs are a thousand times as large as the others.
    damped = moment.double() + torch.eye(size) * (_DAMPING * moment.diagonal().mean() + 1e-8)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor = torch.linalg.cholesky(inverse, upper=True).float()
    for first in range(0, size, _BLOCK):
        end = min(first + _BLOCK, size)
        losses = torch.zeros(len(weight), end - first)
        for column in range(first, end):
            values = weight[:, column]
            rounded = (values / steps).round().clamp(-_LEVELS, _LEVELS) * steps
            # The largest weight of a row decides its step, also when the graph is quantized.
            rounded = torch.where(largest == column, kept, rounded)
            loss = (values - rounded) / factor[column, column]
            weight[:, column] = rounded
            weight[:, column + 1 : end] -= loss[:, None] * factor[column, column + 1 : end]
            losses[:, column - first] = loss
        weight[:, end:] -= losses @ factor[first:end, end:]
    return weight
