import asyncio
import copy
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolCall, ToolMessage
from langchain_core.prompts import PromptTemplate
from langgraph.types import Command
from pydantic import BaseModel, ValidationError

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.langchain_agents import (
    NOTHING_LEFT,
    ContextPruningMiddleware,
    ToolPruningFields,
)
from provence_plugins.integrations.metadata import METADATA_KEY, RELEVANCE_KEY
from provence_plugins.testing import AdapterContract, FailingBackend, Item

try:
    from langgraph.prebuilt.tool_node import ToolCallRequest
except ImportError:  # LangChain 1.0.0
    from langchain.tools.tool_node import ToolCallRequest

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."
PRUNED = "The castle has nine towers. "
SHEEP = "Sheep graze on the meadow."

# In none of the contract's texts, so that a content can be taken apart again.
SEPARATOR = "\n\x1e\n"

Content = str | list[str | dict[Any, Any]]  # as LangChain has it


# Any, here and below: arguments and states are whatever an agent's author made them.
def request_of(args: dict[str, Any], state: Any = None, tool: str = "search") -> ToolCallRequest:
    # The runtime is LangGraph's; no hook of ours looks at it.
    call = ToolCall(name=tool, args=args, id="call-1")
    return ToolCallRequest(tool_call=call, tool=None, state={"messages": []} if state is None else state, runtime=None)


def run(middleware: ContextPruningMiddleware, request: ToolCallRequest, message: ToolMessage) -> ToolMessage:
    """The pruned message, once both hooks have given the same."""
    before = copy.deepcopy(message)

    async def handle(_: ToolCallRequest) -> ToolMessage:
        return message

    pruned = middleware.wrap_tool_call(request, lambda _: message)
    assert asyncio.run(middleware.awrap_tool_call(request, handle)) == pruned
    assert message == before
    assert isinstance(pruned, ToolMessage)
    return pruned


class TestContextPruningMiddleware(AdapterContract[ContextPruningMiddleware, Document]):
    """On documents in the artifact: what is left of them is read from the content and the entry about it."""

    def make(self, **fields: Any) -> ContextPruningMiddleware:
        return ContextPruningMiddleware(**{"min_tokens": 0, "on_error": "raise", **fields})

    def wrap(self, items: Sequence[Item]) -> list[Document]:
        return [Document(id=item.id, page_content=item.text, metadata=dict(item.metadata)) for item in items]

    def read(self, thing: Document) -> Item:
        assert thing.id is not None
        entries = [value for value in thing.metadata.values() if isinstance(value, dict) and RELEVANCE_KEY in value]
        relevance = entries[0][RELEVANCE_KEY] if entries else None
        return Item(thing.id, thing.page_content, thing.metadata, relevance)

    def prune(self, adapter: ContextPruningMiddleware, query: str, things: Sequence[Document]) -> list[Document]:
        message = adapter.wrap_tool_call(request_of({"query": query}), lambda _: self._message(things))
        return self._documents(adapter, message)

    async def aprune(self, adapter: ContextPruningMiddleware, query: str, things: Sequence[Document]) -> list[Document]:
        async def handle(_: ToolCallRequest) -> ToolMessage:
            return self._message(things)

        return self._documents(adapter, await adapter.awrap_tool_call(request_of({"query": query}), handle))

    def _message(self, documents: Sequence[Document]) -> ToolMessage:
        content = SEPARATOR.join(document.page_content for document in documents)
        return ToolMessage(content=content, artifact=list(documents), tool_call_id="call-1")

    def _documents(self, adapter: ContextPruningMiddleware, message: ToolMessage | Command[Any]) -> list[Document]:
        assert isinstance(message, ToolMessage)
        assert isinstance(message.content, str)
        if not message.artifact or message.content == NOTHING_LEFT:
            return []
        key = adapter.fields.metadata_key
        everything: list[dict[str, Any]] = [{"index": number} for number in range(len(message.artifact))]
        entries = message.response_metadata[key]["passages"] if key in message.response_metadata else everything
        texts = message.content.split(SEPARATOR)
        return [self._document(text, message.artifact, entry, key) for text, entry in zip(texts, entries, strict=True)]

    def _document(self, text: str, artifact: Sequence[Document], entry: dict[str, Any], key: str | None) -> Document:
        original = artifact[entry["index"]]
        metadata = copy.deepcopy(original.metadata)  # a message holds text; the documents are made here
        if key is not None and RELEVANCE_KEY in entry:
            metadata[key] = entry
        return original.model_copy(update={"page_content": text, "metadata": metadata})


