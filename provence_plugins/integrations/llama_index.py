"""Pruning for LlamaIndex: a postprocessor that reranks nodes and keeps what helps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.integrations.metadata import copy_metadata
from provence_plugins.integrations.notices import warn_once
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

from provence_plugins.integrations.fields import DocumentFields, rebuild

dispatcher = get_dispatcher(__name__)

# Where LlamaIndex's sentence windows put the text that MetadataReplacementPostProcessor puts in.
_WINDOW_KEY = "window"


@dataclass
class PruningQuery(QueryBundle):
    """A query with a policy of its own; query engines pass it on to the postprocessor.

    Attributes:
        policy: Fields of the policy that differ for this query, for instance {"threshold": 0.3}.
    """

    # Any: values of fields of the policy, which it checks.
    policy: Mapping[str, Any] = field(default_factory=dict)


class ProvencePostprocessor(DocumentFields, BaseNodePostprocessor):
    """A node postprocessor that keeps sentences that help to answer the query, and reranks.

    The nodes that come out are copies in which everything but the text is kept: ids, relationships,
    metadata, character positions. Their score is the relevance; the retriever's score moves to the
    metadata under "retrieval_score", and that of a reranker between the two under "rerank_score".
    What is added to the metadata is hidden from prompts and embeddings. Images, nodes that stand
    for an object, nodes with other media and blank ones come out unchanged and in their place; so
    does everything when there is no query.

    A copy has no `embedding`, because that is the vector of the whole text. It has no character
    positions if those of the node do not fit its text, as after `MetadataReplacementPostProcessor`.

    Attributes:
        callback_manager: LlamaIndex's own; query engines set it.

    The other fields are those of `DocumentFields`, `PruningFields` and `EngineFields`.
    """

    @classmethod
    def class_name(cls) -> str:
        return "ProvencePostprocessor"

    def __getstate__(self) -> dict[Any, Any]:
        # LlamaIndex would leave a pruner that cannot be pickled out with a warning, and the copy
        # would run with the shipped model.
        if isinstance(self.model, Pruner):
            self.model.__reduce__()
        return super().__getstate__()

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        with self._reported(nodes, _query_of(query_bundle)) as remaining:
            passages = self._passages(nodes)
            policy = self._policy_of(query_bundle)
            result = self.prune_passages(_query_of(query_bundle), list(passages.values()), policy)
            remaining += rebuild(nodes, passages, result, self._write)
        return remaining

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        with self._reported(nodes, _query_of(query_bundle)) as remaining:
            passages = self._passages(nodes)
            policy = self._policy_of(query_bundle)
            result = await self.aprune_passages(_query_of(query_bundle), list(passages.values()), policy)
            remaining += rebuild(nodes, passages, result, self._write)
        return remaining

    def _policy_of(self, query_bundle: QueryBundle | None) -> PruningPolicy:
        if isinstance(query_bundle, PruningQuery):
            return self.policy_with(query_bundle.policy)
        return self.policy

    @contextmanager
    def _reported(self, nodes: list[NodeWithScore], query: str) -> Iterator[list[NodeWithScore]]:
        """Report given nodes, and those put into the yielded list, to both event systems.

        The end is reported on every way out. After an error it holds no nodes.
        """
        top_n = len(nodes) if self.top_n is None else self.top_n
        payload: dict[str, Any] = {  # in the form that the callback manager expects
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
        """Return the texts to prune, by the number of their node."""
        texts = {number: _text_of(node.node) for number, node in enumerate(nodes)}
        if any(_will_be_replaced(nodes[number].node, text) for number, text in texts.items()):
            warn_once(
                "Nodes have a sentence window in their metadata that is not their text yet. Put "
                "MetadataReplacementPostProcessor before ProvencePostprocessor, because afterwards it "
                "would put the whole window back."
            )
        return {
            number: Passage(text, self.title_of(nodes[number].metadata))
            for number, text in texts.items()
            if text.strip()
        }

    def _write(self, scored: NodeWithScore, passage: PrunedPassage | None) -> NodeWithScore:
        """Return a copy; a pruned one has the kept text, the relevance as score, and our metadata."""
        if passage is None:
            return _copied(scored)
        node = scored.node
        entries = {**self.earlier_score(scored.score, node.metadata), **self.entries_of(passage)}
        return _copied(
            scored,
            score=passage.relevance,
            metadata={**copy_metadata(node.metadata), **entries},
            excluded_llm_metadata_keys=_joined(node.excluded_llm_metadata_keys, entries),
            excluded_embed_metadata_keys=_joined(node.excluded_embed_metadata_keys, entries),
            **_outdated(node, passage),
            **_text_update(node, passage.text),
        )


def _query_of(query_bundle: QueryBundle | None) -> str:
    if query_bundle is None:
        return ""
    return query_bundle.query_str


def _text_of(node: BaseNode) -> str:
    """Return the node's own text without its metadata; empty for a node that is more than text."""
    if isinstance(node, ImageNode) or (isinstance(node, IndexNode) and node.obj is not None):
        return ""
    if isinstance(node, TextNode):
        return node.text
    if not isinstance(node, Node) or node.image_resource or node.audio_resource or node.video_resource:
        return ""
    if node.text_resource is None:
        return ""
    return node.text_resource.text or ""


def _text_update(node: BaseNode, text: str) -> dict[str, str | MediaResource]:
    """Return the field that holds the node's text, with another text."""
    if isinstance(node, Node) and node.text_resource is not None:
        return {"text_resource": node.text_resource.model_copy(update={"text": text})}
    return {"text": text}


def _outdated(node: BaseNode, passage: PrunedPassage) -> dict[str, None]:
    """Return the fields that do not fit the kept text as None, or not even the node's own."""
    fields: dict[str, None] = {}
    text = passage.passage.text
    if passage.text != text:
        fields["embedding"] = None
    start, end = getattr(node, "start_char_idx", None), getattr(node, "end_char_idx", None)
    if start is not None and end is not None and end - start != len(text):
        fields |= {"start_char_idx": None, "end_char_idx": None}
    return fields


def _will_be_replaced(node: BaseNode, text: str) -> bool:
    window = node.metadata.get(_WINDOW_KEY)
    return isinstance(window, str) and window != text and text.strip() in window and bool(text.strip())


# Any: fields of nodes are of many types.
def _copied(scored: NodeWithScore, *, score: float | None = None, **fields: Any) -> NodeWithScore:
    """Return a copy with another score, if one is given, and other values of some fields."""
    node = scored.node
    # Not a deep copy: an IndexNode may hold a whole index.
    fields = {"metadata": copy_metadata(node.metadata), "relationships": dict(node.relationships), **fields}
    score = scored.score if score is None else score
    return scored.model_copy(update={"node": node.model_copy(update=fields), "score": score})


def _joined(keys: Sequence[str], added: Iterable[str]) -> list[str]:
    return [*keys, *(key for key in added if key not in keys)]
