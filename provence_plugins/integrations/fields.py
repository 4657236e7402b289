"""The pydantic fields that all adapters share, and how they prune passages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import ALL_TIES, Deduplicate, Order, PruningPolicy, WhenEmpty
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.integrations.metadata import METADATA_KEY, describe, describe_flat, earlier_score
from provence_plugins.integrations.policy_fields import POLICY_FIELDS, change_policy
from provence_plugins.integrations.queries import Query, read_questions, reason_not_to_ask, unite
from provence_plugins.integrations.shared_pruners import PrunerKey, shared_pruners
from provence_plugins.keywords import refuse_unknown
from provence_plugins.model.backends import BackendName
from provence_plugins.thresholds import Threshold
from provence_plugins.types import MeaningTie, Passage

with needs_extra("langchain,llama-index"):
    from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

logger = logging.getLogger(__name__)

T = TypeVar("T")

OnError = Literal["raise", "keep"]


class EngineFields(BaseModel):
    """Which model an adapter runs, and where.

    Attributes:
        model: None for the model that ships with the package, a model folder, a repo id, or your
            own `Pruner`.
        backend: "onnx" or "torch"; None chooses by the files of the model. Not allowed with a
            `Pruner`.
        device: "cpu", "cuda", "cuda:1", "mps"; None chooses the best available. Not allowed with a
            `Pruner`.
        language: ISO 639 code of the language that texts are split in; "auto" detects it for each
            text. Not allowed with a `Pruner`.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", protected_namespaces=())

    model: str | Path | Pruner | None = None
    backend: BackendName | None = None
    device: str | None = None
    language: str = "auto"

    # Any: whatever pydantic is given to build the fields from.
    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            refuse_unknown(given, list(cls.model_fields))
        return given

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if isinstance(self.model, Pruner) and (self.backend, self.device, self.language) != (
            None,
            None,
            "auto",
        ):
            raise InvalidInputError(
                "backend, device and language cannot be set when model is a Pruner, which has its own. Leave them out."
            )
        return self

    @field_serializer("model")
    def _serialize_model(self, model: str | Path | Pruner | None) -> str | None:
        return self.model_reference

    def __repr_args__(self) -> Any:
        # Any: pairs of a name and a value, as pydantic types them. Only what differs from the
        # defaults is shown.
        fields = type(self).model_fields
        shown = {name for name, field in fields.items() if field.repr and not field.exclude}
        values = [(name, getattr(self, name)) for name in fields if name in shown]
        return [(name, value) for name, value in values if value != fields[name].get_default(call_default_factory=True)]

    @property
    def model_reference(self) -> str | None:
        """The model's folder or repo id; None for the one that ships with the package.

        Raises:
            InvalidInputError: The model is a `Pruner`. pydantic's own `model_dump` turns this into
                a `PydanticSerializationError`.
        """
        if isinstance(self.model, Pruner):
            raise InvalidInputError(
                "An adapter built around a Pruner instance cannot be serialized. Pass model as a path or repo id."
            )
        return None if self.model is None else str(self.model)

    @property
    def pruner(self) -> Pruner:
        """The pruner behind this adapter; it is loaded on first access.

        Raises:
            ProvenceError: The model cannot be found or run.
        """
        return self.model if isinstance(self.model, Pruner) else shared_pruners.get(self._key)

    @property
    def model_name(self) -> str:
        """The name of the model in traces."""
        return "bundled" if self.model is None else str(self.model)

    def release(self) -> None:
        """Close this adapter's shared pruner and free its memory; the next call loads it again.

        A `Pruner` of your own stays open: close it yourself.
        """
        if not isinstance(self.model, Pruner):
            shared_pruners.release(self._key)

    async def _aload(self) -> Pruner:
        """Return the pruner, loaded in another thread if it is not loaded yet."""
        return self.model if isinstance(self.model, Pruner) else await shared_pruners.aget(self._key)

    @property
    def _key(self) -> PrunerKey:
        return PrunerKey(self.model_reference, self.backend, self.device, self.language)


