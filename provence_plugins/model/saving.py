"""Save a network as a model folder: configuration, safetensors and tokenizer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError, needs_extra
from provence_plugins.model.folder import (
    CARD,
    CONFIG,
    FILES_READ,
    ONNX_FILES,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    locate,
    write_json,
)
from provence_plugins.model.loading import Network
from provence_plugins.model.network import ProvenceModel

with needs_extra("torch"):
    import torch
    from safetensors.torch import save_file
    from torch import Tensor


def save_folder(
    network: ProvenceModel,
    folder: Path,
    *,
    tokenizer_from: Path,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a native model folder: configuration, safetensors and tokenizer.

    In an existing folder, files of these names are replaced, ONNX files of the former weights are
    removed, and other files stay. An interrupted save leaves the former model, or a folder without
    `config.json`, which does not open: it never leaves a mixture that loads.

    Args:
        network: Is not changed; it keeps its device and precision.
        folder: Created if it does not exist.
        tokenizer_from: Folder whose `tokenizer.json` and `tokenizer_config.json` are copied
            unchanged.
        dtype: Precision of the stored weights; half precision halves the file, and loading converts
            it to float32.

    Raises:
        CheckpointNotFoundError: `tokenizer_from` has no `tokenizer.json`.
    """
    if not locate(tokenizer_from, TOKENIZER):
        raise CheckpointNotFoundError(
            f"The folder {tokenizer_from} has no {TOKENIZER}. Give a folder with a fast tokenizer."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as name:
        staged = Path(name)
        save_file(_tensors(network, dtype), staged / WEIGHTS, metadata={"format": "pt"})
        for file in (TOKENIZER, TOKENIZER_CONFIG):
            if locate(tokenizer_from, file):
                shutil.copyfile(tokenizer_from / file, staged / file)
        write_json(staged / CONFIG, _config_values(network))
        # Safetensors creates files that only their owner can read.
        shutil.copymode(staged / CONFIG, staged / WEIGHTS)
        for stale in (CONFIG, TOKENIZER_CONFIG, *ONNX_FILES.values()):
            (folder / stale).unlink(missing_ok=True)
        move_files((WEIGHTS, TOKENIZER, TOKENIZER_CONFIG, CONFIG), staged, folder)


def save_half_precision(network: Network, source: Path, folder: Path) -> None:
    """Write a copy of a model folder with its card, own weights in half precision.

    Args:
        network: The network of `source`, in float32. In this package's own format it is written in
            half precision; the files of a published model are copied unchanged.
        source: The folder that it was loaded from.
        folder: Created if it does not exist; must differ from `source`.

    Raises:
        InvalidInputError: `folder` is `source`; nothing was changed.
    """
    require_other_folder(folder, source)
    if isinstance(network, ProvenceModel):
        save_folder(network, folder, tokenizer_from=source, dtype=torch.float16)
        copied = [source / CARD]
    else:
        folder.mkdir(parents=True, exist_ok=True)
        copied = []
        for pattern in FILES_READ:
            if pattern != "*.onnx":
                copied += source.glob(pattern)
    for path in copied:
        if path.is_file():
            shutil.copyfile(path, folder / path.name)


def require_other_folder(folder: Path, source: Path) -> None:
    """Refuse to write a copy of a model over the model itself, by whichever path either is named.

    Raises:
        InvalidInputError: Both are the same folder.
    """
    if folder.resolve() == source.resolve():
        raise InvalidInputError(
            f"folder={str(folder)!r} is the model's own folder, whose files a copy would replace. Give another folder."
        )


def move_files(names: Iterable[str], source: Path, target: Path) -> None:
    """Move the named files that exist to another folder, and replace those of the same name."""
    for name in names:
        if (source / name).is_file():
            (source / name).replace(target / name)


def _tensors(network: ProvenceModel, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in network.state_dict().items()
    }


# Any: values of a configuration.
def _config_values(network: ProvenceModel) -> dict[str, Any]:
    config: dict[str, Any] = network.config.to_dict()
    # The path of the encoder on the machine that trained the model is private.
    for part in (config, config["backbone_config"]):
        part.pop("_name_or_path", None)
    config["architectures"] = [type(network).__name__]
    # Auto classes load in this precision, whatever the precision of the file.
    config["dtype"] = "float32"
    return config
