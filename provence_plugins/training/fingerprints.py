"""Tell whether a checkpoint belongs to a run: its settings and the weights that it started from."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import MISSING, Field, asdict, fields
from pathlib import Path
from typing import Any

from provence_plugins.training.settings import (
    DataSettings,
    OptimizerSettings,
    SoftLabelSettings,
    TrainSettings,
)

# Settings that may change before a run goes on: the next step does not depend on them, or only
# through its place.
_CHANGEABLE = (
    "output",
    "evaluate_every",
    "log_every",
    "base_share",
    "comparison",
    "passage_comparison",
    "target_recall",
    "precision",
    "workers",
    "card",
)

_TABLES: dict[str, type] = {"data": DataSettings, "optimizer": OptimizerSettings, "soft_labels": SoftLabelSettings}


def fingerprint(settings: TrainSettings) -> str:
    """Return what must be the same for a run to continue, as JSON."""
    values = asdict(settings)
    values["data"] = {name: value for name, value in values["data"].items() if "dev" not in name}
    for name in ("tokens", "epochs"):
        del values["optimizer"][name]
    for name in _CHANGEABLE:
        del values[name]
    return json.dumps(values, sort_keys=True, default=list)


def is_same_run(stored: str, settings: TrainSettings) -> bool:
    """Return whether the fingerprint of a checkpoint is that of some settings.

    Keys with their default do not count. A checkpoint from before a key existed continues where the
    key has its default, and one from before a default changed does not.
    """
    before, now = json.loads(stored), json.loads(fingerprint(settings))
    return _chosen(before, TrainSettings) == _chosen(now, TrainSettings)


def digest_of(base: Path) -> str:
    """Return a digest of a folder's weights, to see whether a base has changed during a run."""
    return digest_files(sorted([*base.glob("*.safetensors"), *base.glob("*.bin")]))


def digest_files(paths: Iterable[Path]) -> str:
    """Return a digest of the content of some files, in their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# Any: values of settings as JSON holds them, and settings of any kind.
def _chosen(values: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Return the settings that differ from their default."""
    defaults = {entry.name: _default(entry) for entry in fields(kind)}
    chosen = {}
    for name, value in values.items():
        if isinstance(value, dict) and name in _TABLES:
            chosen[name] = _chosen(value, _TABLES[name])
        elif value != defaults.get(name, MISSING):
            chosen[name] = value
    return chosen


def _default(entry: Field[Any]) -> Any:
    default = entry.default
    if isinstance(default, tuple):
        return list(default)
    return default
