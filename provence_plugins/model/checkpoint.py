"""A model folder on disk, in the package or on the hub, opened and checked without torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from tokenizers import Tokenizer

from provence_plugins.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    InvalidInputError,
    UnsafeCheckpointError,
)
from provence_plugins.model.families import longest_window
from provence_plugins.model.formats import FORMATS, Format
from provence_plugins.tokens.encoding import TextEncoder

BUNDLED = Path(__file__).parent / "bundled"

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
CARD = "README.md"
ONNX_FILES: Mapping[str, str] = MappingProxyType({"int8": "model_int8.onnx", "float32": "model.onnx"})

# Everything that is ever read from a hub repository; pickles and code are not on the list.
_WANTED = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, CARD, "*.safetensors", "*.onnx")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened model folder: its facts, and the paths of what a backend loads.

    Attributes:
        folder: Where it lies on disk.
        name: What the caller asked for: "bundled", a folder or a hub id.
        format: The conventions of its layout.
        config: Its `config.json`.
        encoder: Its tokenizer.
        max_tokens: Longest window.
        default_threshold: Keep threshold when a policy names none.
        splitter: Sentence splitter that the model was trained with.
    """

    folder: Path
    name: str
    format: Format
    config: Mapping[str, Any]
    encoder: TextEncoder
    max_tokens: int
    default_threshold: float
    splitter: str

    @property
    def weights(self) -> Path:
        """The safetensors file; it may be missing in a folder made for ONNX Runtime only."""
        return self.folder / WEIGHTS

    @property
    def onnx_files(self) -> dict[str, Path]:
        """The ONNX files that are there, by precision."""
        paths = {dtype: self.folder / name for dtype, name in ONNX_FILES.items()}
        return {dtype: path for dtype, path in paths.items() if path.is_file()}


def open_checkpoint(model: str | Path | None = None, *, revision: str | None = None) -> Checkpoint:
    """Find a model folder, check it and read its facts.

    Args:
        model: None for the model that ships with the package, a folder, or a hub id such as "owner/name". Only a hub
            id can cause a download, and only of safetensors, ONNX, tokenizer, configuration and card.
        revision: Branch, tag or commit of a hub id.

    Raises:
        CheckpointNotFoundError: There is no such folder or hub repository, or it has no `config.json`.
        UnsafeCheckpointError: The folder's only weights are pickles.
        CheckpointError: A file is missing, damaged, or of a layout or version that this package does not read.
    """
    folder = BUNDLED if model is None else _find(model, revision)
    name = "bundled" if model is None else str(model)
    config = _read_config(folder)
    layout = _format_of(folder, config)
    _check_weights(folder)
    return Checkpoint(
        folder=folder,
        name=name,
        format=layout,
        config=MappingProxyType(config),
        encoder=TextEncoder(_read_tokenizer(folder)),
        max_tokens=_max_tokens(folder, config),
        default_threshold=_default_threshold(folder, config),
        splitter=str(config.get("splitter", "sentencex")),
    )


def _find(model: str | Path, revision: str | None) -> Path:
    if not isinstance(model, str | Path) or not str(model):
        raise InvalidInputError(f"A model is a folder or a hub id, got {model!r}. None takes the bundled model.")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if isinstance(model, Path) or str(model).count("/") != 1 or str(model).startswith((".", "/", "~")):
        raise CheckpointNotFoundError(f"There is no model folder {str(model)!r}. Give a folder or a hub id owner/name.")
    try:
        return Path(snapshot_download(str(model), revision=revision, allow_patterns=list(_WANTED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointNotFoundError(
            f"{str(model)!r} is no folder here, and it could not be had from the hub ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}). Check the name and the network, or give the path of a local copy."
        ) from error


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointNotFoundError(f"The folder {folder} has no {CONFIG}, so it holds no model.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON ({error}). Fetch or export the model again.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds a {type(config).__name__}, not an object. Fetch or export it again.")
    return config


def _format_of(folder: Path, config: dict[str, Any]) -> Format:
    layout = FORMATS.get(str(config.get("model_type")))
    if layout is None:
        raise CheckpointError(
            f"{folder} holds a model of type {config.get('model_type')!r}; this package reads {', '.join(FORMATS)}."
        )
    version = config.get("format_version")
    if version != layout.version:
        raise CheckpointError(
            f"{folder} is of format version {version!r} and this package reads version {layout.version}. Update "
            f"provence-plugins, or export the model again with this version."
        )
    return layout


def _check_weights(folder: Path) -> None:
    if (folder / WEIGHTS).is_file() or any((folder / name).is_file() for name in ONNX_FILES.values()):
        return
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise UnsafeCheckpointError(
            f"{folder} has no safetensors, only {', '.join(pickles)}: pickled weights can run code when they are read "
            f"and are refused. Save the model with safetensors."
        )
    raise CheckpointNotFoundError(
        f"{folder} has no weights. Expected {WEIGHTS} or one of {', '.join(ONNX_FILES.values())}."
    )


def _read_tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    if not path.is_file():
        raise CheckpointNotFoundError(f"The folder {folder} has no {TOKENIZER}. Fetch or export the model again.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises nothing more precise
        raise CheckpointError(f"{path} is no readable tokenizer ({error}). Fetch or export the model again.") from error


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    longest = longest_window(config.get("backbone_config") or {})
    given = config.get("max_tokens", longest)
    if not isinstance(given, int) or not 1 <= given <= longest:
        raise CheckpointError(f"config.json of {folder} gives max_tokens={given!r}; the encoder reads 1 to {longest}.")
    return given


def _default_threshold(folder: Path, config: dict[str, Any]) -> float:
    given = config.get("default_threshold")
    if not isinstance(given, int | float) or not math.isfinite(given) or not 0 <= given <= 1:
        raise CheckpointError(f"config.json of {folder} gives default_threshold={given!r}; expected 0 to 1.")
    return float(given)
