"""What the `config.json` of a model folder says about a context pruner, checked key by key."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, get_args

from provence_plugins.errors import CheckpointError
from provence_plugins.model.folder import show_value
from provence_plugins.model.formats import (
    FORMATS,
    MOST_COMPARISON,
    NATIVE,
    Format,
    format_by_config,
)
from provence_plugins.model.weights import read_headers
from provence_plugins.text.sentences import SplitterName
from provence_plugins.thresholds import THRESHOLD_NAMES, Thresholds

# Keys of a native configuration: the named thresholds, `Scoring.comparison`, and
# `Thresholds.passage_comparison`.
THRESHOLDS_KEY = "thresholds"
COMPARISON_KEY = "comparison"
PASSAGE_COMPARISON_KEY = "passage_comparison"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The configuration of a model folder.

    Attributes:
        folder: The folder, for messages.
        values: Its `config.json`.
        format: The format of the model, with what the configuration says about scoring.
    """

    folder: Path
    values: Mapping[str, Any]
    format: Format

    @classmethod
    def of(cls, folder: Path, values: Mapping[str, Any]) -> Self:
        """Return the configuration of a folder; its tensors and this file show the format.

        Raises:
            CheckpointError: The format or its version is unknown, or it is misconfigured.
        """
        format_ = _find_format(folder, values)
        return cls(folder, values, _with_comparison(folder, values, format_))

    @property
    def encoder(self) -> dict[str, Any]:
        """The configuration of the encoder, as it was written.

        Raises:
            CheckpointError: There is none.
        """
        if self.format.tensors is None:
            backbone = self.values.get("backbone_config") or {}
        elif self.format.tensors.model_type is not None:
            # Custom code gave its own type; the tensors have told which encoder it is.
            return {**self.values, "model_type": self.format.tensors.model_type}
        else:
            backbone = self.values.get("base_model_config")
        if not isinstance(backbone, dict):
            named = self.values.get("base_model_name_or_path")
            raise CheckpointError(
                f"config.json of {self.folder} does not describe its encoder. Put the "
                f"configuration of {show_value(named) if named else 'the base model'} into it as "
                f"base_model_config; it is not downloaded."
            )
        return backbone

    def declared_tokens(self, longest: int) -> int:
        """Return the longest window as the configuration counts it.

        Args:
            longest: Maximum number of tokens that the encoder can read.

        Raises:
            CheckpointError: The number is invalid.
        """
        key = self.format.max_tokens_key or ""
        default = longest if self.format.is_native else self.format.max_tokens
        given = self.values.get(key, default)
        if type(given) is not int or given < 1 or (self.format.is_native and given > longest):
            raise CheckpointError(
                f"config.json of {self.folder} gives {key}={show_value(given)}; expected a number "
                f"of 1 to {longest}. Correct it, or download the model again."
            )
        return given

    @property
    def thresholds(self) -> Thresholds:
        """The default threshold, and those with a name.

        Raises:
            CheckpointError: One is invalid or has an unknown name, or the comparison that belongs
                to them is invalid.
        """
        if not self.format.is_native:
            return replace(self.format.thresholds, default=self._default_threshold())
        default = self._default_threshold()
        given = self.values.get(THRESHOLDS_KEY) or {}
        if not isinstance(given, dict) or set(given).difference(THRESHOLD_NAMES):
            raise CheckpointError(
                f"config.json of {self.folder} gives {THRESHOLDS_KEY}={show_value(given)}; this "
                f"version knows {', '.join(THRESHOLD_NAMES)}. Correct it, or update "
                f"provence-plugins."
            )
        named = {name: self._share(name, value) for name, value in given.items()}
        weight = _read_comparison(self.folder, self.values, PASSAGE_COMPARISON_KEY)
        return Thresholds(default, **named, passage_comparison=weight)

    @property
    def splitter(self) -> SplitterName:
        """The sentence splitter that the model was trained with.

        Raises:
            CheckpointError: There is no splitter of that name.
        """
        given = self.values.get("splitter", self.format.splitter)
        for name in get_args(SplitterName):
            if given == name:
                splitter: SplitterName = name
                return splitter
        raise CheckpointError(
            f"config.json of {self.folder} gives splitter={show_value(given)}; this version knows "
            f"{', '.join(get_args(SplitterName))}. Correct it, or update provence-plugins."
        )

    def _default_threshold(self) -> float:
        for key in self.format.threshold_keys:
            if self.values.get(key) is not None:
                return self._share(key, self.values[key])
        if not self.format.is_native:
            return self.format.thresholds.default
        return self._share("default_threshold", None)

    # Any: whatever JSON holds.
    def _share(self, key: str, value: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and 0 <= value <= 1):
            raise CheckpointError(
                f"config.json of {self.folder} gives {key}={show_value(value)}; expected a number "
                f"of 0 to 1. Correct it, or download the model again."
            )
        return float(value)


def _find_format(folder: Path, values: Mapping[str, Any]) -> Format:
    format_ = format_by_config(values)
    # Stock classes and private copies rewrite the configuration of published models; tensor names
    # do not lie.
    if format_ is not NATIVE and (tensors := read_headers(folder)):
        format_ = next((row for row in FORMATS if row.fits(tensors)), None)
    if format_ is None:
        raise CheckpointError(
            f"{folder} holds a model of type {show_value(values.get('model_type'))} without the "
            f"heads of a context pruner; this package reads "
            f"{', '.join(row.name for row in FORMATS)}."
        )
    version = values.get("format_version")
    if format_.version is not None and version != format_.version:
        raise CheckpointError(
            f"{folder} has format version {show_value(version)}, and this package reads version "
            f"{format_.version}. Update provence-plugins, or export the model again with this "
            f"version."
        )
    return format_


def _with_comparison(folder: Path, values: Mapping[str, Any], format_: Format) -> Format:
    """Return the format with the comparison of sentences that a native configuration gives."""
    if not format_.is_native:
        return format_
    return format_.with_comparison(_read_comparison(folder, values, COMPARISON_KEY))


def _read_comparison(folder: Path, values: Mapping[str, Any], key: str) -> float:
    """Return the weight of a comparison; 0 if the configuration gives none."""
    given = values.get(key)
    if given is None:
        return 0.0
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and 0 <= given <= MOST_COMPARISON):
        raise CheckpointError(
            f"config.json of {folder} gives {key}={show_value(given)}; expected a "
            f"number of 0 to {MOST_COMPARISON:g}. Correct it, or download the model again."
        )
    return float(given)
