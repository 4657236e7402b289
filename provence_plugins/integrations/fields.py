"""The fields that every adapter has, and the pruner behind them.

Adapters with the same model, backend and device share one loaded pruner, whose scorer batches the windows of all their
callers together. It is loaded when the first text comes, once, whatever the number of threads. Loading holds the
interpreter for some tenths of a second; a server asks for an adapter's `pruner` before it opens its doors.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple, Self

from provence_plugins.engine.policy import Order, PruningPolicy, WhenEmpty
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.integrations.metadata import METADATA_KEY
from provence_plugins.model.backends import BackendName
from provence_plugins.types import Passage

with needs_extra("langchain,llama-index"):
    from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

logger = logging.getLogger(__name__)

OnError = Literal["raise", "keep"]


class EngineFields(BaseModel):
    """Which model an adapter runs, and where.

    Attributes:
        model: None for the model that ships with the package, a model folder, a hub id, or a `Pruner` of one's own.
        backend: "onnx" or "torch"; None takes what fits the model. Not with a `Pruner`.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the best there is. Not with a `Pruner`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    model: str | Path | Pruner | None = None
    backend: BackendName | None = None
    device: str | None = None

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if isinstance(self.model, Pruner) and (self.backend, self.device) != (None, None):
            raise InvalidInputError("A Pruner brings its own backend and device. Leave out backend and device.")
        return self

    @field_serializer("model")
    def _write_model(self, model: str | Path | Pruner | None) -> str | None:
        return self.model_reference

    @property
    def model_reference(self) -> str | None:
        """The model as it can be written down and found again; None for the one that ships with the package.

        Raises:
            InvalidInputError: The model is a `Pruner`. Inside pydantic's own `model_dump` this comes out as a
                `PydanticSerializationError`.
        """
        if isinstance(self.model, Pruner):
            raise InvalidInputError("An adapter around a Pruner cannot be written down. Give model by folder or name.")
        return None if self.model is None else str(self.model)

    @property
    def pruner(self) -> Pruner:
        """The pruner behind this adapter, loaded now if it is not yet.

        Raises:
            ProvenceError: The model cannot be found or run.
        """
        return self.model if isinstance(self.model, Pruner) else _loaded.get(self._choice)

    @property
    def model_name(self) -> str:
        """What the model is called in traces."""
        return "bundled" if self.model is None else str(self.model)

    @property
    def _choice(self) -> _Choice:
        return _Choice(self.model_reference, self.backend, self.device)


class PruningFields(EngineFields):
    """What can be set in every adapter that prunes; the fields of `PruningPolicy` have its names and meanings.

    Attributes:
        model: See `EngineFields`.
        backend: See `EngineFields`.
        device: See `EngineFields`.
        threshold: See `PruningPolicy`.
        top_n: See `PruningPolicy`.
        max_tokens: See `PruningPolicy`.
        keep_title: See `PruningPolicy`.
        keep_headings: See `PruningPolicy`.
        min_sentences: See `PruningPolicy`.
        when_empty: See `PruningPolicy`.
        order: See `PruningPolicy`.
        title_key: Metadata key whose text is shown to the model as the passage's title; None shows none.
        metadata_key: Key of the entry about kept spans and token counts; None writes none.
        on_error: "raise" lets errors out; "keep" logs them and returns everything unchanged.
    """

    threshold: float | None = None
    top_n: int | None = None
    max_tokens: int | None = None
    keep_title: bool = False
    keep_headings: bool = True
    min_sentences: int = 1
    when_empty: WhenEmpty = "drop"
    order: Order = "input"
    min_relevance: float | None = None
    title_key: str | None = "title"
    metadata_key: str | None = Field(default=METADATA_KEY, min_length=1)
    on_error: OnError = "raise"

    @model_validator(mode="after")
    def _check_policy(self) -> Self:
        _ = self.policy
        return self

    @property
    def policy(self) -> PruningPolicy:
        """The fields that decide, as one value."""
        return PruningPolicy(
            threshold=self.threshold,
            top_n=self.top_n,
            max_tokens=self.max_tokens,
            keep_title=self.keep_title,
            keep_headings=self.keep_headings,
            min_sentences=self.min_sentences,
            when_empty=self.when_empty,
            order=self.order,
            min_relevance=self.min_relevance,
        )

    def title_of(self, metadata: Mapping[str, object]) -> str | None:
        """What the metadata of a text say is its title; None when they say nothing, or nothing that is text."""
        title = None if self.title_key is None else metadata.get(self.title_key)
        return title if isinstance(title, str) else None

    def prune_passages(self, query: str, passages: Sequence[Passage]) -> PruneResult | None:
        """Prune, or return None when everything stays as it is.

        That is so when there is nothing to prune, when the query is blank, and when pruning failed and `on_error` is
        "keep".
        """
        if not passages or _is_blank(query):
            return None
        try:
            return self.pruner.prune(query, passages, self.policy)
        except Exception as error:
            self._let_out(error)
            return None

    async def aprune_passages(self, query: str, passages: Sequence[Passage]) -> PruneResult | None:
        """As `prune_passages`, on the engine's own threads; a model that is not loaded yet is loaded in another one."""
        if not passages or _is_blank(query):
            return None
        try:
            ready = isinstance(self.model, Pruner) or _loaded.holds(self._choice)
            pruner = self.pruner if ready else await asyncio.to_thread(_loaded.get, self._choice)
            return await pruner.aprune(query, passages, self.policy)
        except Exception as error:
            self._let_out(error)
            return None

    def _let_out(self, error: Exception) -> None:
        """Log the error under `on_error="keep"`, raise it otherwise."""
        if self.on_error == "raise":
            raise error
        logger.warning("Pruning failed, everything is kept: %s", error, exc_info=error)


def _is_blank(query: str) -> bool:
    # Whatever is no string goes on to the engine, which says what is wrong with it.
    return isinstance(query, str) and not query.strip()


class _Choice(NamedTuple):
    """What makes two loaded pruners interchangeable."""

    model: str | None
    backend: BackendName | None
    device: str | None


class _LoadedPruners:
    """The pruners of this process, one for each choice; they live as long as the process does."""

    def __init__(self) -> None:
        self.forget()

    def get(self, choice: _Choice) -> Pruner:
        with self._lock:
            if choice not in self._pruners:
                self._pruners[choice] = Pruner(
                    choice.model, backend=choice.backend, device=choice.device, scorer=SharedScorer
                )
            return self._pruners[choice]

    def holds(self, choice: _Choice) -> bool:
        return choice in self._pruners

    def forget(self) -> None:
        self._lock = Lock()
        self._pruners: dict[_Choice, Pruner] = {}


_loaded = _LoadedPruners()
# A forked process has the memory of its parent without its threads: it loads its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loaded.forget)
