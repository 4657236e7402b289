"""The loaded pruners that adapters share: one for each model, backend and device.

A pruner is loaded when an adapter first needs it, once, whatever the number of threads, and its
scorer batches the windows of all its callers. It stays loaded until `release_pruners` is called or
the process ends.
"""

import os
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.model.backends import BackendName

__all__ = ["PrunerKey", "SharedPruners", "loaded_pruners", "release_pruners", "shared_pruners"]


class PrunerKey(NamedTuple):
    """What two adapters must have in common to share a pruner.

    Attributes:
        model: Model folder or repo id; None for the model that ships with the package.
        backend: "onnx" or "torch"; None for the model's default.
        device: "cpu", "cuda" and so on; None for the best available.
        language: Language of the sentence splitter; "auto" detects it for each text.
    """

    model: str | None = None
    backend: BackendName | None = None
    device: str | None = None
    language: str = "auto"


class SharedPruners:
    """A registry of loaded pruners."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pruners: dict[PrunerKey, Pruner] = {}

    def get(self, key: PrunerKey) -> Pruner:
        """Return the pruner for a key; load it first if necessary.

        Raises:
            ProvenceError: The model cannot be found or loaded.
        """
        with self._lock:
            if key not in self._pruners:
                self._pruners[key] = Pruner(
                    key.model, backend=key.backend, device=key.device, language=key.language, scorer=SharedScorer
                )
            return self._pruners[key]

    def holds(self, key: PrunerKey) -> bool:
        """Return whether the pruner for a key is loaded."""
        return key in self._pruners

    def loaded(self) -> Mapping[PrunerKey, Pruner]:
        """Return the pruners that are loaded now."""
        with self._lock:
            return MappingProxyType(dict(self._pruners))

    def release(self, key: PrunerKey | None = None) -> None:
        """Close one pruner or all, and free their memory. The next call of an adapter loads it."""
        with self._lock:
            keys = list(self._pruners) if key is None else [key]
            released = [self._pruners.pop(each) for each in keys if each in self._pruners]
        for pruner in released:
            pruner.close()

    def forget(self) -> None:
        """Drop all pruners without closing them, in a forked process without their threads."""
        self._lock = Lock()
        self._pruners = {}


shared_pruners = SharedPruners()
"""The registry of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared_pruners.forget)


def loaded_pruners() -> Mapping[PrunerKey, Pruner]:
    """Return the pruners that adapters of this process have loaded."""
    return shared_pruners.loaded()


def release_pruners() -> None:
    """Close all pruners that adapters have loaded, for instance to free the memory of a GPU.

    Adapters stay usable: the next call loads the model again. A `Pruner` of your own that was
    passed to an adapter is not touched.
    """
    shared_pruners.release()
