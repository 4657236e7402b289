"""The compactor inside Haystack's own agent and hook."""

import asyncio
import json
import os
from typing import Any

import pytest

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when it is imported
pytest.importorskip("haystack.hooks.compaction", reason="compactors come with Haystack 3.2")

from haystack import component
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, ImageContent, TextContent, ToolCall
from haystack.hooks.compaction import CompactionHook
from haystack.token_counters import ApproximateTokenCounter
from haystack.tools import tool
from pydantic import ValidationError

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.integrations.haystack_agents import CompactorFields, ProvenceCompactor
from provence_plugins.testing import FailingBackend

QUERY = "castle towers"
TEXT = "The castle has nine towers. " + "Sheep graze on the meadow. " * 30
PRUNED = "The castle has nine towers. "
COUNTER = ApproximateTokenCounter()


def conversation(result: Any = TEXT, *, id: str | None = "1", error: bool = False, **meta: Any) -> list[ChatMessage]:
    call = ToolCall(tool_name="search", arguments={"query": QUERY}, id=id)
    return [
        ChatMessage.from_user("How many?"),
        ChatMessage.from_assistant(tool_calls=[call]),
        ChatMessage.from_tool(tool_result=result, origin=call, error=error, meta=meta),
    ]


def compactor(words: Pruner, **fields: Any) -> ProvenceCompactor:
    return ProvenceCompactor(model=words, policy={"threshold": 0.2}, **fields)


def compact(made: ProvenceCompactor, messages: list[ChatMessage]) -> list[ChatMessage] | None:
    """Return what both ways of calling give, once they have given the same."""
    found: list[ChatMessage] | None = made.compact(messages, 10, COUNTER)
    assert asyncio.run(made.compact_async(messages, 10, COUNTER)) == found
    return found


@pytest.mark.parametrize("id", ["1", None], ids=["with ids", "without ids"])
def test_results_are_shortened_and_calls_stay_with_them(words: Pruner, id: str | None) -> None:
    given = conversation(id=id)
    found = compact(compactor(words), given)
    assert found is not None
    assert found[:2] == given[:2]
    assert (found[2].tool_call_result.result, found[2].tool_call_result.origin) == (PRUNED, given[1].tool_calls[0])
    assert found[2].meta["context_compaction"]["original_tokens"] == COUNTER.count(messages=[given[2]])
    assert given[2].tool_call_result.result == TEXT
    assert compact(compactor(words), found) is None


@pytest.mark.parametrize("id", ["1", None], ids=["with ids", "without ids"])
def test_a_result_whose_call_is_cut_off_belongs_to_its_tool(words: Pruner, id: str | None) -> None:
    call = ToolCall(tool_name="read_file", arguments={"query": QUERY}, id=id)
    question, result = ChatMessage.from_user(QUERY), ChatMessage.from_tool(tool_result=TEXT, origin=call)
    assert compact(compactor(words), [question, result]) is None


def test_parts_that_are_not_text_keep_their_place(words: Pruner) -> None:
    image = ImageContent(base64_image="iVBORw0KGgo=", mime_type="image/png", validation=False)
    found = compact(compactor(words), conversation([TextContent(TEXT), image, TextContent(TEXT)]))
    assert found is not None
    assert found[2].tool_call_result.result == [TextContent(PRUNED), image, TextContent(PRUNED)]


@pytest.mark.parametrize(
    "given",
    [
        conversation(error=True),
        conversation(tool_result_offloaded=True),
        conversation(context_compaction={"strategy": "other"}),
        conversation("9"),
        conversation()[:1],
        [],
    ],
    ids=["failed", "offloaded", "compacted", "short", "no result", "nothing"],
)
def test_none_says_that_nothing_became_shorter(words: Pruner, given: list[ChatMessage]) -> None:
    assert compact(compactor(words), given) is None


def test_tools_can_be_left_out(words: Pruner) -> None:
    assert compact(compactor(words, exclude_tools=["search"]), conversation()) is None


def test_a_failure_of_the_engine_changes_nothing() -> None:
    with Pruner(backend=FailingBackend()) as pruner:
        assert compact(ProvenceCompactor(model=pruner), conversation()) is None


def test_it_is_saved_and_loaded() -> None:
    made = ProvenceCompactor(policy={"threshold": 0.3}, tools=["search"], min_tokens=50)
    written = json.loads(json.dumps(made.to_dict()))
    assert ProvenceCompactor.from_dict(written).fields == made.fields
    assert repr(made) == "ProvenceCompactor(policy={'threshold': 0.3}, tools=('search',), min_tokens=50)"
    with pytest.raises(ValidationError):
        ProvenceCompactor(policy={"threshold": 3})


def test_the_policy_is_read_as_in_other_adapters() -> None:
    policy = CompactorFields(policy={"keep_neighbors": [1, 0]}).chosen_policy
    assert policy == PruningPolicy(when_empty="keep_one", keep_neighbors=(1, 0))
    for wrong in ({"threshold": True}, {"threshold": "0.3"}, {"treshold": 0.3}):
        with pytest.raises(ValidationError, match=r"threshold must be a number|'treshold'"):
            CompactorFields(policy=wrong)


@component
class Model:
    """Calls the tool once, notes what it was sent, and answers."""

    def __init__(self) -> None:
        self.sent: list[ChatMessage] = []

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage], tools: Any = None) -> dict[str, Any]:
        self.sent = messages
        if any(message.tool_call_result for message in messages):
            return {"replies": [ChatMessage.from_assistant("Nine.")]}
        call = ToolCall(tool_name="search", arguments={"query": QUERY}, id="1")
        return {"replies": [ChatMessage.from_assistant(tool_calls=[call])]}


@tool
def search(query: str) -> str:
    """Searches."""
    return TEXT


@pytest.mark.filterwarnings("ignore")  # Haystack says that the hook is experimental
def test_an_agent_reads_the_shorter_result(words: Pruner) -> None:
    model = Model()
    hook = CompactionHook(compactor=compactor(words), context_window=100, compact_at=0.5, compact_to=0.1)
    Agent(chat_generator=model, tools=[search], hooks={"before_llm": [hook]}).run(
        messages=[ChatMessage.from_user("How many?")]
    )
    assert [message.tool_call_result.result for message in model.sent if message.tool_call_result] == [PRUNED]
