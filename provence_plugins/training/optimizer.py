"""The optimizer and its learning rates by layer and by progress of the run."""

from __future__ import annotations

import re
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.training.settings import OptimizerSettings

with needs_extra("train"):
    import torch

    from provence_plugins.model.network import ProvenceModel


def make_optimizer(
    network: ProvenceModel, settings: OptimizerSettings, objective: torch.nn.Module
) -> torch.optim.Optimizer:
    """Return AdamW with a group for all heads and a group for each layer.

    The key `peak` of a group is its highest rate.
    """
    layers: dict[str, int] = {}
    for name, weight in network.backbone.named_parameters():
        if weight.requires_grad:
            layers[name] = _layer_of(name)
    top = max(layers.values(), default=0)
    heads = [*network.relevance_head.parameters(), *network.keep_head.parameters(), *objective.parameters()]
    groups: list[dict[str, Any]] = [{"params": heads, "peak": settings.head_learning_rate}]
    for layer in sorted(set(layers.values())):
        weights = [network.backbone.get_parameter(name) for name in layers if layers[name] == layer]
        groups.append({"params": weights, "peak": settings.learning_rate * settings.layer_decay ** (top - layer)})
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def _layer_of(name: str) -> int:
    """Return the number of a parameter's layer, from 1 up; 0 outside the layers."""
    found = re.search(r"\blayers?\.(\d+)\.", name)
    return int(found[1]) + 1 if found else 0


def rate_at(done: float, settings: OptimizerSettings) -> float:
    """Return the share of the peak rate at this share of the run: a linear rise, then a fall."""
    if done < settings.warmup:
        return max(done / settings.warmup, 1e-3)
    left = (1.0 - done) / (1.0 - settings.warmup)
    return max(settings.final_rate, left)
