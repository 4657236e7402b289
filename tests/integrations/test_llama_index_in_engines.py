"""The postprocessor inside LlamaIndex's own query engines, chat engines, tools and workflows."""

from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.tools import RetrieverTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step

from provence_plugins import Pruner
from provence_plugins.integrations.llama_index import ProvencePostprocessor
from provence_plugins.integrations.metadata import METADATA_KEY, RETRIEVAL_KEY

QUERY = "castle towers"
SOURCE = "The castle has nine towers. Sheep graze on the meadow. They are white. Towers fall."
CHUNKS = [(0, 54), (55, 70), (71, 83)]
PRUNED = ["The castle has nine towers.", "Towers fall."]


@pytest.fixture
def post(words: Pruner) -> ProvencePostprocessor:
    return ProvencePostprocessor(model=words, threshold=0.2)


@pytest.fixture
def index() -> VectorStoreIndex:
    nodes = [
        TextNode(
            id_=f"chunk-{start}",
            text=SOURCE[start:end],
            start_char_idx=start,
            end_char_idx=end,
            metadata={"file": "castle.txt"},
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="castle")},
        )
        for start, end in CHUNKS
    ]
    return VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=4))


def check_sources(nodes: list[NodeWithScore]) -> None:
    """Both pruned chunks are there, and their spans point to the kept text in the source."""
    found = {}
    for scored in nodes:
        assert isinstance(scored.node, TextNode)
        assert scored.node.start_char_idx is not None
        assert scored.node.ref_doc_id == "castle"
        assert RETRIEVAL_KEY in scored.metadata
        [[start, end]] = scored.metadata[METADATA_KEY]["kept"]
        found[scored.node_id] = SOURCE[scored.node.start_char_idx + start : scored.node.start_char_idx + end].strip()
    assert found == dict(zip(["chunk-0", "chunk-71"], PRUNED, strict=True))


def check_prompt(prompt: str) -> None:
    """`MockLLM` answers with its prompt: what helps is there, the rest and our own metadata are not."""
    assert all(text in prompt for text in PRUNED)
    assert "file: castle.txt" in prompt
    assert not any(text in prompt for text in ("meadow", "white", METADATA_KEY, RETRIEVAL_KEY))


async def test_a_query_engine_sends_and_cites_what_helps(post: ProvencePostprocessor, index: VectorStoreIndex) -> None:
    engine = index.as_query_engine(llm=MockLLM(), node_postprocessors=[post], similarity_top_k=3)
    for response in (engine.query(QUERY), await engine.aquery(QUERY)):
        check_prompt(str(response))
        check_sources(response.source_nodes)


async def test_a_citation_query_engine_numbers_what_helps(post: ProvencePostprocessor, index: VectorStoreIndex) -> None:
    engine = CitationQueryEngine.from_args(index, llm=MockLLM(), node_postprocessors=[post], similarity_top_k=3)
    for response in (engine.query(QUERY), await engine.aquery(QUERY)):
        check_prompt(str(response))
        assert "Source 2:" in str(response)
        assert "Source 3:" not in str(response).rpartition("-----")[2]
        assert len(response.source_nodes) == 2
        assert all(METADATA_KEY in node.metadata for node in response.source_nodes)


async def test_a_chat_engine_sends_what_helps(post: ProvencePostprocessor, index: VectorStoreIndex) -> None:
    def chat_engine() -> Any:  # one for each turn, or the memory would hold the other's
        return index.as_chat_engine(
            chat_mode="context",
            memory=ChatMemoryBuffer.from_defaults(),
            llm=MockLLM(),
            node_postprocessors=[post],
            similarity_top_k=3,
        )

    for response in (chat_engine().chat(QUERY), await chat_engine().achat(QUERY)):
        check_prompt(str(response))
        check_sources(response.source_nodes)


async def test_a_retriever_tool_returns_what_helps(post: ProvencePostprocessor, index: VectorStoreIndex) -> None:
    tool = RetrieverTool.from_defaults(index.as_retriever(similarity_top_k=3), node_postprocessors=[post])
    for output in (tool.call(QUERY), await tool.acall(QUERY)):
        check_prompt(output.content)
        check_sources(output.raw_output)


class Retrieved(Event):
    nodes: list[NodeWithScore]


class Search(Workflow):
    """Retrieves in one step and prunes in the next."""

    # Any: as the base class has it.
    def __init__(self, index: VectorStoreIndex, post: ProvencePostprocessor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.retriever, self.post = index.as_retriever(similarity_top_k=3), post

    @step
    async def retrieve(self, context: Context, event: StartEvent) -> Retrieved:
        return Retrieved(nodes=await self.retriever.aretrieve(event.query))

    @step
    async def prune(self, event: Retrieved) -> StopEvent:
        return StopEvent(result=await self.post.apostprocess_nodes(event.nodes, query_str=QUERY))


async def test_a_workflow_prunes_in_a_step(post: ProvencePostprocessor, index: VectorStoreIndex) -> None:
    check_sources(await Search(index, post, timeout=60).run(query=QUERY))
