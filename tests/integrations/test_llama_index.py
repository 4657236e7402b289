import asyncio
import copy
import json
import logging
import pickle
import re
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceWindowNodeParser
from llama_index.core.postprocessor import MetadataReplacementPostProcessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from pydantic_core import PydanticSerializationError

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.llama_index import ProvencePostprocessor, PruningQuery
from provence_plugins.integrations.metadata import METADATA_KEY, RERANK_KEY, RETRIEVAL_KEY
from provence_plugins.integrations.notices import warn_once
from provence_plugins.testing import AdapterContract, Item

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
PRUNED = "The castle has nine towers. "
SHEEP = "Sheep graze on the meadow."


class TestProvencePostprocessor(AdapterContract[ProvencePostprocessor, NodeWithScore]):
    def make(self, **fields: Any) -> ProvencePostprocessor:
        return ProvencePostprocessor(**fields)

    def wrap(self, items: Sequence[Item]) -> list[NodeWithScore]:
        return [NodeWithScore(node=self.node(item), score=item.relevance) for item in items]

    def node(self, item: Item) -> BaseNode:
        return TextNode(id_=item.id, text=item.text, metadata=dict(item.metadata))

    def read(self, thing: NodeWithScore) -> Item:
        return Item(thing.node_id, thing.get_content(metadata_mode=MetadataMode.NONE), thing.metadata, thing.score)

    def prune(self, adapter: ProvencePostprocessor, query: str, things: Sequence[NodeWithScore]) -> list[NodeWithScore]:
        return adapter.postprocess_nodes(list(things), query_str=query)

    async def aprune(
        self, adapter: ProvencePostprocessor, query: str, things: Sequence[NodeWithScore]
    ) -> list[NodeWithScore]:
        return await adapter.apostprocess_nodes(list(things), query_bundle=QueryBundle(query))


class TestProvencePostprocessorOnDocuments(TestProvencePostprocessor):
    """A `Document` holds its text in a media resource."""

    def node(self, item: Item) -> BaseNode:
        return Document(id_=item.id, text=item.text, metadata=dict(item.metadata))


@pytest.fixture
def post(words: Pruner) -> ProvencePostprocessor:
    return ProvencePostprocessor(model=words, threshold=0.2)


def prune_one(post: ProvencePostprocessor, node: BaseNode, score: float | None = None) -> NodeWithScore:
    [pruned] = post.postprocess_nodes([NodeWithScore(node=node, score=score)], query_str=QUERY)
    return pruned


def run(post: ProvencePostprocessor, nodes: list[NodeWithScore], query: str, is_async: bool) -> list[NodeWithScore]:
    if is_async:
        return asyncio.run(post.apostprocess_nodes(nodes, query_str=query))
    return post.postprocess_nodes(nodes, query_str=query)


def test_it_is_a_node_postprocessor() -> None:
    assert issubclass(ProvencePostprocessor, BaseNodePostprocessor)
    assert ProvencePostprocessor.class_name() == "ProvencePostprocessor"


def test_relationships_and_character_positions_stay(post: ProvencePostprocessor) -> None:
    source = RelatedNodeInfo(node_id="source")
    node = TextNode(
        text=TEXT,
        start_char_idx=100,
        end_char_idx=154,
        relationships={NodeRelationship.SOURCE: source},
        embedding=[0.5, 0.25],
        metadata_separator=" | ",
    )
    pruned = prune_one(post, node)
    assert pruned.text == PRUNED
    assert pruned.node.relationships == {NodeRelationship.SOURCE: source}
    assert pruned.node.ref_doc_id == "source"
    assert isinstance(pruned.node, TextNode)
    assert (pruned.node.start_char_idx, pruned.node.end_char_idx) == (100, 154)
    assert pruned.node.metadata_separator == " | "


def test_what_is_changed_in_the_copy_stays_there(post: ProvencePostprocessor) -> None:
    node = TextNode(text=TEXT, metadata={"page": 1}, excluded_llm_metadata_keys=["page"])
    before = copy.deepcopy(node)
    pruned = prune_one(post, node)
    pruned.node.metadata["page"] = 2
    pruned.node.excluded_llm_metadata_keys.append("x")
    pruned.node.excluded_embed_metadata_keys.append("x")
    pruned.node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id="source")
    assert node == before


