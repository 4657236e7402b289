"""A model folder on disk, in the package or on the hub, opened and checked without torch."""

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from provence_plugins.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    InvalidInputError,
    UnsafeCheckpointError,
)
from provence_plugins.model.families import longest_window
from provence_plugins.model.formats import FORMATS, NATIVE, Format, format_by_config
from provence_plugins.tokens.encoding import EncoderOptions, TextEncoder

logger = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent / "bundled"

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
CARD = "README.md"
ONNX_FILES: Mapping[str, str] = MappingProxyType({"int8": "model_int8.onnx", "float32": "model.onnx"})

# Everything that is ever read from a hub repository; pickles and code are not on the list.
FILES_READ = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS, CARD, WEIGHTS_INDEX, "*.safetensors", "*.onnx")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")

# Published window lengths count a pair with three special tokens, whatever the tokenizer's own template has.
_COUNTED_SPECIAL_TOKENS = 3

# A piece of a sentence is never shorter than this, however short the window.
_LEAST_PIECE = 16

_LICENCE = re.compile(r"\A---\s*\n(?:.*\n)*?license:\s*[\"']?([^\s\"']+)")
_NON_COMMERCIAL = re.compile(r"(^|-)nc(-|$)|non-?commercial")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened model folder: its facts, and the paths of what a backend loads.

    Attributes:
        folder: Where it lies on disk.
        name: What the caller asked for: "bundled", a folder or a hub id.
        format: The conventions of its layout.
        config: Its `config.json`.
        backbone_config: The encoder's own configuration.
        encoder: Its tokenizer.
        declared_tokens: Longest window as its configuration counts it.
        default_threshold: Keep threshold when a policy names none.
        splitter: Sentence splitter that the model was trained with.
    """

    folder: Path
    name: str
    format: Format
    config: Mapping[str, Any]
    backbone_config: Mapping[str, Any]
    encoder: TextEncoder
    declared_tokens: int
    default_threshold: float
    splitter: str

    @property
    def max_tokens(self) -> int:
        """Longest window, query and special tokens included; never more than the encoder reads."""
        if self.format.layout is None:
            return self.declared_tokens
        uncounted = self.encoder.template.special_tokens - _COUNTED_SPECIAL_TOKENS
        return min(self.declared_tokens + uncounted, longest_window(self.backbone_config))

    @property
    def piece_tokens(self) -> int | None:
        """Longest piece of a sentence; None where only sentences longer than a window are cut."""
        return max(_LEAST_PIECE, self.declared_tokens // 2) if self.format.reading.halved else None

    @property
    def tensors(self) -> dict[str, Path]:
        """The safetensors file of each stored tensor; none in a folder made for ONNX Runtime only.

        Raises:
            CheckpointError: A file is damaged.
        """
        return _find_tensors(self.folder)

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
    config = _read_json(folder, CONFIG)
    _check_weights(folder)
    layout = _format_of(folder, config)
    backbone = _backbone_config(folder, config, layout)
    encoder = _read_encoder(folder, layout)
    _warn_of_licence(folder, name)
    return Checkpoint(
        folder=folder,
        name=name,
        format=layout,
        config=MappingProxyType(config),
        backbone_config=MappingProxyType(backbone),
        encoder=encoder,
        declared_tokens=_declared_tokens(folder, config, layout, longest_window(backbone)),
        default_threshold=_default_threshold(folder, config, layout),
        splitter=str(config.get("splitter", layout.splitter)),
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
        return Path(snapshot_download(str(model), revision=revision, allow_patterns=list(FILES_READ)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointNotFoundError(
            f"{str(model)!r} is no folder here, and it could not be had from the hub ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}). Check the name and the network, or give the path of a local copy."
        ) from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    if not path.is_file():
        raise CheckpointNotFoundError(f"The folder {folder} has no {name}, so it holds no model.")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is not readable JSON ({error}). Fetch or export the model again.") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds a {type(values).__name__}, not an object. Fetch or export it again.")
    return values


def _find_tensors(folder: Path) -> dict[str, Path]:
    """The file of each stored tensor; weights too large for one file come with an index."""
    files = [folder / WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        shards = _read_json(folder, WEIGHTS_INDEX).get("weight_map", {})
        files = [folder / name for name in sorted(set(shards.values()))]
    tensors: dict[str, Path] = {}
    for path in files:
        if path.is_file():
            try:
                with safe_open(path, framework="np") as file:
                    tensors |= dict.fromkeys(file.keys(), path)
            except (SafetensorError, OSError) as error:
                raise CheckpointError(f"{path} is damaged ({error}). Fetch or export the model again.") from error
    return tensors


def _format_of(folder: Path, config: dict[str, Any]) -> Format:
    layout = format_by_config(config)
    # Stock classes and private copies rewrite the configuration of published models; tensor names do not lie.
    if layout is not NATIVE and (tensors := _find_tensors(folder)):
        layout = next((row for row in FORMATS if row.fits(tensors)), None)
    if layout is None:
        raise CheckpointError(
            f"{folder} holds a model of type {config.get('model_type')!r} without the heads of a context pruner; this "
            f"package reads {', '.join(row.name for row in FORMATS)}."
        )
    version = config.get("format_version")
    if layout.version is not None and version != layout.version:
        raise CheckpointError(
            f"{folder} is of format version {version!r} and this package reads version {layout.version}. Update "
            f"provence-plugins, or export the model again with this version."
        )
    return layout


def _backbone_config(folder: Path, config: dict[str, Any], layout: Format) -> dict[str, Any]:
    if layout.layout is None:
        return config.get("backbone_config") or {}
    if layout.layout.model_type is not None:
        # Custom code gave its own type; the tensors have told which encoder it is.
        return {**config, "model_type": layout.layout.model_type}
    backbone = config.get("base_model_config")
    if not isinstance(backbone, dict):
        raise CheckpointError(
            f"config.json of {folder} does not describe its encoder: base_model_config is missing. Put the "
            f"configuration of {config.get('base_model_name_or_path') or 'the base model'} there; it is not fetched."
        )
    return backbone


def _check_weights(folder: Path) -> None:
    if any((folder / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX, *ONNX_FILES.values())):
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


def _read_encoder(folder: Path, layout: Format) -> TextEncoder:
    reading = layout.reading
    # Plain tokenizer.json, not a class of Transformers: its version 5 rebuilds some of them with other ids.
    names = _special_names(folder) if layout.layout else {}
    return TextEncoder(_read_tokenizer(folder), EncoderOptions(reading.special_tokens, reading.single_separator, names))


def _special_names(folder: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for file in (TOKENIZER_CONFIG, SPECIAL_TOKENS):
        if (folder / file).is_file():
            for key, value in _read_json(folder, file).items():
                token = value.get("content") if isinstance(value, dict) else value
                if key.endswith("_token") and isinstance(token, str):
                    names[key] = token
    return names


def _read_tokenizer(folder: Path) -> Tokenizer:
    path = folder / TOKENIZER
    if not path.is_file():
        raise CheckpointNotFoundError(f"The folder {folder} has no {TOKENIZER}. Fetch or export the model again.")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the tokenizers library raises nothing more precise
        raise CheckpointError(f"{path} is no readable tokenizer ({error}). Fetch or export the model again.") from error


def _declared_tokens(folder: Path, config: dict[str, Any], layout: Format, longest: int) -> int:
    own = layout.layout is None
    given = config.get(layout.max_tokens_key or "", longest if own else layout.max_tokens)
    if not isinstance(given, int) or given < 1 or (own and given > longest):
        raise CheckpointError(
            f"config.json of {folder} gives {layout.max_tokens_key}={given!r}; the encoder reads 1 to {longest}."
        )
    return given


def _default_threshold(folder: Path, config: dict[str, Any], layout: Format) -> float:
    given = {key: config[key] for key in layout.threshold_keys if config.get(key) is not None}
    if not given and layout.layout is not None:
        return layout.default_threshold
    key, value = next(iter(given.items()), ("default_threshold", None))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise CheckpointError(f"config.json of {folder} gives {key}={value!r}; expected 0 to 1.")
    return float(value)


def _warn_of_licence(folder: Path, name: str) -> None:
    if (folder / CARD).is_file():
        found = _LICENCE.match((folder / CARD).read_text(encoding="utf-8", errors="replace"))
        if found and _NON_COMMERCIAL.search(found[1].lower()):
            _warn_once(name, found[1])


@cache
def _warn_once(name: str, licence: str) -> None:
    logger.warning("The licence of %s is %s, which restricts commercial use.", name, licence)
