"""The middleware inside agents that LangChain builds, with its own retriever tools."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, create_retriever_tool, tool
from langgraph.checkpoint.memory import InMemorySaver

from provence_plugins import Pruner
from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware
from provence_plugins.integrations.metadata import METADATA_KEY

QUERY = "castle towers"
DOCUMENTS = [
    Document("The castle has nine towers. Sheep graze on the meadow.", id="a"),
    Document("Sheep graze on the meadow. They are white.", id="b"),
    Document("Are they white? Towers fall.", id="c"),
]
PRUNED = "The castle has nine towers. \n\nTowers fall."


class EveryDocument(BaseRetriever):
    """Finds all that there is."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return DOCUMENTS


class Listener(GenericFakeChatModel):
    """Says what it was told to say, and remembers what it was sent."""

    heard: list[list[BaseMessage]] = []  # noqa: RUF012 (pydantic copies it)

    # Any: as LangChain has it.
    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> "Listener":
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        self.heard.append(messages)
        return super()._generate(messages, *args, **kwargs)


def calls(*tools: str) -> AIMessage:
    given = [ToolCall(name=name, args={"query": QUERY}, id=f"call-{number}") for number, name in enumerate(tools)]
    return AIMessage("", tool_calls=given)


def retriever_tool(response_format: Any, name: str = "search") -> BaseTool:
    return create_retriever_tool(EveryDocument(), name, "Searches the guide.", response_format=response_format)


@pytest.fixture
def middleware(words: Pruner) -> ContextPruningMiddleware:
    return ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0)


def tool_messages(state: dict[str, Any]) -> list[ToolMessage]:
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_the_model_reads_what_helps_and_the_state_keeps_the_documents(
    middleware: ContextPruningMiddleware, is_async: bool
) -> None:
    model = Listener(messages=iter([calls("search"), AIMessage("Nine.")]))
    agent = create_agent(model, [retriever_tool("content_and_artifact")], middleware=[middleware])
    given = {"messages": [HumanMessage("How many towers has it?")]}
    state = await agent.ainvoke(given) if is_async else agent.invoke(given)
    [message] = tool_messages(state)
    assert message.content == PRUNED
    assert message.artifact == DOCUMENTS
    assert model.heard[-1][-1].content == PRUNED
    assert state["messages"][-1].content == "Nine."
    assert message.response_metadata[METADATA_KEY]["tokens_before"] > 0


def test_a_tool_without_artifact_is_pruned_as_text(middleware: ContextPruningMiddleware) -> None:
    model = Listener(messages=iter([calls("search"), AIMessage("Nine.")]))
    agent = create_agent(model, [retriever_tool("content")], middleware=[middleware])
    [message] = tool_messages(agent.invoke({"messages": [HumanMessage("How many?")]}))
    assert message.content == "The castle has nine towers. \n\nTowers fall."
    assert message.artifact == "\n\n".join(document.page_content for document in DOCUMENTS)


def test_what_was_sent_once_is_sent_again_unchanged(middleware: ContextPruningMiddleware) -> None:
    """Providers cache the beginning of a conversation only while it stays the same."""
    model = Listener(messages=iter([calls("search"), AIMessage("Nine."), calls("search"), AIMessage("Yes.")]))
    agent = create_agent(
        model, [retriever_tool("content_and_artifact")], middleware=[middleware], checkpointer=InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke({"messages": [HumanMessage("How many towers has it?")]}, config)
    agent.invoke({"messages": [HumanMessage("Do sheep graze there?")]}, config)
    sent = [[(message.type, message.content) for message in messages] for messages in model.heard]
    assert [len(messages) for messages in sent] == [1, 3, 5, 7]
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier


def test_two_middlewares_prune_the_results_of_their_own_tools(words: Pruner) -> None:
    @tool
    def add(query: str) -> str:
        """Adds."""
        return "Sheep graze on the meadow."

    model = Listener(messages=iter([calls("search", "guide", "add"), AIMessage("Nine.")]))
    tools = [retriever_tool("content_and_artifact", name) for name in ("search", "guide")]
    middlewares = [
        ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0, tools=["search"]),
        ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0, tools=["guide"], top_n=1),
    ]
    agent = create_agent(model, [*tools, add], middleware=middlewares)
    messages = tool_messages(agent.invoke({"messages": [HumanMessage("How many?")]}))
    assert {message.name: message.content for message in messages} == {
        "search": PRUNED,
        "guide": "The castle has nine towers. ",
        "add": "Sheep graze on the meadow.",
    }


@pytest.mark.slow
async def test_two_hundred_agents_at_once_read_what_each_reads_alone(words: Pruner) -> None:
    @tool
    async def search(query: str) -> str:
        """Searches."""
        return f"The castle number {query.split()[-1]} has nine towers. Sheep graze on the meadow."

    def agent(number: int) -> Any:
        call = ToolCall(name="search", args={"query": f"castle towers {number}"}, id="1")
        model = Listener(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Nine.")]))
        return create_agent(model, [search], middleware=[middleware])

    middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0)
    asked = {"messages": [HumanMessage("How many?")]}
    states = await asyncio.gather(*(agent(number).ainvoke(asked) for number in range(200)))
    assert [state["messages"][2].content for state in states] == [
        f"The castle number {number} has nine towers. " for number in range(200)
    ]
