"""A network to files: a complete model folder, and ONNX graphs that were compared with torch before they count."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provence_plugins.errors import CheckpointNotFoundError, ExportError, InvalidInputError, needs_extra
from provence_plugins.model.backend import Backend
from provence_plugins.model.checkpoint import (
    CARD,
    CONFIG,
    FILES_READ,
    ONNX_FILES,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
)
from provence_plugins.model.loading import Network
from provence_plugins.model.network import ProvenceModel
from provence_plugins.model.onnx_backend import INPUTS, OUTPUTS, OnnxBackend
from provence_plugins.model.torch_backend import TorchBackend
from provence_plugins.tokens.batches import TokenBatch

with needs_extra("torch"):
    import torch
    from safetensors.torch import save_file
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An ONNX file, and how far its probabilities lie from those of torch.

    Attributes:
        path: The file.
        precision: "float32" or "int8".
        mean_difference: Mean over the keep probabilities of all probe tokens.
        max_difference: The largest over keep probabilities and relevance.
    """

    path: Path
    precision: str
    mean_difference: float
    max_difference: float


@dataclass(frozen=True, slots=True)
class _Limit:
    mean: float
    largest: float


# float32 may differ by the order of sums. int8 moves single probabilities, which a threshold on the mean of a sentence
# forgives; a mean shift of this size would change decisions throughout.
_LIMITS = {"float32": _Limit(mean=1e-4, largest=1e-4), "int8": _Limit(mean=0.05, largest=1.0)}

_OPSET = 17

# Rows and length of random batches: padded and full, shorter and longer than a local attention span of 128 tokens.
_PROBE_SHAPES = ((3, 40), (1, 24), (4, 128), (2, 320))