@pytest.fixture
def make(words: Pruner) -> Callable[..., ContextPruningMiddleware]:
    # Any: fields are of many types.
    def build(**fields: Any) -> ContextPruningMiddleware:
        return ContextPruningMiddleware(**{"model": words, "threshold": 0.2, "min_tokens": 0, **fields})

    return build


Make = Callable[..., ContextPruningMiddleware]


def text_message(content: Content, **fields: Any) -> ToolMessage:
    return ToolMessage(content=content, tool_call_id="call-1", **fields)


def document_message(*documents: Document) -> ToolMessage:
    """What `create_retriever_tool` makes with its defaults."""
    content = "\n\n".join(document.page_content for document in documents)
    return text_message(content, artifact=list(documents))


def test_it_has_both_hooks() -> None:
    assert ContextPruningMiddleware.wrap_tool_call is not AgentMiddleware.wrap_tool_call
    assert ContextPruningMiddleware.awrap_tool_call is not AgentMiddleware.awrap_tool_call


def test_a_text_is_pruned_and_the_original_kept_as_the_artifact(make: Make) -> None:
    pruned = run(make(), request_of({"query": QUERY}), text_message(TEXT, id="m", name="search"))
    assert (pruned.content, pruned.artifact) == (PRUNED, TEXT)
    assert (pruned.id, pruned.name, pruned.tool_call_id) == ("m", "search", "call-1")


def test_the_artifact_of_somebody_else_stays(make: Make) -> None:
    pruned = run(make(), request_of({"query": QUERY}), text_message(TEXT, artifact={"rows": 3}))
    assert (pruned.content, pruned.artifact) == (PRUNED, {"rows": 3})


def test_a_text_that_needs_no_pruning_is_kept_once(make: Make) -> None:
    pruned = run(make(), request_of({"query": QUERY}), text_message("The castle has towers."))
    assert (pruned.content, pruned.artifact) == ("The castle has towers.", None)


def test_the_entry_counts_tokens_and_is_plain_json(make: Make) -> None:
    message = text_message(TEXT, response_metadata={"took": 3})
    metadata = run(make(), request_of({"query": QUERY}), message).response_metadata
    entry = metadata[METADATA_KEY]
    assert metadata["took"] == 3
    assert 0 < entry["tokens_after"] < entry["tokens_before"]
    [passage] = entry["passages"]
    assert (passage["index"], passage["kept"], passage[RELEVANCE_KEY]) == (0, [[0, len(PRUNED)]], 1.0)
    assert json.loads(json.dumps(entry)) == entry
    assert run(make(metadata_key=None), request_of({"query": QUERY}), message).response_metadata == {"took": 3}


def test_documents_are_pruned_one_by_one_and_stay_in_the_artifact(make: Make) -> None:
    documents = [Document(TEXT, id="a"), Document(SHEEP, id="b"), Document("Towers fall.", id="c")]
    pruned = run(make(), request_of({"query": QUERY}), document_message(*documents))
    assert pruned.content == f"{PRUNED}\n\nTowers fall."
    assert pruned.artifact == documents
    assert [entry["index"] for entry in pruned.response_metadata[METADATA_KEY]["passages"]] == [0, 2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"<a>{TEXT}</> + <b>{SHEEP}</> + <c>Towers fall.</>", f"<a>{PRUNED}</> + <b>[…]</> + <c>Towers fall.</>"),
        (
            f"Source: a\n{TEXT}\n\nSource: b\n{SHEEP}\n\nSource: c\nTowers fall.",
            f"Source: a\n{PRUNED}\n\nSource: c\nTowers fall.",
        ),
    ],
    ids=["tags", "the tutorial's form"],
)
def test_documents_are_found_however_the_tool_writes_them(make: Make, written: str, expected: str) -> None:
    documents = [Document(TEXT), Document(SHEEP), Document("Towers fall.")]
    pruned = run(make(), request_of({"query": QUERY}), text_message(written, artifact=documents))
    assert pruned.content == expected
    assert pruned.artifact == documents
    assert [entry["index"] for entry in pruned.response_metadata[METADATA_KEY]["passages"]] == [0, 2]


def test_documents_that_are_not_in_the_content_leave_it_a_text(make: Make) -> None:
    pruned = run(make(), request_of({"query": QUERY}), text_message(TEXT, artifact=[Document("Something else.")]))
    assert pruned.content == PRUNED


