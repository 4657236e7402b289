"""Export a network to ONNX graphs, which are compared with torch before they are written."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provence_plugins.errors import ExportError, InvalidInputError, needs_extra
from provence_plugins.model.backend import Backend
from provence_plugins.model.folder import ONNX_FILES
from provence_plugins.model.loading import Network
from provence_plugins.model.onnx_backend import OnnxBackend
from provence_plugins.model.onnx_graph import INPUTS, OUTPUTS
from provence_plugins.model.quantization import quantize_graph
from provence_plugins.model.rounding import round_weights
from provence_plugins.model.saving import move_files
from provence_plugins.model.torch_backend import TorchBackend
from provence_plugins.tokens.batches import TokenBatch

with needs_extra("torch"):
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An ONNX file, and how much its probabilities differ from those of torch.

    Attributes:
        path: The file.
        precision: "float32" or "int8".
        mean_difference: Mean difference over the keep probabilities of all probe tokens.
        max_difference: Maximum difference over keep probabilities and relevance.
    """

    path: Path
    precision: str
    mean_difference: float
    max_difference: float


@dataclass(frozen=True, slots=True)
class _Limit:
    mean: float
    largest: float


# float32 differs by the order of sums. int8 changes single probabilities, which matters little for
# the mean of a sentence; a mean difference above this limit would change decisions throughout.
_LIMITS = {"float32": _Limit(mean=1e-4, largest=1e-4), "int8": _Limit(mean=0.05, largest=1.0)}

_OPSET = 17

# The graph in float32 whose weights are those of int8.
_ROUNDED = "rounded.onnx"

# Rows and length of random batches: padded and full, shorter and longer than a local attention span
# of 128 tokens.
_PROBE_SHAPES = ((3, 40), (1, 24), (4, 128), (2, 320))


def require_precisions(precisions: Sequence[str]) -> None:
    """Check the names of precisions of ONNX files.

    Raises:
        InvalidInputError: There is no such precision.
    """
    if unknown := set(precisions) - set(ONNX_FILES):
        raise InvalidInputError(f"precisions must be among {', '.join(ONNX_FILES)}; got {min(unknown)!r}.")


def export_onnx(
    network: Network,
    folder: Path,
    *,
    precisions: Sequence[str] = ("float32", "int8"),
    probes: Sequence[TokenBatch] | None = None,
) -> list[ExportedFile]:
    """Write `model.onnx` and `model_int8.onnx`, which return probabilities, into a folder.

    All of them are compared with torch first, and either all are written or none.

    Args:
        network: Is not changed; a float32 copy on the CPU is exported, with dropout off.
        folder: An existing folder with the network's weights.
        precisions: Which files to write: "float32", "int8" or both.
        probes: Batches for the comparison, by which the weights of int8 are rounded too; windows of
            real text round better. None for random tokens in windows of several lengths.

    Raises:
        ExportError: A graph's probabilities differ too much from those of torch, or a weight is not a
            finite number.
        InvalidInputError: There is no such precision.
        MissingExtraError: The package onnx is not installed.
    """
    require_precisions(precisions)
    _require_finite(network)
    twin = copy.deepcopy(network)
    twin.train(False)
    twin.to(torch.device("cpu"), torch.float32)
    # The plain formula becomes fewer and faster ONNX nodes than the traced parts of the fused
    # kernel.
    twin.backbone.set_attn_implementation("eager")
    probes = probes or _random_probes(twin)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as name:
        staged = Path(name)
        _trace(twin, probes[0], staged / ONNX_FILES["float32"])
        if "int8" in precisions:
            round_weights(rounded := copy.deepcopy(twin), probes)
            _trace(rounded, probes[0], staged / _ROUNDED)
            quantize_graph(staged / _ROUNDED, staged / ONNX_FILES["int8"])
        differences = [_compare(twin, staged, precision, probes) for precision in precisions]
        move_files([ONNX_FILES[precision] for precision in precisions], staged, folder)
    return [
        ExportedFile(folder / ONNX_FILES[precision], precision, mean, largest)
        for precision, (mean, largest) in zip(precisions, differences, strict=True)
    ]


def _require_finite(network: Network) -> None:
    """Refuse what a comparison of probabilities cannot: NaN differs from nothing."""
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ExportError(
                f"The weight {name} holds NaN or infinity, so the model has no probabilities. "
                f"Export a model whose training did not diverge."
            )


class _Probabilities(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.probabilities(*inputs)


def _trace(network: Network, example: TokenBatch, path: Path) -> None:
    names = INPUTS if network.family.takes_type_ids else INPUTS[:2]
    arrays = (example.ids, example.mask, example.type_ids)[: len(names)]
    axes = {name: {0: "rows", 1: "length"} for name in (*names, "keep")} | {"relevance": {0: "rows"}}
    with needs_extra("export"):
        import onnx  # noqa: F401  # torch imports it during the export
    with warnings.catch_warnings():
        # The exporter that needs no other package is called legacy, and tracing warns of every
        # branch on a shape. The comparison with torch shows whether the graph is right.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Probabilities(network).train(False),
            tuple(torch.as_tensor(array) for array in arrays),
            str(path),
            input_names=list(names),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _random_probes(network: Network) -> list[TokenBatch]:
    config = network.config
    pad = config.backbone_config.pad_token_id or 0
    words = np.setdiff1d(np.arange(config.backbone_config.vocab_size), [pad, config.separator_id])
    random = np.random.default_rng(0)
    batches = []
    for rows, longest in _PROBE_SHAPES:
        length = min(longest, config.max_tokens)
        ids = random.choice(words, (rows, length)).astype(np.int64)
        ids[:, length // 4] = config.separator_id
        # Each row is a tenth shorter than the one before.
        mask = (np.arange(length) < length - np.arange(rows)[:, None] * length // 10).astype(np.int64)
        type_ids = mask * (np.arange(length) > length // 4)
        batches.append(TokenBatch(ids=np.where(mask == 1, ids, pad), mask=mask, type_ids=type_ids))
    return batches


def _compare(
    network: Network,
    staged: Path,
    precision: str,
    probes: Sequence[TokenBatch],
) -> tuple[float, float]:
    exported = OnnxBackend(staged / ONNX_FILES[precision], max_tokens=network.config.max_tokens)
    relevance, keep = _differences(TorchBackend(network), exported, probes)
    mean, largest = float(keep.mean()), float(max(keep.max(), relevance.max()))
    limit = _LIMITS[precision]
    if mean > limit.mean or largest > limit.largest:
        raise ExportError(
            f"The {precision} graph differs from torch by {mean:.2g} on average and {largest:.2g} "
            f"at most; allowed are {limit.mean:g} and {limit.largest:g}. Nothing was written. "
            f"Leave {precision!r} out of the precisions, or use the torch backend with this model."
        )
    return mean, largest


def _differences(
    one: Backend,
    other: Backend,
    probes: Sequence[TokenBatch],
) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(one.forward(probe), other.forward(probe), probe.mask == 1) for probe in probes]
    relevance = np.concatenate([np.abs(left.relevance - right.relevance) for left, right, _ in pairs])
    keep = np.concatenate([np.abs(left.keep - right.keep)[real] for left, right, real in pairs])
    return relevance, keep