def test_the_score_is_the_relevance_and_the_retrievers_moves_to_the_metadata(post: ProvencePostprocessor) -> None:
    pruned = prune_one(post, TextNode(text=TEXT), score=0.75)
    assert pruned.score == 1.0
    assert type(pruned.score) is float
    assert pruned.metadata[RETRIEVAL_KEY] == 0.75
    assert json.loads(pruned.to_json())["score"] == 1.0


def test_without_a_retrievers_score_none_is_written(post: ProvencePostprocessor) -> None:
    assert RETRIEVAL_KEY not in prune_one(post, TextNode(text=TEXT)).metadata


def test_the_scores_of_the_retriever_and_of_another_reranker_are_kept(post: ProvencePostprocessor) -> None:
    pruned = prune_one(post, TextNode(text=TEXT, metadata={RETRIEVAL_KEY: 0.25}), score=0.75)
    assert (pruned.metadata[RETRIEVAL_KEY], pruned.metadata[RERANK_KEY]) == (0.25, 0.75)


@pytest.mark.parametrize("fields", [{}, {"flat_metadata": True}, {"metadata_key": "pruned"}], ids=str)
def test_a_second_pass_does_not_keep_the_relevance_of_the_first(words: Pruner, fields: dict[str, Any]) -> None:
    post = ProvencePostprocessor(model=words, threshold=0.2, **fields)
    for score in (None, 0.5):
        once = prune_one(post, TextNode(text=TEXT), score)
        twice = prune_one(post, once.node, once.score)
        assert twice.metadata.keys() == once.metadata.keys()
        assert twice.metadata.get(RETRIEVAL_KEY) == score
        assert RERANK_KEY not in twice.metadata


def test_without_an_entry_a_second_pass_leaves_the_retrievers_score_alone(words: Pruner) -> None:
    post = ProvencePostprocessor(model=words, threshold=0.2, metadata_key=None)
    once = prune_one(post, TextNode(text=TEXT), 0.5)
    assert prune_one(post, once.node, once.score).metadata == {RETRIEVAL_KEY: 0.5}


def test_the_vector_of_the_whole_text_does_not_survive(post: ProvencePostprocessor) -> None:
    assert prune_one(post, TextNode(text=TEXT, embedding=[0.5, 0.25])).node.embedding is None
    assert prune_one(post, TextNode(text=PRUNED, embedding=[0.5, 0.25])).node.embedding == [0.5, 0.25]


def test_nested_metadata_is_not_shared(post: ProvencePostprocessor) -> None:
    node = TextNode(text=TEXT, metadata={"tags": {"topics": ["castle"]}})
    prune_one(post, node).node.metadata["tags"]["topics"].append("sheep")
    assert node.metadata == {"tags": {"topics": ["castle"]}}


def test_metadata_can_be_flat(words: Pruner) -> None:
    pruned = prune_one(ProvencePostprocessor(model=words, threshold=0.2, flat_metadata=True), TextNode(text=TEXT), 0.5)
    assert all(isinstance(value, str | int | float) for value in pruned.metadata.values())
    assert json.loads(pruned.metadata["provence_kept"]) == [[0, len(PRUNED)]]


def test_a_query_can_bring_its_own_policy(post: ProvencePostprocessor) -> None:
    nodes = [NodeWithScore(node=TextNode(text=TEXT))]
    [whole] = post.postprocess_nodes(nodes, query_bundle=PruningQuery(QUERY, policy={"threshold": 0.0}))
    assert whole.text == TEXT
    with pytest.raises(InvalidInputError, match="treshold"):
        post.postprocess_nodes(nodes, query_bundle=PruningQuery(QUERY, policy={"treshold": 0.0}))