def save_folder(
    network: ProvenceModel, folder: Path, *, tokenizer_from: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write a native model folder: configuration, safetensors and tokenizer.

    In a folder that exists, files of these names are replaced, ONNX files of the former weights are removed and other
    files stay. A save that is interrupted leaves a folder without `config.json`, which cannot be opened, or the former
    model: never a mixture that loads.

    Args:
        network: Stays as it is, on its device and in its precision.
        folder: Made if it is missing.
        tokenizer_from: Folder whose `tokenizer.json` and `tokenizer_config.json` are copied unchanged.
        dtype: Precision of the stored weights; half precision halves the file, and loading widens it again.

    Raises:
        CheckpointNotFoundError: `tokenizer_from` has no `tokenizer.json`.
    """
    if not (tokenizer_from / TOKENIZER).is_file():
        raise CheckpointNotFoundError(
            f"The folder {tokenizer_from} has no {TOKENIZER}. Give one with a fast tokenizer."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as name:
        staged = Path(name)
        save_file(_tensors(network, dtype), staged / WEIGHTS, metadata={"format": "pt"})
        for file in (TOKENIZER, TOKENIZER_CONFIG):
            if (tokenizer_from / file).is_file():
                shutil.copyfile(tokenizer_from / file, staged / file)
        (staged / CONFIG).write_text(_config_json(network), encoding="utf-8")
        # Safetensors makes files that none but their owner can read.
        shutil.copymode(staged / CONFIG, staged / WEIGHTS)
        for stale in (CONFIG, TOKENIZER_CONFIG, *ONNX_FILES.values()):
            (folder / stale).unlink(missing_ok=True)
        _move((WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, CONFIG), staged, folder)


def save_compact(network: Network, source: Path, folder: Path) -> None:
    """Write a copy of a model folder, its card included.

    Args:
        network: The network of `source`, in float32. This package's own is written in half precision; a published
            one's files are copied as they are.
        source: The folder that it was loaded from.
        folder: Made if it is missing.
    """
    if isinstance(network, ProvenceModel):
        save_folder(network, folder, tokenizer_from=source, dtype=torch.float16)
        copied = [source / CARD]
    else:
        folder.mkdir(parents=True, exist_ok=True)
        copied = [path for pattern in FILES_READ if pattern != "*.onnx" for path in source.glob(pattern)]
    for path in copied:
        if path.is_file():
            shutil.copyfile(path, folder / path.name)


def export_onnx(
    network: Network,
    folder: Path,
    *,
    precisions: Sequence[str] = ("float32", "int8"),
    probes: Sequence[TokenBatch] | None = None,
) -> list[ExportedFile]:
    """Write `model.onnx` and `model_int8.onnx`, graphs that end in probabilities, into a model folder.

    All of them are compared with torch first, and either all are written or none.

    Args:
        network: Stays as it is; a float32 copy on the CPU is exported, with dropout off.
        folder: A folder that exists, with the network's weights.
        precisions: Which files to write: "float32", "int8" or both.
        probes: Batches to compare on; None takes random tokens in windows of several lengths.

    Raises:
        ExportError: A graph's probabilities lie too far from those of torch.
        InvalidInputError: There is no such precision.
        MissingExtraError: The package onnx is not installed.
    """
    if unknown := set(precisions) - set(ONNX_FILES):
        raise InvalidInputError(f"There is no precision {min(unknown)!r} to export; choose {', '.join(ONNX_FILES)}.")
    twin = copy.deepcopy(network).train(False).cpu().float()
    # The plain formula becomes fewer and faster ONNX nodes than the traced parts of the fused kernel.
    twin.backbone.set_attn_implementation("eager")
    probes = probes or _random_probes(twin)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as name:
        staged = Path(name)
        _trace(twin, probes[0], staged / ONNX_FILES["float32"])
        if "int8" in precisions:
            _quantize(staged / ONNX_FILES["float32"], staged / ONNX_FILES["int8"])
        differences = [_compare(twin, staged, precision, probes) for precision in precisions]
        _move([ONNX_FILES[precision] for precision in precisions], staged, folder)
    return [
        ExportedFile(folder / ONNX_FILES[precision], precision, mean, largest)
        for precision, (mean, largest) in zip(precisions, differences, strict=True)
    ]


def _tensors(network: ProvenceModel, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in network.state_dict().items()
    }


def _config_json(network: ProvenceModel) -> str:
    config = network.config.to_dict()
    # Where the encoder was read from is a path on the machine of whoever trained the model.
    for part in (config, config["backbone_config"]):
        part.pop("_name_or_path", None)
    config["architectures"] = [type(network).__name__]
    # Auto classes load in this precision whatever the file's own is.
    config["dtype"] = "float32"
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def _move(names: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        if (source / name).is_file():
            (source / name).replace(target / name)


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
        import onnx  # noqa: F401  # torch asks for it in the midst of the export
    with warnings.catch_warnings():
        # The exporter that needs no further package is called legacy, and tracing warns of every branch on a shape.
        # Whether the graph is right is measured afterwards.
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


def _quantize(source: Path, target: Path) -> None:
    with needs_extra("export"):
        from onnxruntime.quantization import QuantType, quantize_dynamic
        from onnxruntime.quantization.shape_inference import quant_pre_process
    prepared = target.with_suffix(".prepared")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_dynamic(
        prepared,
        target,
        op_types_to_quantize=["MatMul", "Gather"],
        per_channel=True,
        # Seven bits cannot overflow the 16-bit sums of processors without VNNI, so that all give the same answers; the
        # accuracy measured the same as with eight.
        reduce_range=True,
        weight_type=QuantType.QInt8,
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


def _compare(network: Network, staged: Path, precision: str, probes: Sequence[TokenBatch]) -> tuple[float, float]:
    exported = OnnxBackend(staged / ONNX_FILES[precision], max_tokens=network.config.max_tokens)
    relevance, keep = _differences(TorchBackend(network), exported, probes)
    mean, largest = float(keep.mean()), float(max(keep.max(), relevance.max()))
    limit = _LIMITS[precision]
    if mean > limit.mean or largest > limit.largest:
        raise ExportError(
            f"The {precision} graph differs from torch by {mean:.2g} on average and {largest:.2g} at most, where "
            f"{limit.mean:g} and {limit.largest:g} are allowed; nothing was written. Leave {precision!r} out of the "
            f"precisions, or use the torch backend with this model."
        )
    return mean, largest


def _differences(one: Backend, other: Backend, probes: Sequence[TokenBatch]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(one.forward(probe), other.forward(probe), probe.mask == 1) for probe in probes]
    relevance = np.concatenate([np.abs(left.relevance - right.relevance) for left, right, _ in pairs])
    keep = np.concatenate([np.abs(left.keep - right.keep)[real] for left, right, real in pairs])
    return relevance, keep
