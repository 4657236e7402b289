"""What tools return beside a plain message, and finding the originals again."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolCall, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware
from provence_plugins.integrations.langchain_results import messages_of, original_texts, replace_messages, tool_messages
from provence_plugins.integrations.notices import warn_once
from provence_plugins.testing import FailingBackend

try:
    from langgraph.prebuilt.tool_node import ToolCallRequest
except ImportError:  # LangChain 1.0.0
    from langchain.tools.tool_node import ToolCallRequest

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
PRUNED = "The castle has nine towers. "
SHEEP = "Sheep graze on the meadow."


# Any, here and below: arguments, states and results are whatever an agent's author made them.
def request_of(args: dict[str, Any] | None = None, state: Any = None, tool: str = "search") -> ToolCallRequest:
    call = ToolCall(name=tool, args={"query": QUERY} if args is None else args, id="call-1")
    return ToolCallRequest(tool_call=call, tool=None, state={"messages": []} if state is None else state, runtime=None)


def message(content: Any = TEXT, **fields: Any) -> ToolMessage:
    return ToolMessage(content=content, tool_call_id="call-1", **fields)


def run(words: Pruner, result: Any, request: ToolCallRequest | None = None, **fields: Any) -> Any:
    """Return what both hooks make of a result, once they have made the same."""
    middleware = ContextPruningMiddleware(**{"model": words, "threshold": 0.2, "min_tokens": 0, **fields})
    request = request or request_of()

    async def handle(_: ToolCallRequest) -> Any:
        return result

    pruned = middleware.wrap_tool_call(request, lambda _: result)
    assert asyncio.run(middleware.awrap_tool_call(request, handle)) == pruned
    return pruned


def test_the_messages_of_a_command_are_pruned(words: Pruner) -> None:
    command = Command(update={"messages": [message()], "found": [Document(TEXT)], "count": 3}, goto="next")
    pruned = run(words, command)
    assert (pruned.goto, pruned.update["found"], pruned.update["count"]) == ("next", [Document(TEXT)], 3)
    assert pruned.update["messages"][0].content == PRUNED
    assert command.update["messages"][0].content == TEXT
    listed = run(words, Command(update=[("messages", [message()])]))
    assert listed.update[0][1][0].content == PRUNED


def test_lists_of_messages_are_pruned_together(words: Pruner) -> None:
    one, other, command = run(words, [message(), message(f"{SHEEP} They are white."), Command(goto="x")], top_n=1)
    assert (one.content, command.goto) == (PRUNED, "x")
    assert "No passage" in other.content


def test_search_results_of_a_provider_are_pruned_and_dropped_with_their_source(words: Pruner) -> None:
    def block(text: str) -> dict[str, Any]:
        return {"type": "search_result", "source": "https://example.org", "content": [{"type": "text", "text": text}]}

    assert run(words, message([block(TEXT), block(SHEEP)])).content == [block(PRUNED)]


def test_a_result_that_is_not_a_message_is_kept_and_logged_once(
    words: Pruner, caplog: pytest.LogCaptureFixture
) -> None:
    warn_once.cache_clear()
    result = object()
    assert run(words, result) is result
    assert caplog.text.count("A tool returned object") == 1


def test_a_missing_query_is_logged_once(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    result = message()
    assert run(words, result, request_of({"page": 3})) is result
    assert caplog.text.count("Pass query= to say where the query is") == 1


def test_why_a_result_is_kept_is_logged_for_those_who_ask(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        run(words, message(), exclude_tools=["search"])
    assert "The result of the tool 'search' is kept as it is: the tool is named in exclude_tools." in caplog.text


def test_the_query_can_come_from_a_function_or_be_a_list(words: Pruner) -> None:
    by_function = run(words, message(), request_of({"page": 3}), query=lambda request: QUERY)
    listed = run(words, message(), request_of({"queries": ["towers", "castle"]}))
    assert (by_function.content, listed.content) == (PRUNED, PRUNED)


class State(BaseModel):
    chat: list[Any]


@pytest.mark.parametrize(
    "state", [{"chat": [HumanMessage(QUERY)]}, State(chat=[HumanMessage(QUERY)])], ids=["dict", "model"]
)
def test_messages_are_found_under_another_name(words: Pruner, state: Any) -> None:
    assert run(words, message(), request_of({"page": 3}, state)).content == PRUNED


def test_the_summary_of_a_conversation_is_not_taken_for_a_question(words: Pruner) -> None:
    summary = HumanMessage("We spoke of sheep on the meadow.", additional_kwargs={"lc_source": "summarization"})
    state = {"messages": [HumanMessage(QUERY), summary, AIMessage("Let me see.")]}
    assert run(words, message(), request_of({"page": 3}, state)).content == PRUNED


def test_earlier_questions_are_read_too_on_request(words: Pruner) -> None:
    state = {"messages": [HumanMessage("castle"), AIMessage("Yes?"), HumanMessage("And where do sheep graze?")]}
    request = request_of({"page": 3}, state)
    assert run(words, message(), request, threshold=0.05).content == SHEEP
    assert run(words, message(), request, threshold=0.05, history=1).content == TEXT


def test_a_long_question_ends_no_agent(words: Pruner) -> None:
    letter = "Here is the text of my letter to you, dear madam. " * 60
    request = request_of({"page": 3}, {"messages": [HumanMessage(f"{letter}How many towers has the castle?")]})
    assert run(words, message(), request).content == PRUNED


def test_each_tool_can_have_its_own_policy(words: Pruner) -> None:
    policies = {"manual": {"threshold": 0.0}}
    assert run(words, message(), policies=policies).content == PRUNED
    assert run(words, message(), request_of(tool="manual"), policies=policies).content == TEXT
    with pytest.raises(ValidationError, match="treshold"):
        ContextPruningMiddleware(policies={"manual": {"treshold": 0.5}})


def test_the_original_can_be_left_out(words: Pruner) -> None:
    assert run(words, message()).artifact == TEXT
    assert run(words, message(), keep_original=False).artifact is None


def test_omitted_sentences_can_be_marked(words: Pruner) -> None:
    pruned = run(words, message(), omission="[{count} left out]")
    assert pruned.content == f"{PRUNED}[1 left out]"


ARTIFACTS = {
    "documents": message(TEXT, artifact=[Document(TEXT)]),
    "dictionaries": message(TEXT, artifact=[{"page_content": TEXT, "metadata": {}}]),
    "serialized": message(TEXT, artifact=[dumpd(Document(TEXT))]),
    "text": message(PRUNED, artifact=TEXT),
    "records": message("", artifact=f"Title: A\nText: {TEXT}"),
    "nothing was changed": message(TEXT),
}


@pytest.mark.parametrize("pruned", ARTIFACTS.values(), ids=ARTIFACTS.keys())
def test_original_texts_are_found_in_every_kind_of_artifact(pruned: ToolMessage) -> None:
    assert original_texts(pruned) == [TEXT]


def test_kept_spans_point_into_the_original_texts(words: Pruner) -> None:
    contents = [TEXT, [{"type": "text", "text": "/a/b"}, TEXT], f"Title: A\nText: {TEXT}\n\nTitle: B\nText: {TEXT}"]
    for content in contents:
        pruned = run(words, message(content))
        texts = original_texts(pruned)
        for entry in pruned.response_metadata["provence"]["passages"]:
            assert [texts[entry["index"]][start:end] for start, end in entry["kept"]] == [PRUNED]


def test_messages_are_found_and_replaced_wherever_they_are() -> None:
    one, other = message(), message(SHEEP)
    result = [one, (Command(update={"messages": [other]}), "x")]
    assert tool_messages(result) == [one, other]
    replaced = replace_messages(result, {id(other): one})
    assert replaced[1][0].update["messages"] == [one]
    assert messages_of({"messages": []}) == ()
    assert messages_of([RemoveMessage("1")]) == [RemoveMessage("1")]


def test_a_result_that_its_tool_keeps_is_not_taken_apart(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    numbers = message(json.dumps({"numbers": list(range(200))}))  # taken apart, it would hold no text
    with caplog.at_level("DEBUG"):
        assert run(words, numbers, request_of(tool="read_file"), min_tokens=100) is numbers
        assert run(words, numbers, min_tokens=100) is numbers
    assert "'read_file' is kept as it is: results of this tool must be complete" in caplog.text
    assert "'search' is kept as it is: it holds no text to prune" in caplog.text


class Pair(NamedTuple):
    one: Any
    other: Any


class Listing(list[Any]):
    """A list that cannot be made from its items."""

    def __init__(self) -> None:
        super().__init__()


def test_other_parts_of_a_state_stay_the_same_objects(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    parts = {"point": Pair(1, 2), "listing": Listing(), "names": ["a"], "pairs": [Pair([], ())], "settings": {"a": 1}}
    pruned = run(words, Command(update={**parts, "messages": [message()]}))
    assert pruned.update["messages"][0].content == PRUNED
    assert all(pruned.update[name] is part for name, part in parts.items())
    assert caplog.text == ""


def test_a_message_in_a_list_of_another_type_stays(words: Pruner) -> None:
    pair = Pair(message(), 3)
    assert run(words, pair) is pair


ODD_ARTIFACTS = {
    "no arguments": [{"kwargs": None}],
    "arguments as a text": [{"kwargs": "page_content"}],
    "metadata as a text": [{"page_content": TEXT, "metadata": "x.pdf"}],
    "metadata as a list": [{"page_content": TEXT, "metadata": ["x.pdf"]}],
    "keys of other types": [{"page_content": TEXT, "metadata": {1: 2}}],
    "a mixture": [Document(TEXT), None],
    "no items": [],
    "a set": {1},
}


@pytest.mark.parametrize("artifact", ODD_ARTIFACTS.values(), ids=ODD_ARTIFACTS.keys())
def test_a_result_is_pruned_whatever_its_artifact_is(words: Pruner, artifact: Any) -> None:
    pruned = run(words, message(artifact=artifact), on_error="raise")
    assert (pruned.content, pruned.artifact) == (PRUNED, artifact)


def too_deep() -> Any:
    """Return a content that is too deep to be read."""
    content: Any = TEXT
    for _ in range(5_000):
        content = [content]
    return content


def unread(content: Any) -> ToolMessage:
    """Return a message with a content that LangChain did not check, as after `model_copy`."""
    return message().model_copy(update={"content": content})


def test_a_result_that_cannot_be_read_is_kept_and_logged(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    result = [unread(too_deep())]
    middleware = ContextPruningMiddleware(model=words, min_tokens=0)
    assert middleware.wrap_tool_call(request_of(), lambda _: result) is result
    assert "Pruning failed, everything is kept" in caplog.text
    with pytest.raises(RecursionError):
        ContextPruningMiddleware(model=words, min_tokens=0, on_error="raise").wrap_tool_call(
            request_of(), lambda _: result
        )


def test_a_query_function_that_fails_keeps_the_result(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    result = message()
    assert run(words, result, query=lambda request: request.missing) is result
    assert "Pruning failed, everything is kept" in caplog.text
    with pytest.raises(AttributeError):
        run(words, result, query=lambda request: request.missing, on_error="raise")


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> "Scripted":
        return self


def script(*messages: AIMessage) -> Scripted:
    return Scripted(messages=iter(messages))


def call(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id=f"{name}-1")])


def test_a_failure_of_the_engine_runs_no_tool_twice() -> None:
    runs = []

    @tool
    def send(query: str) -> str:
        """Sends."""
        runs.append(query)
        return TEXT * 20

    with Pruner(backend=FailingBackend()) as pruner:
        retry = ToolRetryMiddleware(max_retries=2, initial_delay=0.01)
        agent = create_agent(
            script(call("send", query="x"), AIMessage("Done.")),
            [send],
            middleware=[retry, ContextPruningMiddleware(model=pruner)],
        )
        state = agent.invoke({"messages": [HumanMessage("Send it.")]})
    assert runs == ["x"]
    assert state["messages"][2].content == TEXT * 20


def test_an_agent_recalls_what_was_omitted(words: Pruner) -> None:
    @tool
    def search(query: str) -> str:
        """Searches."""
        return TEXT

    middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0, recall=True)
    config: Any = {"configurable": {"thread_id": "1"}}
    saver = InMemorySaver()
    first = create_agent(script(call("search", query=QUERY), AIMessage("Nine.")), [search], middleware=[middleware],
                         checkpointer=saver)  # fmt: skip
    content = first.invoke({"messages": [HumanMessage("How many?")]}, config)["messages"][2].content
    assert content.startswith(f'{PRUNED}[… sentences omitted: 1, recall("')
    id = content.split('"')[1]
    second = create_agent(script(call("recall", id=id), AIMessage("Sheep.")), [search], middleware=[middleware],
                          checkpointer=saver)  # fmt: skip
    messages = second.invoke({"messages": [HumanMessage("What else?")]}, config)["messages"]
    assert messages[-2].content == TEXT
    assert "no shortened result with the id 'zz'" in middleware.tools[0].func("zz", {"messages": messages})


def test_documents_are_recalled_after_a_checkpoint(words: Pruner) -> None:
    middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0, recall=True)
    pruned = middleware.wrap_tool_call(request_of(), lambda _: message(TEXT, artifact=[Document(TEXT)]))
    assert isinstance(pruned, ToolMessage)
    id = pruned.text.split('"')[1]
    restored = pruned.model_copy(update={"artifact": [{"page_content": TEXT}]})
    assert middleware.tools[0].func(id, {"messages": [restored]}) == TEXT


def recalled(words: Pruner, result: Any, **fields: Any) -> str:
    """Return what the tool `recall` gives back of a result that was shortened."""
    middleware = ContextPruningMiddleware(
        **{"model": words, "threshold": 0.2, "min_tokens": 0, "recall": True, **fields}
    )
    pruned = middleware.wrap_tool_call(request_of(), lambda _: result)
    messages = tool_messages(pruned)
    assert all(SHEEP not in message.text for message in messages)
    id = messages[0].text.split('recall("')[1].split('"')[0]
    text: str = middleware.tools[0].func(id, {"messages": messages})
    return text


RECORD = f"Source: https://a.example\n{TEXT}"
FOREIGN = {
    "an object": {"raw": {"hits": 3}},
    "addresses": ["https://a.example", "https://b.example"],
    "a text": "report.pdf",
    "nothing of value": 0,
    "blocks": [{"type": "text", "text": "Something else."}],
    "documents with sources around them": [Document(TEXT)],
    "other documents": [Document("Something else.")],
    "dictionaries": [{"page_content": TEXT, "metadata": {}}],
}


@pytest.mark.parametrize("artifact", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("metadata_key", ["provence", None])
def test_the_whole_text_is_recalled_whatever_the_tool_leaves_as_artifact(
    words: Pruner, artifact: Any, metadata_key: str | None
) -> None:
    result = message(RECORD, artifact=artifact)
    assert recalled(words, result, metadata_key=metadata_key) == RECORD
    assert result.artifact is artifact


def test_the_whole_text_of_every_block_is_recalled(words: Pruner) -> None:
    values = json.dumps({"url": "https://a.example", "text": f"{PRUNED}{SHEEP} They are white and many."})
    image = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    content: Any = [{"type": "text", "text": values}, image, TEXT]
    for artifact in (None, {"rows": 3}):
        assert recalled(words, message(content, artifact=artifact)) == f"{values}\n\n{TEXT}"


def test_all_messages_of_a_call_are_recalled(words: Pruner) -> None:
    assert recalled(words, [message(TEXT), message(f"{PRUNED}Rain falls. {SHEEP}")]) == (
        f"{TEXT}\n\n{PRUNED}Rain falls. {SHEEP}"
    )


def test_a_result_is_recalled_whatever_characters_its_id_has(words: Pruner) -> None:
    middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0, recall=True)
    search = ToolCall(name="search", args={"query": QUERY}, id="call-\ud800")
    request = ToolCallRequest(tool_call=search, tool=None, state={"messages": []}, runtime=None)
    pruned = middleware.wrap_tool_call(request, lambda _: ToolMessage(TEXT, tool_call_id="call-\ud800"))
    id = pruned.content.split('recall("')[1].split('"')[0]
    assert middleware.tools[0].func(id, {"messages": [message(SHEEP), pruned]}) == TEXT


def test_recall_without_the_original_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"recall=True needs the original.*keep_original=False"):
        ContextPruningMiddleware(recall=True, keep_original=False)


def test_kept_spans_point_into_the_original_where_the_artifact_holds_something_else(words: Pruner) -> None:
    for artifact in FOREIGN.values():
        pruned = run(words, message(RECORD, artifact=artifact), recall=True)
        texts = original_texts(pruned)
        [entry] = pruned.response_metadata["provence"]["passages"]
        assert [texts[entry["index"]][start:end] for start, end in entry["kept"]] == [PRUNED]


def test_without_recall_the_original_is_not_kept_twice(words: Pruner) -> None:
    assert run(words, message(artifact={"rows": 3})).response_metadata.keys() == {"provence"}
    assert run(words, message(), recall=True).response_metadata.keys() == {"provence"}


def test_one_call_can_change_the_policy(words: Pruner) -> None:
    @tool
    def search(query: str) -> str:
        """Searches."""
        return TEXT

    def ask(changes: dict[str, Any]) -> Any:
        middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0)
        agent = create_agent(script(call("search", query=QUERY), AIMessage("Nine.")), [search], middleware=[middleware])
        config: Any = {"configurable": {"provence": changes}}
        return agent.invoke({"messages": [HumanMessage("How many?")]}, config)["messages"][2].content

    assert ask({}) == PRUNED
    assert ask({"threshold": 0.0}) == TEXT


class Listener(BaseCallbackHandler):
    """Notes the names of runs, and custom events."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.events: list[Any] = []
        self.outputs: list[Any] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **kwargs: Any) -> None:
        self.runs.append(kwargs.get("name", ""))

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.outputs.append(outputs)

    def on_custom_event(self, name: str, data: Any, **kwargs: Any) -> None:
        self.events.append((name, data))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_the_work_of_the_middleware_is_a_run_in_the_trace(words: Pruner, is_async: bool) -> None:
    @tool
    def search(query: str) -> str:
        """Searches."""
        return TEXT

    middleware = ContextPruningMiddleware(model=words, threshold=0.2, min_tokens=0)
    agent = create_agent(script(call("search", query=QUERY), AIMessage("Nine.")), [search], middleware=[middleware])
    listener, given = Listener(), {"messages": [HumanMessage("How many?")]}
    config: Any = {"callbacks": [listener]}
    await agent.ainvoke(given, config) if is_async else agent.invoke(given, config)
    assert listener.runs.count("ContextPruningMiddleware") == 1
    [(name, data)] = listener.events
    assert (name, data["tool"], data["query"]) == ("context_pruned", "search", QUERY)
    assert data["tokens_before"] > data["tokens_after"] > 0


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_the_trace_says_what_was_left_alone_and_why(words: Pruner, is_async: bool) -> None:
    @tool
    def search(query: str) -> list[dict[str, Any]]:
        """Searches."""
        code = "\n".join(f"x{number} = {number}" for number in range(90))
        return [{"type": "text", "text": TEXT * 9}, {"type": "text", "text": code}]

    @tool
    def weather(query: str) -> str:
        """Says a number."""
        return "7"

    middleware = ContextPruningMiddleware(model=words, threshold=0.2)
    calls = [call("search", query=QUERY), call("weather", query=QUERY)]
    agent = create_agent(script(*calls, AIMessage("Nine.")), [search, weather], middleware=[middleware])
    listener, given = Listener(), {"messages": [HumanMessage("How many?")]}
    config: Any = {"callbacks": [listener]}
    await agent.ainvoke(given, config) if is_async else agent.invoke(given, config)
    [(pruned, facts), (kept, about)] = listener.events
    assert (pruned, facts["query"], facts["texts_left_alone"]) == ("context_pruned", QUERY, 1)
    assert (kept, about["tool"]) == ("context_kept", "weather")
    assert about["reason"] == "it is shorter than min_tokens=100"
    assert [output for output in listener.outputs if output in (facts, about)] == [facts, about]


