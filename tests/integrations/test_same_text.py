"""The same documents through every adapter, with the shipped model, give the same text."""

from pathlib import Path

from langchain_core.documents import Document
from langchain_core.messages import ToolCall, ToolMessage
from llama_index.core.schema import NodeWithScore, TextNode

from provence_plugins import Pruner
from provence_plugins.integrations.langchain import ProvenceCompressor
from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware
from provence_plugins.integrations.llama_index import ProvencePostprocessor

try:
    from langgraph.prebuilt.tool_node import ToolCallRequest
except ImportError:  # LangChain 1.0.0
    from langchain.tools.tool_node import ToolCallRequest

QUESTION = "What should be done with a flag that is worn out?"
SECTIONS = (Path(__file__).parents[2] / "examples/us_flag.md").read_text(encoding="utf-8").split("\n## ")


def test_every_adapter_keeps_what_the_engine_keeps() -> None:
    with Pruner() as pruner:
        expected = [passage.text for passage in pruner.prune(QUESTION, SECTIONS).passages]
    assert 0 < sum(map(len, expected)) < sum(map(len, SECTIONS))

    documents = [Document(section) for section in SECTIONS]
    assert [
        document.page_content for document in ProvenceCompressor().compress_documents(documents, QUESTION)
    ] == expected

    nodes = [NodeWithScore(node=TextNode(text=section), score=0.5) for section in SECTIONS]
    kept = ProvencePostprocessor().postprocess_nodes(nodes, query_str=QUESTION)
    assert [node.text for node in kept] == expected

    call = ToolCall(name="search", args={"query": QUESTION}, id="1")
    message = ToolMessage("\n\n".join(SECTIONS), artifact=documents, tool_call_id="1")
    request = ToolCallRequest(tool_call=call, tool=None, state={"messages": []}, runtime=None)
    answer = ContextPruningMiddleware().wrap_tool_call(request, lambda _: message)
    assert isinstance(answer, ToolMessage)
    assert answer.content == "\n\n".join(expected)
