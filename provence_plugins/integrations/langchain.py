"""Pruning and reranking for LangChain: a document compressor and a cross-encoder over one loaded model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("langchain"):
    from langchain_core.callbacks import Callbacks, adispatch_custom_event, dispatch_custom_event
    from langchain_core.documents import BaseDocumentCompressor, Document
    from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, ensure_config
    from langchain_core.runnables.config import get_callback_manager_for_config

from provence_plugins.integrations.fields import PruningFields
from provence_plugins.integrations.metadata import RELEVANCE_KEY, describe

if TYPE_CHECKING:
    from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

__all__ = ["PRUNED_EVENT", "ProvenceCompressor", "ProvenceCrossEncoder"]

PRUNED_EVENT = "context_pruned"
"""Name of the custom event that tells a trace how many tokens went in and came out."""

_QUERY_KEYS = ("query", "question")


class ProvenceCompressor(PruningFields, BaseDocumentCompressor):
    """Keeps the sentences of retrieved documents that help to answer the question, and drops documents without any.

    Documents are copied, with their ids, classes and metadata; `metadata["relevance_score"]` says how well each
    answers, and `metadata["provence"]` what was kept of it. A blank document or question passes through. The fields
    are those of `PruningFields`.
    """

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """Prune the documents of one query.

        Args:
            documents: What a retriever found; left as they are.
            query: The question.
            callbacks: When somebody listens, the call is a run of its own in the trace, with an event about tokens.

        Returns:
            Pruned copies of the documents that remain, in the order of the policy.

        Raises:
            ProvenceError: Pruning failed, and `on_error` is "raise".
        """
        if _is_traced(callbacks):
            return self.as_runnable().invoke(_as_inputs(documents, query), RunnableConfig(callbacks=callbacks))
        return self._rebuild(documents, self.prune_passages(query, self._passages(documents)))

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """As `compress_documents`, awaiting the engine; no thread of the loop's pool is held meanwhile."""
        if _is_traced(callbacks):
            return await self.as_runnable().ainvoke(_as_inputs(documents, query), RunnableConfig(callbacks=callbacks))
        return self._rebuild(documents, await self.aprune_passages(query, self._passages(documents)))

    # Any: LCEL and LangGraph pass dictionaries with whatever else is on its way.
    def as_runnable(self) -> Runnable[dict[str, Any], list[Document]]:
        """The compressor as a step of a chain or graph, under its own name in traces.

        Returns:
            A step from a dictionary with "documents" and "query" or "question" to the documents that remain.
        """
        return RunnableLambda(self._invoke, self._ainvoke, name=type(self).__name__)

    # Any: plain values, ready for json.dumps.
    def to_config(self) -> dict[str, Any]:
        """The fields as plain values that JSON can hold; LangChain's own serialisation leaves compressors out.

        Raises:
            InvalidInputError: The model is a `Pruner`, which has no name that it could be found by again.
        """
        return {"model": self.model_reference, **self.model_dump(mode="json", exclude={"model"})}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A compressor with the fields that `to_config` gave."""
        return cls.model_validate(dict(config))

    def _invoke(self, inputs: dict[str, Any], config: RunnableConfig) -> list[Document]:
        documents, query = _read_inputs(inputs)
        result = self.prune_passages(query, self._passages(documents))
        if result is not None:
            dispatch_custom_event(PRUNED_EVENT, self._summary(result), config=config)
        return self._rebuild(documents, result)

    async def _ainvoke(self, inputs: dict[str, Any], config: RunnableConfig) -> list[Document]:
        documents, query = _read_inputs(inputs)
        result = await self.aprune_passages(query, self._passages(documents))
        if result is not None:
            await adispatch_custom_event(PRUNED_EVENT, self._summary(result), config=config)
        return self._rebuild(documents, result)

    def _passages(self, documents: Sequence[Document]) -> list[Passage]:
        return [Passage(document.page_content, self.title_of(document.metadata)) for document in documents]

    def _rebuild(self, documents: Sequence[Document], result: PruneResult | None) -> list[Document]:
        if result is None:
            return [document.model_copy(update={"metadata": dict(document.metadata)}) for document in documents]
        return [self._pruned(documents[passage.index], passage) for passage in result.passages]

    def _pruned(self, document: Document, passage: PrunedPassage) -> Document:
        metadata = {**document.metadata, RELEVANCE_KEY: passage.relevance}
        if self.metadata_key is not None:
            metadata[self.metadata_key] = describe(passage)
        return document.model_copy(update={"page_content": passage.text, "metadata": metadata})

    def _summary(self, result: PruneResult) -> dict[str, Any]:
        return {
            "model": self.model_name,
            "threshold": result.threshold,
            "documents_before": len(result.passages) + len(result.dropped),
            "documents_after": len(result.passages),
            "tokens_before": result.tokens_before,
            "tokens_after": result.tokens_after,
        }


def _is_traced(callbacks: Callbacks | None) -> bool:
    """Whether anybody listens: a handler that was given, one of the run around this call, or a tracer of the process.

    A run costs more than deciding what stays does, so that one is made only then.
    """
    config = ensure_config(None if callbacks is None else RunnableConfig(callbacks=callbacks))
    return bool(get_callback_manager_for_config(config).handlers)


def _as_inputs(documents: Sequence[Document], query: str) -> dict[str, Any]:
    return {"documents": documents, "query": query}


def _read_inputs(inputs: dict[str, Any]) -> tuple[Sequence[Document], str]:
    query_key = next((key for key in _QUERY_KEYS if key in inputs), None)
    if query_key is None or "documents" not in inputs:
        raise InvalidInputError(
            f'Pruning needs a dictionary with "documents" and "query" or "question", got the keys {sorted(inputs)}.'
        )
    return inputs["documents"], inputs[query_key]


def __getattr__(name: str) -> Any:
    """Import the cross-encoder when it is asked for: langchain-core has its interface only since 1.0."""
    if name != "ProvenceCrossEncoder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

    return ProvenceCrossEncoder