class TestSentenceWindows:
    """With LlamaIndex's own parser and postprocessor for sentence windows."""

    text = f"{SHEEP} They are white. The castle has nine towers. Rain falls. Snow falls. Sheep graze."

    @pytest.fixture
    def found(self) -> list[NodeWithScore]:
        # Its own splitter needs data that older releases download.
        parser = SentenceWindowNodeParser.from_defaults(
            window_size=2, sentence_splitter=partial(re.findall, r"[^.]+[.]\s*")
        )
        nodes = parser.get_nodes_from_documents([Document(text=self.text)])
        return [NodeWithScore(node=node, score=0.5) for node in nodes if "castle" in node.get_content()]

    def test_positions_that_are_not_those_of_the_text_are_none(
        self, post: ProvencePostprocessor, found: list[NodeWithScore]
    ) -> None:
        windows = MetadataReplacementPostProcessor(target_metadata_key="window").postprocess_nodes(found)
        [pruned] = post.postprocess_nodes(windows, query_str=QUERY)
        assert pruned.text.strip() == "The castle has nine towers."
        assert isinstance(pruned.node, TextNode)
        assert (pruned.node.start_char_idx, pruned.node.end_char_idx) == (None, None)

    def test_the_wrong_order_is_noticed_once(
        self, post: ProvencePostprocessor, found: list[NodeWithScore], caplog: pytest.LogCaptureFixture
    ) -> None:
        warn_once.cache_clear()
        post.postprocess_nodes(found, query_str=QUERY)
        post.postprocess_nodes(found, query_str=QUERY)
        assert caplog.text.count("Put MetadataReplacementPostProcessor before ProvencePostprocessor") == 1

    def test_the_right_order_is_not_complained_about(
        self, post: ProvencePostprocessor, found: list[NodeWithScore], caplog: pytest.LogCaptureFixture
    ) -> None:
        warn_once.cache_clear()
        windows = MetadataReplacementPostProcessor(target_metadata_key="window").postprocess_nodes(found)
        post.postprocess_nodes(windows, query_str=QUERY)
        assert not caplog.records


def test_a_query_engine_gets_an_answer_where_nothing_passes(words: Pruner) -> None:
    """LlamaIndex answers "Empty Response", without asking the language model, where no node is left."""
    index = VectorStoreIndex([TextNode(text=f"{SHEEP} They are white.")], embed_model=MockEmbedding(embed_dim=4))

    def ask(**fields: Any) -> str:
        post = ProvencePostprocessor(model=words, **fields)
        return str(index.as_query_engine(llm=MockLLM(), node_postprocessors=[post]).query("castle"))

    assert SHEEP in ask()
    assert "They are white" not in ask()
    assert ask(when_empty="drop") == "Empty Response"


def test_its_repr_shows_what_was_set() -> None:
    assert repr(ProvencePostprocessor(top_n=3)) == "ProvencePostprocessor(top_n=3)"


def test_prompts_and_embeddings_show_the_metadata_as_before(post: ProvencePostprocessor) -> None:
    node = TextNode(text=TEXT, metadata={"page": 1, "hash": "f00"}, excluded_llm_metadata_keys=["hash"])
    pruned = prune_one(post, node, score=0.75)
    assert METADATA_KEY in pruned.metadata
    assert pruned.get_content(MetadataMode.LLM) == f"page: 1\n\n{PRUNED}".strip()
    assert pruned.get_content(MetadataMode.EMBED) == f"page: 1\nhash: f00\n\n{PRUNED}".strip()


def test_hidden_keys_are_listed_once_however_often_a_node_is_pruned(post: ProvencePostprocessor) -> None:
    twice = prune_one(post, prune_one(post, TextNode(text=TEXT), score=0.5).node, score=0.5)
    assert sorted(twice.node.excluded_llm_metadata_keys) == [METADATA_KEY, RETRIEVAL_KEY]
    assert sorted(twice.node.excluded_embed_metadata_keys) == [METADATA_KEY, RETRIEVAL_KEY]


def test_the_model_reads_the_text_without_its_metadata(post: ProvencePostprocessor) -> None:
    node = TextNode(text=f"{TEXT} Towers fall.", metadata={"topic": "castle towers"})
    assert prune_one(post, node).text == f"{PRUNED}Towers fall."
    assert prune_one(post, TextNode(text=SHEEP, metadata=node.metadata)).score == 0.0


