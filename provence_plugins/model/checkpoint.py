"""A model folder on disk, in the package or on the hub, opened and checked without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.encoder_config import known_config
from provence_plugins.model.families import longest_window
from provence_plugins.model.folder import (
    CONFIG,
    ONNX_FILES,
    expand_home,
    is_folder,
    locate,
    read_json,
    require_weights,
    show_error,
    show_value,
)
from provence_plugins.model.formats import Format
from provence_plugins.model.hub import download
from provence_plugins.model.licence import warn_of_licence
from provence_plugins.model.model_config import ModelConfig
from provence_plugins.model.model_packages import describe_installed_models, find_installed_model
from provence_plugins.model.tokenizer_file import read_tokenizer, special_names
from provence_plugins.model.weights import StoredTensor, read_headers
from provence_plugins.text.sentences import SplitterName
from provence_plugins.thresholds import Thresholds
from provence_plugins.tokens.encoding import EncoderOptions, TextEncoder, is_failure_of_rust

BUNDLED = Path(__file__).parent / "bundled"
BUNDLED_NAME = "bundled"

# Published window lengths assume three special tokens per pair; RoBERTa's template has four.
_COUNTED_SPECIAL_TOKENS = 3

# A piece of a sentence is never shorter than this, however short the window.
_LEAST_PIECE = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An opened model folder: its facts, and the paths of what a backend loads.

    Attributes:
        folder: Its path on disk.
        name: What the caller asked for: "bundled", a folder, an installed model or a repo id.
        format: The conventions of its format.
        config: Its `config.json`.
        backbone_config: The known keys of the encoder's own configuration.
        encoder: Its tokenizer.
        declared_tokens: Longest window as its configuration counts it.
        thresholds: Keep thresholds: that of a policy without one, and those with a name.
        splitter: Sentence splitter that the model was trained with.
    """

    folder: Path
    name: str
    format: Format
    config: Mapping[str, Any]
    backbone_config: Mapping[str, Any]
    encoder: TextEncoder
    declared_tokens: int
    thresholds: Thresholds
    splitter: SplitterName

    @property
    def default_threshold(self) -> float:
        """Keep threshold for a policy without one."""
        return self.thresholds.default

    @property
    def max_tokens(self) -> int:
        """Longest window, query and special tokens included; never more than the encoder reads."""
        if self.format.is_native:
            return self.declared_tokens
        uncounted = self.encoder.template.special_tokens - _COUNTED_SPECIAL_TOKENS
        return min(self.declared_tokens + uncounted, longest_window(self.backbone_config))

    @property
    def piece_tokens(self) -> int | None:
        """Longest piece of a sentence; None if only sentences longer than a window are cut."""
        if not self.format.inputs.halved:
            return None
        return max(_LEAST_PIECE, self.declared_tokens // 2)

    @property
    def tensors(self) -> dict[str, StoredTensor]:
        """The stored tensors by name; none in a folder made for ONNX Runtime only.

        Raises:
            CheckpointError: A file is damaged.
        """
        return read_headers(self.folder)

    def with_comparison(self, weight: float) -> "Checkpoint":
        """Return the same checkpoint with another `Scoring.comparison`."""
        return replace(self, format=self.format.with_comparison(weight))

    @property
    def onnx_files(self) -> dict[str, Path]:
        """The ONNX files in the folder, by precision."""
        found = {dtype: locate(self.folder, name) for dtype, name in ONNX_FILES.items()}
        return {dtype: path for dtype, path in found.items() if path is not None}


def open_checkpoint(model: str | Path | None = None, *, revision: str | None = None) -> Checkpoint:
    """Find a model folder, check it and read its facts.

    Args:
        model: None or "bundled" for the model that ships with the package, a folder, the name of
            an installed model (see `model_packages`), or a repo id such as "owner/name". Only a
            repo id can cause a download, and only of safetensors, ONNX, tokenizer, configuration
            and card.
        revision: Branch, tag or commit of a repo id.

    Raises:
        CheckpointNotFoundError: There is no such folder or hub repository, or it has no
            `config.json`.
        UnsafeCheckpointError: The folder's only weights are pickles, or a file lies outside the
            folder.
        CheckpointError: A file is missing, damaged, or of a format or version that this package
            does not read.
    """
    folder = find_model(model, revision=revision)
    name = BUNDLED_NAME if model is None else str(model)
    values = read_json(folder, CONFIG)
    require_weights(folder)
    config = ModelConfig.of(folder, values)
    backbone = known_config(config.encoder)
    checkpoint = Checkpoint(
        folder=folder,
        name=name,
        format=config.format,
        config=MappingProxyType(values),
        backbone_config=MappingProxyType(backbone),
        encoder=_read_encoder(folder, config.format),
        declared_tokens=config.declared_tokens(longest_window(backbone)),
        thresholds=config.thresholds,
        splitter=config.splitter,
    )
    warn_of_licence(folder, name)
    return checkpoint


def find_model(model: str | Path | None = None, *, revision: str | None = None) -> Path:
    """Return the folder of a model, without looking into it.

    Args:
        model: As for `open_checkpoint`.
        revision: Branch, tag or commit of a repo id.

    Raises:
        InvalidInputError: The model is neither a name nor a path.
        CheckpointNotFoundError: There is no such folder, installed model or hub repository.
        UnsafeCheckpointError: The configuration of the folder lies outside of it.
        CheckpointError: Several packages provide a model of that name, or the one that does is
            broken.
    """
    if model is None:
        return BUNDLED
    if not isinstance(model, str | Path) or not str(model):
        raise InvalidInputError(
            f"model must be a folder, the name of an installed model, or a repo id; got {model!r}. "
            f"None means the bundled model."
        )
    folder, name = expand_home(model), str(model)
    if model == BUNDLED_NAME:
        return BUNDLED
    if locate(folder, CONFIG):
        return folder
    if (installed := find_installed_model(name)) is not None:
        return installed
    if is_folder(folder):
        return folder
    if isinstance(model, Path) or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise CheckpointNotFoundError(
            f"There is no model folder {show_value(name)}, and no installed package provides a model "
            f"of that name. {describe_installed_models(name)} Give the path of a folder, the name of an "
            f"installed model, or a repo id such as owner/name."
        )
    return download(name, revision=revision)


def _read_encoder(folder: Path, format_: Format) -> TextEncoder:
    inputs = format_.inputs
    # Plain tokenizer.json, not a class of Transformers: its version 5 rebuilds some of them with
    # other ids.
    names = {} if format_.is_native else special_names(folder)
    tokenizer = read_tokenizer(folder)
    try:
        return TextEncoder(tokenizer, EncoderOptions(inputs.special_tokens, inputs.single_separator, names))
    except BaseException as error:
        if not is_failure_of_rust(error):
            raise
        raise CheckpointError(
            f"The tokenizer of {folder} does not work with its special tokens "
            f"({show_error(error)}). Download or export the model again."
        ) from error
