"""Read the settings of a training run from a TOML file, which may extend another one."""

import tomllib
import warnings
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from provence_plugins.errors import InvalidInputError
from provence_plugins.training.settings import (
    DataSettings,
    OptimizerSettings,
    SoftLabelSettings,
    TrainSettings,
)

# Former names of keys, read for one version with a warning.
_FORMER_NAMES = {"max_tokens": "window_tokens", "target_kept": "target_recall"}

EXTENDS = "extends"
"""Key of a recipe that names another one, from which it takes all values that it does not give
itself."""


def read_settings(path: Path) -> TrainSettings:
    """Read a training configuration.

    Raises:
        InvalidInputError: The file, or one that it extends, is missing or is not valid TOML, or a
            key is missing, unknown or invalid.
    """
    values = _read_values(path, ())
    _take_former_names(values, path)
    data = _build(DataSettings, values.pop("data", {}), f"{path} [data]")
    optimizer = _build(OptimizerSettings, values.pop("optimizer", {}), f"{path} [optimizer]")
    if "soft_labels" in values:
        values["soft_labels"] = _build(SoftLabelSettings, values["soft_labels"], f"{path} [soft_labels]")
    settings: TrainSettings = _build(TrainSettings, {**values, "data": data, "optimizer": optimizer}, str(path))
    return settings


# Any, here and below: values of TOML, and settings of any kind.
def _read_values(path: Path, readers: tuple[Path, ...]) -> dict[str, Any]:
    """Read a file, together with what it extends.

    Args:
        path: The file.
        readers: The files that extend this one, directly or through others.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}. Check the path.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInputError(f"{path} is not valid TOML: {error}. Correct the line that it names.") from error
    if EXTENDS not in values:
        return values
    other = values.pop(EXTENDS)
    if not isinstance(other, str):
        raise InvalidInputError(f"{path}: {EXTENDS} must be the path of another recipe; got {other!r}.")
    base = path.parent / other
    readers = (*readers, path.resolve())
    try:
        is_reader = base.resolve() in readers
    except (OSError, ValueError, RuntimeError) as error:  # a name that no file can have, or links in a circle
        raise InvalidInputError(f"{path}: {EXTENDS} must be the path of another recipe; got {other!r}.") from error
    if is_reader:
        raise InvalidInputError(f"{path} extends {other}, which extends it in turn. Remove {EXTENDS} from one of them.")
    return _merge(_read_values(base, readers), values)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return values with some changed; tables are merged key by key, and everything else is replaced."""
    merged = dict(base)
    for name, value in changes.items():
        former = base.get(name)
        if isinstance(former, dict) and isinstance(value, dict):
            merged[name] = _merge(former, value)
        else:
            merged[name] = value
    return merged


def _take_former_names(values: dict[str, Any], path: Path) -> None:
    for former, name in _FORMER_NAMES.items():
        if former in values and name not in values:
            warnings.warn(f"{path}: {former} is now called {name}.", DeprecationWarning, stacklevel=3)
            values[name] = values.pop(former)


def _build(kind: Any, values: dict[str, Any], where: str) -> Any:
    if not isinstance(values, dict):
        raise InvalidInputError(f"{where} must be a table; got {values!r}.")
    known = [entry.name for entry in fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise InvalidInputError(f"{where}: unknown keys {', '.join(unknown)}. {hint}Known keys: {', '.join(known)}.")
    try:
        return kind(**values)
    except (TypeError, InvalidInputError) as error:
        raise InvalidInputError(f"{where}: {str(error).removesuffix('.')}.") from error
