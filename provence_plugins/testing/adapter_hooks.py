"""What tests of adapters work with: hooks, texts, and a pruner without a model."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.testing.backends import WordBackend

AdapterT = TypeVar("AdapterT")
ThingT = TypeVar("ThingT")

QUERY = "castle towers"
RELEVANT = "The castle has nine towers. Sheep graze on the meadow."
RELEVANT_PRUNED = "The castle has nine towers. "
IRRELEVANT = "Sheep graze on the meadow. They are white."
THRESHOLD = 0.2


class Item(NamedTuple):
    """A text that an adapter works on, without the framework around it.

    Attributes:
        id: The framework's own id of it.
        text: The text that the adapter prunes.
        metadata: Its metadata.
        relevance: The score, from the place where the framework's users look for it; None if there
            is none.
    """

    id: str
    text: str
    metadata: dict[str, Any]  # the type that frameworks use
    relevance: float | None = None


class AdapterHooks(ABC, Generic[AdapterT, ThingT]):
    """What the tests of an adapter must know of it. "Things" are documents, nodes or similar."""

    # Any: an adapter's fields are of many types, and each test knows its own.
    @abstractmethod
    def make(self, **fields: Any) -> AdapterT:
        """Return an adapter with these fields of `PruningFields`; `model` is an open `Pruner`."""

    @abstractmethod
    def wrap(self, items: Sequence[Item]) -> list[ThingT]:
        """Return the framework's things with these ids, texts and metadata."""

    @abstractmethod
    def read(self, thing: ThingT) -> Item:
        """Return the id, text and metadata of a thing: the reverse of `wrap`."""

    @abstractmethod
    def prune(self, adapter: AdapterT, query: str, things: Sequence[ThingT]) -> list[ThingT]:
        """Call the adapter as the framework does."""

    @abstractmethod
    async def aprune(self, adapter: AdapterT, query: str, things: Sequence[ThingT]) -> list[ThingT]:
        """Call the adapter as the framework does in asyncio."""

    # Any: see `make`.
    def _make(self, **fields: Any) -> AdapterT:
        return self.make(**{"model": word_pruner(), "threshold": THRESHOLD, **fields})

    def _run(self, adapter: AdapterT, query: str, items: Sequence[Item]) -> list[Item]:
        """Return the result, after checking that both ways of calling give the same."""
        result = self._read_all(self.prune(adapter, query, self.wrap(items)))
        assert self._read_all(asyncio.run(self.aprune(adapter, query, self.wrap(items)))) == result
        return result

    def _read_all(self, things: Sequence[ThingT]) -> list[Item]:
        return [self.read(thing) for thing in things]

    def _texts(self, adapter: AdapterT, query: str, items: Sequence[Item]) -> list[str]:
        return [item.text for item in self._run(adapter, query, items)]

    def _ids(self, adapter: AdapterT, query: str, items: Sequence[Item]) -> list[str]:
        return [item.id for item in self._run(adapter, query, items)]


@cache
def word_pruner() -> Pruner:
    """Return one pruner for all tests; its threads end with the process."""
    return Pruner(backend=WordBackend(), scorer=SharedScorer)


def make_items(*texts: str) -> list[Item]:
    """Return items with these texts, each with an id and metadata of its own."""
    return [
        Item(str(number), text, {"source": f"{number}.txt", "page": {"number": number, "tags": ["a", "ü"]}})
        for number, text in enumerate(texts)
    ]


async def wait_for_a_pass(backend: WordBackend) -> None:
    """Wait until a forward pass has come to the gate of the backend."""
    while not backend.waiting.is_set():
        await asyncio.sleep(0.001)
