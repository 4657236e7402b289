"""Pruning for Haystack: a component that goes between a retriever and a prompt builder."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.integrations.metadata import copy_metadata
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("haystack"):
    from haystack import Document, component

from provence_plugins.integrations.fields import DocumentFields, rebuild
from provence_plugins.integrations.haystack_storage import StoredFields
from provence_plugins.integrations.signatures import takes_fields_of

__all__ = ["ProvenceDocumentPruner"]


@component
class ProvenceDocumentPruner(StoredFields):
    """A component that keeps the sentences of documents that help to answer the query, and reranks documents.

    Documents are copied with their ids. `score` is the relevance; the retriever's score moves to
    `meta["retrieval_score"]`, that of a reranker between the two to `meta["rerank_score"]`, and
    `meta["provence"]` tells what was kept. Documents without text come out unchanged and in their
    place; so does everything when the query is blank.

    For the arguments see `DocumentFields`, `PruningFields` and `EngineFields`.

    Raises:
        ValidationError: A field is unknown or has an invalid value.
    """

    fields: DocumentFields

    @takes_fields_of(DocumentFields)
    def __init__(self, **fields: Any) -> None:
        self.fields = DocumentFields(**fields)

    def warm_up(self) -> None:
        """Load the model."""
        _ = self.fields.pruner

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(
        self, query: str, documents: list[Document], policy: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """Prune documents.

        Args:
            query: The question.
            documents: The documents; they are not changed.
            policy: Fields of `PruningPolicy` that differ for this call.

        Returns:
            Pruned copies of those that are kept, as `documents`, in the order of the policy.

        Raises:
            ProvenceError: Pruning failed, and `on_error` is "raise".
        """
        passages = self._passages(documents)
        chosen = self.fields.policy_with(policy or {})
        result = self.fields.prune_passages(query, list(passages.values()), chosen)
        return {"documents": rebuild(documents, passages, result, self._write)}

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    async def run_async(
        self, query: str, documents: list[Document], policy: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """Do the same as `run` without blocking the event loop."""
        passages = self._passages(documents)
        chosen = self.fields.policy_with(policy or {})
        result = await self.fields.aprune_passages(query, list(passages.values()), chosen)
        return {"documents": rebuild(documents, passages, result, self._write)}

    def _passages(self, documents: Sequence[Document]) -> dict[int, Passage]:
        """Return the texts to prune, by the number of their document."""
        return {
            number: Passage(document.content, self.fields.title_of(document.meta))
            for number, document in enumerate(documents)
            if document.content is not None and document.content.strip()
        }

    def _write(self, document: Document, passage: PrunedPassage | None) -> Document:
        meta = copy_metadata(document.meta)
        if passage is None:
            return replace(document, meta=meta)
        meta |= {**self.fields.earlier_score(document.score, meta), **self.fields.entries_of(passage)}
        pruned = replace(document, content=passage.text, meta=meta, score=passage.relevance)
        if passage.text == passage.passage.text:
            return pruned
        # The vectors are those of the whole text.
        return replace(pruned, embedding=None, sparse_embedding=None)