def test_deprecated_fields_warn_and_name_what_to_write() -> None:
    with pytest.warns(DeprecationWarning, match=r"Use tools="):
        middleware = ContextPruningMiddleware(only=["search"])
    assert middleware.fields.tools == ("search",)
    with pytest.warns(DeprecationWarning, match="ignored"):
        ContextPruningMiddleware(document_prompt=PromptTemplate.from_template("{page_content}"))
    with pytest.raises(InvalidInputError, match="Pass tools alone"), pytest.warns(DeprecationWarning, match="tools="):
        ContextPruningMiddleware(only=["search"], tools=["search"])


def test_the_signature_names_every_field_with_its_default() -> None:
    parameters = inspect.signature(ContextPruningMiddleware).parameters
    fields = ToolPruningFields.model_fields
    assert parameters.keys() - {"deprecated"} == fields.keys()
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True)
        assert (parameters[name].default or None) == (default or None)


def test_its_repr_shows_what_was_set(make: Make) -> None:
    assert repr(ContextPruningMiddleware(tools=["a"], threshold=0.3)) == (
        "ContextPruningMiddleware(threshold=0.3, tools=('a',))"
    )
    assert repr(ContextPruningMiddleware()) == "ContextPruningMiddleware()"


def test_the_title_of_a_document_is_read(make: Make) -> None:
    def relevance(middleware: ContextPruningMiddleware) -> float:
        message = document_message(Document("Towers fall.", metadata={"title": "Castle"}))
        pruned = run(middleware, request_of({"query": QUERY}), message)
        return pruned.response_metadata[METADATA_KEY]["passages"][0][RELEVANCE_KEY]

    assert (relevance(make()), relevance(make(title_key=None))) == (1.0, 0.5)


def test_only_the_texts_among_blocks_are_pruned(make: Make) -> None:
    image = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
    blocks: Content = [
        {"type": "text", "text": TEXT, "id": "t"},
        image,
        {"type": "text", "text": SHEEP},
        "Towers fall.",
    ]
    pruned = run(make(), request_of({"query": QUERY}), text_message(blocks))
    assert pruned.content == [{"type": "text", "text": PRUNED, "id": "t"}, image, "Towers fall."]
    assert pruned.artifact == blocks
    assert [entry["index"] for entry in pruned.response_metadata[METADATA_KEY]["passages"]] == [0]


def test_blocks_stay_in_their_order(make: Make) -> None:
    pruned = run(make(order="relevance"), request_of({"query": QUERY}), text_message(["The castle is old.", TEXT]))
    assert pruned.content == ["The castle is old.", PRUNED]


def test_where_nothing_passes_the_best_sentence_is_kept(make: Make) -> None:
    request = request_of({"query": QUERY})
    text = f"{SHEEP} They are white."
    assert run(make(), request, text_message(text)).content == f"{SHEEP} "
    assert run(make(), request, document_message(Document(text), Document("Rain falls."))).content == f"{SHEEP} "


def test_when_everything_is_dropped_on_request_the_agent_is_told(make: Make) -> None:
    request, middleware = request_of({"query": QUERY}), make(when_empty="drop")
    assert run(middleware, request, text_message(SHEEP)).content == NOTHING_LEFT
    assert run(middleware, request, text_message(SHEEP)).artifact == SHEEP
    assert run(middleware, request, document_message(Document(SHEEP), Document(SHEEP))).content == NOTHING_LEFT
    image = {"type": "image_url", "image_url": "data:image/png;base64,AAAA"}
    assert run(middleware, request, text_message([SHEEP, image, SHEEP])).content == [NOTHING_LEFT, image]


@pytest.mark.parametrize(
    "args",
    [
        {"query": QUERY},
        {"question": QUERY},
        {"limit": 3, "q": QUERY},
        {"query": " ", "search": QUERY},
        {"__arg1": QUERY},
    ],
    ids=["query", "question", "q", "blank query", "simple tool"],
)
def test_the_query_is_what_the_tool_was_asked(make: Make, args: dict[str, Any]) -> None:
    messages = [HumanMessage("Where do the sheep graze?")]
    assert run(make(), request_of(args, {"messages": messages}), text_message(TEXT)).content == PRUNED


def test_the_arguments_that_hold_the_query_can_be_named(make: Make) -> None:
    request = request_of({"query": "sheep", "topic": QUERY})
    assert run(make(query_args=["topic"]), request, text_message(TEXT)).content == PRUNED


class State(BaseModel):
    messages: list[Any]


