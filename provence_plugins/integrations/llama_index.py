"""Pruning for LlamaIndex: a node postprocessor that reranks nodes and keeps the sentences that help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.metadata import RETRIEVAL_KEY, describe
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("llama-index"):
    from llama_index.core.callbacks import CBEventType, EventPayload
    from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import (
        BaseNode,
        ImageNode,
        IndexNode,
        MediaResource,
        Node,
        NodeWithScore,
        QueryBundle,
        TextNode,
    )
    from llama_index_instrumentation import get_dispatcher

from provence_plugins.integrations.fields import PruningFields

dispatcher = get_dispatcher(__name__)


class ProvencePostprocessor(PruningFields, BaseNodePostprocessor):
    """Reranks retrieved nodes and keeps the sentences that help to answer the query.

    The nodes that come out are copies with everything but the text kept: ids, relationships, metadata, character
    positions. Their score is the relevance, the retriever's score moves to the metadata under "retrieval_score". What
    is added to the metadata is hidden from prompts and embeddings. Images, nodes that stand for an object, nodes with
    other media and blank ones come out as they are, in their place; so does everything when there is no query.

    Attributes:
        callback_manager: LlamaIndex's own; query engines set it.

    The other fields are those of `PruningFields`.
    """

    @classmethod
    def class_name(cls) -> str:
        return "ProvencePostprocessor"

    def __getstate__(self) -> dict[Any, Any]:
        # LlamaIndex would leave the pruner out with a warning, and the copy would run with the shipped model.
        if isinstance(self.model, Pruner):
            raise InvalidInputError(
                "A postprocessor around a Pruner cannot be pickled. Give model by folder or name instead."
            )
        return super().__getstate__()

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = query_bundle.query_str if query_bundle else ""
        with self._reported(nodes, query) as remaining:
            passages = self._passages(nodes)
            remaining += self._merge(nodes, passages, self.prune_passages(query, list(passages.values())))
        return remaining

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        query = query_bundle.query_str if query_bundle else ""
        with self._reported(nodes, query) as remaining:
            passages = self._passages(nodes)
            remaining += self._merge(nodes, passages, await self.aprune_passages(query, list(passages.values())))
        return remaining

    @contextmanager
    def _reported(self, nodes: list[NodeWithScore], query: str) -> Iterator[list[NodeWithScore]]:
        """Tell both of LlamaIndex's event systems about the nodes that came and those put into the yielded list.

        The end is reported on every way out. After an error it holds no nodes.
        """
        top_n = len(nodes) if self.top_n is None else self.top_n
        payload: dict[str, Any] = {  # as the callback manager has it
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: self.model_name,
            EventPayload.QUERY_STR: query,
            EventPayload.TOP_K: top_n,
        }
        remaining: list[NodeWithScore] = []
        dispatcher.event(ReRankStartEvent(query=query, nodes=nodes, top_n=top_n, model_name=self.model_name))
        try:
            with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
                yield remaining
                event.on_end(payload={EventPayload.NODES: remaining})
        finally:
            dispatcher.event(ReRankEndEvent(nodes=remaining))

    def _passages(self, nodes: Sequence[NodeWithScore]) -> dict[int, Passage]:
        """The texts to prune, by number of their node."""
        texts = {number: _text_of(node.node) for number, node in enumerate(nodes)}
        return {
            number: Passage(text, self.title_of(nodes[number].metadata))
            for number, text in texts.items()
            if text.strip()
        }

    def _merge(
        self, nodes: Sequence[NodeWithScore], passages: dict[int, Passage], result: PruneResult | None
    ) -> list[NodeWithScore]:
        """Copies of what remains: pruned nodes in the policy's order, in the places between those that pass through."""
        if result is None:
            return [_copied(node) for node in nodes]
        numbers = list(passages)
        places = {numbers[passage.index] for passage in result.passages}
        pruned = (self._pruned(nodes[numbers[passage.index]], passage) for passage in result.passages)
        return [
            next(pruned) if number in places else _copied(node)
            for number, node in enumerate(nodes)
            if number in places or number not in passages
        ]

    def _pruned(self, scored: NodeWithScore, passage: PrunedPassage) -> NodeWithScore:
        """A copy with what is left of the node's text, the relevance as its score, and our entries."""
        node = scored.node
        entries: dict[str, Any] = {}  # as LlamaIndex types metadata
        # A reranker may have run before and kept the retriever's score already.
        if scored.score is not None and RETRIEVAL_KEY not in node.metadata:
            entries[RETRIEVAL_KEY] = float(scored.score)
        if self.metadata_key is not None:
            entries[self.metadata_key] = describe(passage)
        return _copied(
            scored,
            score=passage.relevance,
            metadata={**node.metadata, **entries},
            excluded_llm_metadata_keys=_joined(node.excluded_llm_metadata_keys, entries),
            excluded_embed_metadata_keys=_joined(node.excluded_embed_metadata_keys, entries),
            **_text_update(node, passage.text),
        )


def _text_of(node: BaseNode) -> str:
    """The node's own text without its metadata; empty for a node that is more than text."""
    if isinstance(node, ImageNode) or (isinstance(node, IndexNode) and node.obj is not None):
        return ""
    if isinstance(node, TextNode):
        return node.text
    if not isinstance(node, Node) or node.image_resource or node.audio_resource or node.video_resource:
        return ""
    return (node.text_resource.text if node.text_resource else None) or ""


def _text_update(node: BaseNode, text: str) -> dict[str, str | MediaResource]:
    """The field that holds the node's text, with another text."""
    if isinstance(node, Node) and node.text_resource is not None:
        return {"text_resource": node.text_resource.model_copy(update={"text": text})}
    return {"text": text}


# Any: fields of nodes are of many types.
def _copied(scored: NodeWithScore, *, score: float | None = None, **fields: Any) -> NodeWithScore:
    """The same with another score, if one is given, around a copy of the node with other values of some fields."""
    node = scored.node
    # Not a deep copy: an IndexNode may hold a whole index.
    fields = {"metadata": dict(node.metadata), "relationships": dict(node.relationships), **fields}
    score = scored.score if score is None else score
    return scored.model_copy(update={"node": node.model_copy(update=fields), "score": score})


def _joined(keys: Sequence[str], added: Iterable[str]) -> list[str]:
    return [*keys, *(key for key in added if key not in keys)]
