"""Pruning and reranking for LangChain: a compressor, a retriever and a cross-encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Self

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("langchain"):
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
        Callbacks,
        adispatch_custom_event,
        dispatch_custom_event,
    )
    from langchain_core.documents import BaseDocumentCompressor, Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
    from pydantic import Field

from provence_plugins.integrations.fields import DocumentFields
from provence_plugins.integrations.langchain_runs import PRUNED_EVENT, Run, changes_of_call, is_traced
from provence_plugins.integrations.metadata import RELEVANCE_KEY, copy_metadata
from provence_plugins.integrations.queries import Query, reason_not_to_ask

if TYPE_CHECKING:
    from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

__all__ = ["PRUNED_EVENT", "ProvenceCompressor", "ProvenceCrossEncoder", "ProvenceRetriever"]

_QUERY_KEYS = ("query", "question")

# LangChain's stateful documents keep the vector of their text here; after pruning it is that of
# another text.
_EMBEDDING_KEY = "embedded_doc"


class ProvenceCompressor(DocumentFields, BaseDocumentCompressor):
    """A document compressor that keeps the sentences that help to answer the question.

    Documents are copied with their ids, classes and metadata. `metadata["relevance_score"]` tells
    how well each answers (the score of an earlier reranker moves to `metadata["retrieval_score"]`),
    and `metadata["provence"]` what was kept of it. A blank document gets a relevance of 0, and its
    text stays as it is. When the question is blank, everything is returned unchanged. The fields
    are those of `DocumentFields`, `PruningFields` and `EngineFields`;
    `config["configurable"]["provence"]` changes fields of the policy for one call.
    """

    def compress_documents(
        self, documents: Sequence[Document], query: Query, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Prune the documents of one query.

        Args:
            documents: The documents that a retriever found; they are not changed.
            query: The question, or several whose results are united.
            callbacks: With tracing or callbacks on, the call is a separate run in the trace, with
                an event about tokens.

        Returns:
            Pruned copies of the documents that are kept, in the order of the policy.

        Raises:
            ProvenceError: Pruning failed, and `on_error` is "raise".
        """
        if is_traced(callbacks):
            return self.as_runnable().invoke(_as_inputs(documents, query), _config(callbacks))
        return self._rebuild(documents, self.prune_passages(query, self._passages(documents), self._policy_of_call()))

    async def acompress_documents(
        self, documents: Sequence[Document], query: Query, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Do the same as `compress_documents` without holding a thread of the event loop's pool."""
        if is_traced(callbacks):
            return await self.as_runnable().ainvoke(_as_inputs(documents, query), _config(callbacks))
        policy = self._policy_of_call()
        return self._rebuild(documents, await self.aprune_passages(query, self._passages(documents), policy))

    # Any, here and below: chains and graphs pass dictionaries with whatever else their author put
    # there.
    def as_runnable(self) -> Runnable[dict[str, Any], list[Document]]:
        """Return the compressor as a step of a chain, under its own name in traces.

        Returns:
            A step from a dictionary with "documents" and "query" or "question" to the documents
            that are kept.
        """
        return RunnableLambda(self._invoke, self._ainvoke, name=type(self).__name__)

    def as_node(self, documents_key: str = "documents", query_key: str | None = None) -> Runnable[Any, dict[str, Any]]:
        """Return the compressor as a node of a LangGraph graph.

        Args:
            documents_key: Key of the state that holds the documents; the node writes the pruned
                ones there.
            query_key: Key of the state that holds the question; None takes "query" or "question".

        Returns:
            A step from a state (a dictionary, dataclass or pydantic model) to the update of it.
        """

        def invoke(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {documents_key: self._invoke(_read_state(state, documents_key, query_key), config)}

        async def ainvoke(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {documents_key: await self._ainvoke(_read_state(state, documents_key, query_key), config)}

        return RunnableLambda(invoke, ainvoke, name=type(self).__name__)

    # Any: plain values, ready for json.dumps.
    def to_config(self) -> dict[str, Any]:
        """Return the fields as plain values that can be written as JSON.

        Raises:
            InvalidInputError: The model is a `Pruner` instance, which has no name to load it by.
        """
        return {"model": self.model_reference, **self.model_dump(mode="json", exclude={"model"})}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a compressor with the fields that `to_config` returned."""
        return cls.model_validate(dict(config))

    def _policy_of_call(self) -> PruningPolicy:
        return self.policy_with(changes_of_call())

    def _invoke(self, inputs: dict[str, Any], config: RunnableConfig) -> list[Document]:
        documents, query = _read_inputs(inputs)
        result = self.prune_passages(query, self._passages(documents), self._policy_of_call())
        name, data = self._run_of(documents, query).event(result)
        dispatch_custom_event(name, data, config=config)
        return self._rebuild(documents, result)

    async def _ainvoke(self, inputs: dict[str, Any], config: RunnableConfig) -> list[Document]:
        documents, query = _read_inputs(inputs)
        result = await self.aprune_passages(query, self._passages(documents), self._policy_of_call())
        name, data = self._run_of(documents, query).event(result)
        await adispatch_custom_event(name, data, config=config)
        return self._rebuild(documents, result)

    def _run_of(self, documents: Sequence[Document], query: Query) -> Run:
        run = Run(type(self).__name__, {}, {"model": self.model_name})
        reason = reason_not_to_ask(query, documents)
        return run if reason is None else run._replace(reason=reason)

    def _passages(self, documents: Sequence[Document]) -> list[Passage]:
        return [Passage(document.page_content, self.title_of(document.metadata)) for document in documents]

    def _rebuild(self, documents: Sequence[Document], result: PruneResult | None) -> list[Document]:
        if result is None:
            return [
                document.model_copy(update={"metadata": copy_metadata(document.metadata)}) for document in documents
            ]
        return [self._pruned(documents[passage.index], passage) for passage in result.passages]

    def _pruned(self, document: Document, passage: PrunedPassage) -> Document:
        metadata = copy_metadata(document.metadata)
        earlier = self.earlier_score(metadata.get(RELEVANCE_KEY), metadata)
        metadata |= {**earlier, RELEVANCE_KEY: passage.relevance, **self.entries_of(passage)}
        update: dict[str, Any] = {"page_content": passage.text, "metadata": metadata}  # fields are of many types
        state = getattr(document, "state", None)
        if isinstance(state, dict):
            update["state"] = {key: value for key, value in state.items() if key != _EMBEDDING_KEY}
        return document.model_copy(update=update)


class ProvenceRetriever(BaseRetriever):
    """A retriever of pruned documents, as `ContextualCompressionRetriever` without its package.

    Attributes:
        retriever: The retriever that finds the documents.
        compressor: What prunes them.
    """

    retriever: BaseRetriever
    compressor: ProvenceCompressor = Field(default_factory=ProvenceCompressor)

    # Any, here and below: what a caller hands on to the retriever, and values of fields of the
    # policy.
    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Find and prune documents.

        Args:
            input: The question.
            config: LangChain's own; `configurable["provence"]` changes fields of the policy for
                this call.
            kwargs: Further arguments of the retriever.
        """
        return super().invoke(input, config, policy=changes_of_call(config), **kwargs)

    async def ainvoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> list[Document]:
        """Do the same as `invoke` in asyncio."""
        return await super().ainvoke(input, config, policy=changes_of_call(config), **kwargs)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        policy: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        callbacks = run_manager.get_child()
        documents = self.retriever.invoke(query, {"callbacks": callbacks}, **kwargs)
        return self._compressor_of(policy).compress_documents(documents, query, callbacks)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        policy: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        callbacks = run_manager.get_child()
        documents = await self.retriever.ainvoke(query, {"callbacks": callbacks}, **kwargs)
        return await self._compressor_of(policy).acompress_documents(documents, query, callbacks)

    def _compressor_of(self, policy: Mapping[str, Any] | None) -> ProvenceCompressor:
        if policy is None:
            return self.compressor
        return self.compressor.model_copy(update=asdict(self.compressor.policy_with(policy)))

    def as_node(self, documents_key: str = "documents", query_key: str | None = None) -> Runnable[Any, dict[str, Any]]:
        """Return the retriever as a node of a LangGraph graph.

        Args:
            documents_key: Key of the state that the node writes the pruned documents to.
            query_key: Key of the state that holds the question; None takes "query" or "question".
        """

        def invoke(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {documents_key: self.invoke(_query_of(state, query_key), config)}

        async def ainvoke(state: Any, config: RunnableConfig) -> dict[str, Any]:
            return {documents_key: await self.ainvoke(_query_of(state, query_key), config)}

        return RunnableLambda(invoke, ainvoke, name=type(self).__name__)


def _config(callbacks: Callbacks | None) -> RunnableConfig | None:
    return None if callbacks is None else RunnableConfig(callbacks=callbacks)


def _as_inputs(documents: Sequence[Document], query: Query) -> dict[str, Any]:
    return {"documents": documents, "query": query}


def _read_inputs(inputs: dict[str, Any]) -> tuple[Sequence[Document], Query]:
    query_key = next((key for key in _QUERY_KEYS if key in inputs), None)
    if query_key is None or "documents" not in inputs:
        raise InvalidInputError(
            f'Pruning needs a dictionary with "documents" and "query" or "question"; got the keys {sorted(inputs)}.'
        )
    return inputs["documents"], inputs[query_key]


def _query_of(state: Any, query_key: str | None) -> Any:
    values = _values_of(state)
    key = query_key or next((key for key in _QUERY_KEYS if key in values), None)
    if key is None or key not in values:
        raise InvalidInputError(
            f"The state has no {query_key or 'query or question'!r}, only {sorted(values)}. Pass query_key to the node."
        )
    return values[key]


def _read_state(state: Any, documents_key: str, query_key: str | None) -> dict[str, Any]:
    values = _values_of(state)
    if documents_key not in values:
        raise InvalidInputError(
            f"The state has no {documents_key!r}, only {sorted(values)}. Pass documents_key to as_node."
        )
    return _as_inputs(values[documents_key], _query_of(state, query_key))


def _values_of(state: Any) -> Mapping[str, Any]:
    if isinstance(state, Mapping):
        return state
    values = dict(getattr(state, "__dict__", {}))
    if is_dataclass(state):
        # One with slots has no __dict__, and fields that are not set yet have no value.
        values |= {field.name: getattr(state, field.name) for field in fields(state) if hasattr(state, field.name)}
    elif not hasattr(state, "__dict__"):
        raise InvalidInputError(
            f"The state must be a dictionary, a dataclass or a pydantic model; got a {type(state).__name__}."
        )
    return values


def __getattr__(name: str) -> Any:
    """Import the cross-encoder on first use, because it needs a later release of langchain-core."""
    if name != "ProvenceCrossEncoder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

    return ProvenceCrossEncoder