class PruningFields(EngineFields):
    """What can be set in every adapter that prunes, in addition to `EngineFields`.

    All fields of `PruningPolicy` are among them; they are written out once more for type checkers.
    One default differs: `when_empty="keep_one"`, because most applications mistake an empty context
    for a failure.

    Attributes:
        pins: A regular expression, as in `PruningPolicy`; a function cannot be serialized.
        token_counter: A name, as in `PruningPolicy`; a function cannot be serialized.
        split_questions: Ask the parts of a query with several questions too, each in a pass of its
            own.
        title_key: Metadata key of a text's title, which the model reads as context; None shows it
            none.
        metadata_key: Key of the entry about kept spans and token counts; None writes none. A later
            pass knows by this entry that a score is ours.
        on_error: "raise" raises errors; "keep" logs them and returns everything unchanged.
    """

    threshold: Threshold | None = None
    top_n: int | None = None
    max_tokens: int | None = None
    keep_title: bool = False
    keep_headings: bool = True
    min_sentences: int = 1
    when_empty: WhenEmpty = "keep_one"
    order: Order = "input"
    min_relevance: float | None = None
    keep_neighbors: tuple[int, int] = (0, 0)
    pins: str | None = None
    omission: str | None = None
    ties: tuple[MeaningTie, ...] = ALL_TIES
    token_counter: str | None = None
    deduplicate: Deduplicate | None = None
    passage_comparison: float | None = None
    split_questions: bool = True
    title_key: str | None = "title"
    metadata_key: str | None = Field(default=METADATA_KEY, min_length=1)
    on_error: OnError = "raise"

    # Any: whatever pydantic is given to build the fields from. It would turn texts and switches into
    # numbers.
    @model_validator(mode="before")
    @classmethod
    def _check_policy(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            defaults = {name: cls.model_fields[name].get_default(call_default_factory=True) for name in POLICY_FIELDS}
            chosen = {name: given[name] for name in POLICY_FIELDS if name in given}
            change_policy(PruningPolicy(), {**defaults, **chosen})
        return given

    @property
    def policy(self) -> PruningPolicy:
        """The fields that decide what is kept, as one value."""
        return PruningPolicy(**{name: getattr(self, name) for name in POLICY_FIELDS})

    # Any: whatever a caller put into the configuration of one call.
    def policy_with(self, changes: Mapping[str, Any]) -> PruningPolicy:
        """Return the policy of one call, with other values for some of its fields.

        Raises:
            InvalidInputError: A name is not that of a field of `PruningPolicy`, or a value is
                invalid.
        """
        return change_policy(self.policy, changes)

    def title_of(self, metadata: Mapping[str, object]) -> str | None:
        """Return the title in the metadata of a text; None without one that is a text."""
        if self.title_key is None:
            return None
        title = metadata.get(self.title_key)
        return title if isinstance(title, str) else None

    def prune_passages(
        self, query: Query, passages: Sequence[Passage], policy: PruningPolicy | None = None
    ) -> PruneResult | None:
        """Prune passages; None means that everything stays as it is.

        That happens when there is nothing to prune, when the query is blank, and when pruning fails
        under `on_error="keep"`.

        Args:
            query: One query, or several whose results are united. A long one is shortened, see
                `queries`.
            passages: The texts.
            policy: What to keep; None takes the adapter's own.
        """
        if reason_not_to_ask(query, passages) is not None:
            return None
        try:
            pruner = self.pruner
            questions = self._questions(pruner, query, passages)
            requests = [(question, passages) for question in questions]
            return unite(list(pruner.prune_many(requests, policy or self.policy)))
        except Exception as error:
            self._raise_or_log(error)
            return None

    async def aprune_passages(
        self, query: Query, passages: Sequence[Passage], policy: PruningPolicy | None = None
    ) -> PruneResult | None:
        """Do the same as `prune_passages` without blocking the event loop."""
        if reason_not_to_ask(query, passages) is not None:
            return None
        try:
            pruner = await self._aload()
            questions = self._questions(pruner, query, passages)
            calls = [pruner.aprune(each, passages, policy or self.policy) for each in questions]
            return unite(await asyncio.gather(*calls))
        except Exception as error:
            self._raise_or_log(error)
            return None

    def _questions(self, pruner: Pruner, query: Query, passages: Sequence[Passage]) -> list[str]:
        return read_questions(query, passages, pruner, split=self.split_questions)

    def _raise_or_log(self, error: Exception) -> None:
        if self.on_error == "raise":
            raise error
        logger.warning("Pruning failed, everything is kept: %s", error, exc_info=error)


class DocumentFields(PruningFields):
    """What can be set in adapters that write metadata of documents, in addition to `PruningFields`.

    Attributes:
        flat_metadata: Write single values `provence_relevance`, `provence_kept` (JSON text), …
            instead of one dictionary, for stores such as Chroma that refuse nested metadata.
    """

    flat_metadata: bool = False

    # Any, here and below: metadata hold values of many types.
    def earlier_score(self, score: object, metadata: Mapping[str, Any]) -> dict[str, float]:
        """Return the entry that keeps the score that a text came with; see `metadata`."""
        return earlier_score(score, metadata, self.metadata_key)

    def entries_of(self, passage: PrunedPassage) -> dict[str, Any]:
        """Return what is written into the metadata about one passage, except its relevance."""
        if self.metadata_key is None:
            return {}
        if self.flat_metadata:
            return describe_flat(passage, self.metadata_key)
        return {self.metadata_key: describe(passage)}


def rebuild(
    things: Sequence[T],
    passages: Mapping[int, Passage],
    result: PruneResult | None,
    write: Callable[[T, PrunedPassage | None], T],
) -> list[T]:
    """Return what comes out of an adapter that prunes only some of the things it is given.

    Args:
        things: What it was given.
        passages: The texts that were pruned, by the number of their thing.
        result: Their result; None keeps everything.
        write: Makes a copy of a thing, pruned if it is given a passage.

    Returns:
        Things that were not pruned in their places, and between them the kept ones in the policy's
        order.
    """
    if result is None:
        return [write(thing, None) for thing in things]
    numbers = list(passages)
    places = {numbers[passage.index] for passage in result.passages}
    kept = iter(result.passages)
    rebuilt = []
    for number, thing in enumerate(things):
        if number in places:
            passage = next(kept)
            rebuilt.append(write(things[numbers[passage.index]], passage))
        elif number not in passages:
            rebuilt.append(write(thing, None))
    return rebuilt
