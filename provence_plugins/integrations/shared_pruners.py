"""The loaded pruners that adapters share: one for each model, backend and device.

A pruner is loaded when an adapter first needs it, once, whatever the number of threads, and its
scorer batches the windows of all its callers. It stays loaded until `release_pruners` is called or
the process ends.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from types import MappingProxyType
from typing import NamedTuple

from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.model.backends import BackendName
from provence_plugins.threads import TaskPool

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


def load_pruner(key: PrunerKey) -> Pruner:
    """Load the pruner for a key, with a scorer for many callers."""
    return Pruner(key.model, backend=key.backend, device=key.device, language=key.language, scorer=SharedScorer)


class _Place:
    """The place of one key in the registry; its lock is held as long as its model loads.

    Args:
        load: Loads the pruner.

    Attributes:
        pruner: The pruner; None unless it is loaded.
    """

    def __init__(self, load: Callable[[], Pruner]) -> None:
        self._load = load
        self._lock = Lock()
        # One thread waits for all tasks, so that they leave the pool of the event loop to others.
        self._waiting = TaskPool(name="provence-load", threads=1)
        self.pruner: Pruner | None = None

    def get(self) -> Pruner:
        with self._lock:
            pruner = self.pruner = self.pruner or self._load()
        return pruner

    async def aget(self) -> Pruner:
        pruner = self.pruner
        return pruner if pruner is not None else await asyncio.wrap_future(self._waiting.submit(self.get))

    def release(self) -> None:
        with self._lock:
            pruner, self.pruner = self.pruner, None
        if pruner is not None:
            pruner.close()


class SharedPruners:
    """A registry of loaded pruners; loading one holds up nobody who needs another.

    Args:
        load: Loads the pruner for a key.
    """

    def __init__(self, load: Callable[[PrunerKey], Pruner] = load_pruner) -> None:
        self._load = load
        # Event loops take this lock too, so it is held for access to the dictionary alone.
        self._lock = Lock()
        self._places: dict[PrunerKey, _Place] = {}

    def get(self, key: PrunerKey) -> Pruner:
        """Return the pruner for a key; load it first if necessary.

        Raises:
            ProvenceError: The model cannot be found or loaded.
        """
        return self._place(key).get()

    async def aget(self, key: PrunerKey) -> Pruner:
        """Do the same as `get`; the event loop goes on while a model is loaded in a thread."""
        return await self._place(key).aget()

    def loaded(self) -> Mapping[PrunerKey, Pruner]:
        """Return the pruners that are loaded now."""
        with self._lock:
            pruners = {key: place.pruner for key, place in self._places.items()}
        return MappingProxyType({key: pruner for key, pruner in pruners.items() if pruner is not None})

    def release(self, key: PrunerKey | None = None) -> None:
        """Close one pruner or all, and free their memory. The next call of an adapter loads it.

        One that is being loaded is waited for, and closed.
        """
        with self._lock:
            places = [place for own, place in self._places.items() if key in (None, own)]
        for place in places:
            place.release()

    def forget(self) -> None:
        """Drop all pruners without closing them, in a forked process without their threads."""
        self._lock = Lock()
        self._places = {}

    def _place(self, key: PrunerKey) -> _Place:
        with self._lock:
            if key not in self._places:
                self._places[key] = _Place(partial(self._load, key))
            return self._places[key]


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