def test_the_title_in_the_metadata_is_read(words: Pruner) -> None:
    node = TextNode(text="Towers fall.", metadata={"title": "Castle"})
    assert prune_one(ProvencePostprocessor(model=words), node).score == 1.0
    assert prune_one(ProvencePostprocessor(model=words, title_key=None), node).score == 0.5


def test_the_media_resource_of_a_document_is_kept(post: ProvencePostprocessor) -> None:
    resource = MediaResource(text=TEXT, mimetype="text/markdown", url="https://example.org/castle")
    document = Document(text_resource=resource)
    pruned = prune_one(post, document).node
    assert isinstance(pruned, Document)
    assert pruned.text_resource == resource.model_copy(update={"text": PRUNED})
    assert resource.text == TEXT


PASSING = {
    "image": ImageNode(text=SHEEP, image_path="sheep.png"),
    "index node with an object": IndexNode(text=SHEEP, index_id="index", obj=threading.Lock),
    "text with an image": Node(
        text_resource=MediaResource(text=SHEEP), image_resource=MediaResource(data=b"x", mimetype="image/png")
    ),
    "text with sound": Node(
        text_resource=MediaResource(text=SHEEP), audio_resource=MediaResource(data=b"x", mimetype="audio/mpeg")
    ),
    "empty": TextNode(text=""),
    "node without text": Node(),
}


@pytest.mark.parametrize("node", PASSING.values(), ids=PASSING.keys())
@pytest.mark.parametrize("order", ["input", "relevance"])
def test_a_node_that_is_more_or_less_than_text_is_returned_unchanged_in_its_place(
    words: Pruner, node: BaseNode, order: str
) -> None:
    post = ProvencePostprocessor.from_dict({"threshold": 0.2, "top_n": 2, "order": order}, model=words)
    nodes = [
        NodeWithScore(node=TextNode(id_="sheep", text=SHEEP)),
        NodeWithScore(node=TextNode(id_="half", text="The castle is old.")),
        NodeWithScore(node=node, score=0.5),
        NodeWithScore(node=TextNode(id_="full", text=TEXT)),
    ]
    first, same, last = post.postprocess_nodes(nodes, query_str=QUERY)
    assert same == nodes[2]
    assert [first.node_id, last.node_id] == (["half", "full"] if order == "input" else ["full", "half"])


def test_an_index_node_without_an_object_is_text(post: ProvencePostprocessor) -> None:
    pruned = prune_one(post, IndexNode(text=TEXT, index_id="chapter")).node
    assert isinstance(pruned, IndexNode)
    assert (pruned.text, pruned.index_id) == (PRUNED, "chapter")


def test_without_a_query_everything_stays(post: ProvencePostprocessor) -> None:
    nodes = [NodeWithScore(node=TextNode(text=SHEEP), score=0.5)]
    assert post.postprocess_nodes(nodes) == nodes
    assert asyncio.run(post.apostprocess_nodes(nodes)) == nodes


def test_one_query_is_enough(post: ProvencePostprocessor) -> None:
    with pytest.raises(ValueError, match="both"):
        post.postprocess_nodes([], QueryBundle(QUERY), QUERY)


def test_an_adapter_can_be_serialized_and_pickled() -> None:
    post = ProvencePostprocessor(threshold=0.3, top_n=4, when_empty="keep_best", on_error="keep")
    written = json.loads(json.dumps(post.to_dict()))
    for again in (ProvencePostprocessor.from_dict(written), pickle.loads(pickle.dumps(post)), copy.deepcopy(post)):
        assert type(again) is ProvencePostprocessor
        assert json.loads(json.dumps(again.to_dict())) == written
        assert again.policy == post.policy


def test_an_adapter_around_a_backend_object_can_be_neither_serialized_nor_pickled(
    post: ProvencePostprocessor, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        with pytest.raises(PydanticSerializationError, match="Pass model as a path or repo id"):
            post.to_dict()
        with pytest.raises(InvalidInputError, match="Name the backend"):
            pickle.dumps(post)
    assert not caplog.records
