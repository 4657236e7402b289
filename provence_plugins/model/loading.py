"""A checkpoint's weights, of whichever layout, in a torch network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError, needs_extra
from provence_plugins.model.checkpoint import WEIGHTS, Checkpoint
from provence_plugins.model.network import ProvenceConfig, ProvenceModel
from provence_plugins.model.published import (
    PublishedConfig,
    PublishedModel,
    Shapes,
    backbone_config,
    build_published,
    plays_no_part,
)

with needs_extra("torch"):
    import torch
    from safetensors import SafetensorError, safe_open
    from torch import Tensor

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 3

Network = ProvenceModel | PublishedModel


def load_network(checkpoint: Checkpoint) -> Network:
    """The network of a checkpoint with its weights, on the CPU, in float32 and in evaluation mode.

    Raises:
        CheckpointError: Weights are missing, damaged, or do not fit the configuration.
    """
    files = checkpoint.tensors
    if not files:
        raise CheckpointNotFoundError(f"The folder {checkpoint.folder} has no {WEIGHTS}. Use backend='onnx' with it.")
    shapes = _read_shapes(files, checkpoint)
    network, names = _build(checkpoint, shapes)
    _require_fit(network, names, shapes, checkpoint)
    _fill(network, names, files)
    network.train(False)
    return network


def _read_shapes(files: Mapping[str, Path], checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(set(files.values())):
        try:
            with safe_open(path, framework="pt") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is damaged ({error}). Fetch or export the model again.") from error
    return shapes


def _build(checkpoint: Checkpoint, shapes: Shapes) -> tuple[Network, dict[str, str]]:
    """The network, and for each of its tensors the name under which the checkpoint stores it."""
    try:
        # First weights are drawn and at once overwritten; the caller's random numbers must not notice.
        with torch.random.fork_rng(devices=[]):
            if checkpoint.format.layout is None:
                network = ProvenceModel(ProvenceConfig(**checkpoint.config))
                return network, {name: name for name in network.state_dict()}
            facts = PublishedConfig(
                backbone_config(checkpoint.backbone_config),
                checkpoint.max_tokens,
                checkpoint.encoder.template.between[0],
            )
            return build_published(checkpoint.format, facts, shapes)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"config.json of {checkpoint.folder} describes no network: {error}") from error


def _require_fit(network: Network, names: Mapping[str, str], shapes: Shapes, checkpoint: Checkpoint) -> None:
    expected = {names[name]: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    strangers = [name for name in shapes if name not in expected]
    layout = checkpoint.format.layout
    if layout is not None:
        strangers = [name for name in strangers if not plays_no_part(name, layout, network.family)]
        if strangers:
            logger.warning("%s holds tensors that are not read: %s", checkpoint.folder, _listed(strangers))
    faults = {
        "missing": [name for name in expected if name not in shapes],
        "unexpected": strangers if layout is None else [],
        "of another shape": [
            f"{name} {shapes[name]} instead of {shape}"
            for name, shape in expected.items()
            if name in shapes and shapes[name] != shape
        ],
    }
    found = "; ".join(f"{len(rows)} {fault}: {_listed(rows)}" for fault, rows in faults.items() if rows)
    if found:
        raise CheckpointError(
            f"The weights in {checkpoint.folder} do not fit its config.json. Tensors {found}. Fetch or export the "
            f"model again."
        )


def _fill(network: Network, names: Mapping[str, str], files: Mapping[str, Path]) -> None:
    targets: dict[str, Tensor] = network.state_dict()
    for path in sorted(set(files.values())):
        with safe_open(path, framework="pt") as file:
            for name, target in targets.items():
                if files[names[name]] == path:
                    target.copy_(file.get_tensor(names[name]))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMES_SHOWN])