def test_a_result_that_only_the_rule_keeps_is_a_warning_once(words: Pruner, caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    listing = message("\n".join(f"src/file_{number}.py" for number in range(99)))
    assert run(words, listing) is run(words, listing)
    assert caplog.text.count("Results of the tool 'search' are kept as they are: it holds no documents") == 1
    assert run(words, message(), exclude_tools=["search"]).content == TEXT
    assert len(caplog.records) == 1


def test_the_file_tools_of_a_deep_agent_stay_complete(words: Pruner) -> None:
    deepagents = pytest.importorskip("deepagents")
    prose = "The castle has nine towers and a gate of iron. Sheep graze on the meadow around it. " * 20
    write = call("write_file", file_path="/notes.md", content=prose)
    looks = [call("read_file", file_path="/notes.md"), call("grep", pattern="castle"), call("ls", path="/")]

    def results(middleware: list[Any]) -> list[Any]:
        agent = deepagents.create_deep_agent(
            model=script(write, *looks, AIMessage("Done.")), tools=[], middleware=middleware
        )
        state = agent.invoke({"messages": [HumanMessage("Where do sheep graze?")]})
        return [each.content for each in state["messages"] if isinstance(each, ToolMessage)]

    assert results([ContextPruningMiddleware(model=words)]) == results([])
