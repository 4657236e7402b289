"""Calibrate keep probabilities by a factor and a shift of the keep scores, fitted on dev.

Platt scaling (Platt 1999; for networks arXiv 1706.04599) on what decides in the end, the mean
probability of a sentence. The two numbers go into the keep head itself, so that nothing else has to
know of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from provence_plugins.errors import needs_extra
from provence_plugins.model.network import ProvenceModel, SimilarityHead
from provence_plugins.tokens.batches import iter_batches, pad_windows
from provence_plugins.training.losses import make_targets
from provence_plugins.training.sampling import LabelledWindow

with needs_extra("train"):
    import torch
    from torch import Tensor
    from torch.nn import functional

_MAX_BATCH_TOKENS = 8192
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Scaling:
    """A scaled keep score is `factor * score + shift`."""

    factor: float
    shift: float


def fit_scaling(network: ProvenceModel, items: Iterable[LabelledWindow], *, pad_id: int) -> Scaling:
    """Fit the scaling under which sentence means are likeliest, given their labels."""
    logits, numbers, keep = _keep_logits(network, [item for item in items if item.keep], pad_id)
    parameters = torch.tensor([0.0, 0.0], requires_grad=True)  # logarithm of the factor, shift
    counts = torch.zeros_like(keep).index_add(0, numbers, torch.ones_like(logits))
    optimizer = torch.optim.LBFGS([parameters], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        probabilities = torch.sigmoid(parameters[0].exp() * logits + parameters[1])
        means = torch.zeros_like(keep).index_add(0, numbers, probabilities) / counts
        value = functional.binary_cross_entropy(means.clamp(1e-6, 1 - 1e-6), keep)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    factor, shift = parameters.detach().tolist()
    return Scaling(float(np.exp(factor)), float(shift))


def rescale(head: SimilarityHead, scaling: Scaling) -> None:
    """Make a head give `factor * score + shift` where it gave `score`."""
    with torch.no_grad():
        for part in (head.out.weight, head.out.bias, head.similarity):
            part.mul_(scaling.factor)
        head.out.bias.add_(scaling.shift)


def _keep_logits(
    network: ProvenceModel,
    items: list[LabelledWindow],
    pad_id: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return keep scores and sentences of all labelled tokens, and labels of the sentences."""
    logits, numbers, keep = [], [], []
    sentences = 0
    device = network.device
    for rows in iter_batches([len(item.window.ids) for item in items], max_batch_tokens=_MAX_BATCH_TOKENS):
        chosen = [items[row] for row in rows]
        batch = pad_windows([item.window for item in chosen], pad_id=pad_id)
        targets = make_targets(chosen, batch.ids.shape[1])
        inputs = [torch.from_numpy(array).to(device) for array in (batch.ids, batch.mask, batch.type_ids)]
        with torch.no_grad():
            logits.append(targets.of_tokens(network(*inputs).keep_logits.cpu()))
        numbers.append(targets.sentence + sentences)
        keep.append(targets.keep)
        sentences += len(targets.keep)
    return torch.cat(logits), torch.cat(numbers), torch.cat(keep)