@pytest.mark.parametrize("state", [dict, list, State], ids=["dict", "list", "model"])
@pytest.mark.parametrize("content", [QUERY, [{"type": "text", "text": QUERY}]], ids=["text", "blocks"])
def test_otherwise_the_query_is_the_last_human_message(make: Make, state: type, content: Content) -> None:
    messages = [HumanMessage("Where do the sheep graze?"), HumanMessage(content), AIMessage("Let me see.")]
    given = messages if state is list else state(messages=messages)
    assert run(make(), request_of({"page": 3}, given), text_message(TEXT)).content == PRUNED


def test_without_a_query_the_result_stays(make: Make) -> None:
    message = text_message(TEXT)
    assert run(make(), request_of({"page": 3}), message) == message
    assert run(make(), request_of({"query": " "}, state=[]), message) == message


@pytest.mark.parametrize(
    ("fields", "tool", "is_pruned"),
    [
        ({"tools": ["search"]}, "search", True),
        ({"tools": ["search"]}, "research", False),
        ({"exclude_tools": ["search"]}, "search", False),
        ({"exclude_tools": ["search"]}, "browse", True),
        ({"tools": ["search", "browse"], "exclude_tools": ["browse"]}, "browse", False),
    ],
)
def test_tools_can_be_chosen(make: Make, fields: dict[str, Any], tool: str, is_pruned: bool) -> None:
    pruned = run(make(**fields), request_of({"query": QUERY}, tool=tool), text_message(TEXT))
    assert (pruned.content == PRUNED) == is_pruned


def test_small_results_stay(make: Make) -> None:
    request = request_of({"query": QUERY})
    text = TEXT.ljust(56)  # estimated at 14 tokens
    assert run(make(min_tokens=14), request, text_message(text)).content == PRUNED
    assert run(make(min_tokens=15), request, text_message(text)).content == text
    assert ContextPruningMiddleware().fields.min_tokens > 0


def test_a_lone_surrogate_is_counted_too(make: Make) -> None:
    assert run(make(min_tokens=1000), request_of({"query": QUERY}), text_message("\ud83d")).content == "\ud83d"


PASSING = {
    "error": text_message(TEXT, status="error"),
    "command without a message": Command(update={"found": 3}, goto="next"),
    "image": text_message([{"type": "image", "base64": "AAAA", "mime_type": "image/png"}]),
    "empty": text_message(""),
    "no blocks": text_message([]),
    "text block without text": text_message([{"type": "text"}]),
}


@pytest.mark.parametrize("result", PASSING.values(), ids=PASSING.keys())
def test_a_result_without_text_comes_through_as_the_same_object(make: Make, result: ToolMessage | Command[Any]) -> None:
    async def handle(_: ToolCallRequest) -> ToolMessage | Command[Any]:
        return result

    request = request_of({"query": QUERY})
    assert make().wrap_tool_call(request, lambda _: result) is result
    assert asyncio.run(make().awrap_tool_call(request, handle)) is result


def test_a_tool_that_fails_fails(make: Make) -> None:
    def handle(_: ToolCallRequest) -> ToolMessage:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(on_error="keep").wrap_tool_call(request_of({"query": QUERY}), handle)


def test_an_engine_that_fails_keeps_the_message_where_that_is_asked_for(make: Make) -> None:
    message = text_message(TEXT)
    with Pruner(backend=FailingBackend()) as pruner:
        assert run(make(model=pruner, on_error="keep"), request_of({"query": QUERY}), message) == message


@pytest.mark.parametrize(
    "fields",
    [{"treshold": 0.5}, {"tools": "search"}, {"min_tokens": -1}, {"threshold": 2}],
    ids=lambda fields: next(iter(fields)),
)
def test_an_invalid_field_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ContextPruningMiddleware(**fields)


def test_the_policy_of_a_tool_is_a_dictionary_of_differences_or_a_whole_policy() -> None:
    whole = PruningPolicy(threshold=0.25)
    fields = ToolPruningFields(top_n=3, order="relevance", policies={"browse": {"threshold": 0.25}, "search": whole})
    assert fields.policy_of("browse") == PruningPolicy(0.25, top_n=3, order="relevance", when_empty="keep_one")
    assert fields.policy_of("browse", {"top_n": 2}).top_n == 2
    assert fields.policy_of("search") == whole
    assert fields.policy_of("other").top_n == 3


def test_two_with_tools_of_their_own_have_two_names(make: Make) -> None:
    assert make().name == "ContextPruningMiddleware"
    assert make(tools=["a", "b"]).name != make(tools=["c"]).name
