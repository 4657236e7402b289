"""The results of tools in a list of messages, each with the query of the call that it answers.

Messages are dictionaries in the shapes of OpenAI (chat completions and responses), Anthropic and
Ollama. A result names its call by an id. One without an id, as in Ollama's own messages, answers a
call of the last assistant message: the first one without a result that has the tool that the result
names, or the first one without a result if it names none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provence_plugins.integrations.content_blocks import find_texts
from provence_plugins.integrations.queries import Query, query_in

# Any, here and below: messages are dictionaries with whatever keys their provider defined.
Message = Mapping[str, Any]

# Ollama and OpenAI name the tool of a result so.
_TOOL_KEYS = ("tool_name", "name")


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool in a conversation.

    Attributes:
        path: Numbers and keys that lead from the list of messages to its content.
        tool: Name of the tool, from its call or, if that is not among the messages, from the result
            itself; empty if neither names one.
        query: What it is asked.
        content: What the tool returned; None if the call failed.
    """

    path: tuple[int | str, ...]
    tool: str
    query: Query
    content: Any


def find_results(messages: Sequence[Message], query: Query | None) -> Iterator[ToolResult]:
    """Yield the results in a conversation, in order.

    Args:
        messages: The conversation.
        query: The query of all results; None takes that of each call or, where its arguments hold
            none, the user's last message before the result.
    """
    calls = _Calls()
    asked = ""
    for number, message in enumerate(messages):
        calls.add(list(_calls(message)))
        for answer in _answers(message):
            call = calls.take(answer) or _NO_CALL
            own = query
            if own is None:
                own = query_in(call.arguments) or asked
            yield ToolResult((number, *answer.path), call.tool or answer.tool, own, answer.content)
        asked = _user_text(message) or asked


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A call of a tool; two calls are different even if they look alike.

    Attributes:
        id: Its id; empty if it has none.
        tool: Name of the tool.
        arguments: What the tool is called with.
    """

    id: str
    tool: str
    arguments: Mapping[str, Any]


_NO_CALL = _Call("", "", {})


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a message says about the result of a call.

    Attributes:
        path: Numbers and keys that lead from the message to the content.
        call_id: Id of the call; empty if the message names none.
        tool: Name of the tool; empty if the message names none.
        content: What the tool returned; None if the call failed.
    """

    path: tuple[int | str, ...]
    call_id: str
    tool: str
    content: Any


class _Calls:
    """The calls of a conversation, message by message."""

    def __init__(self) -> None:
        self._by_id: dict[str, _Call] = {}
        self._open: list[_Call] = []
        self._last_message_called = False

    def add(self, calls: Sequence[_Call]) -> None:
        """Add the calls of the next message; successive messages with calls count as one."""
        if calls and not self._last_message_called:
            self._open.clear()
        self._last_message_called = bool(calls)
        self._open += calls
        self._by_id |= {call.id: call for call in calls if call.id}

    def take(self, answer: _Answer) -> _Call | None:
        """Return the call that a result answers, which no later result without an id can answer."""
        call = self._by_id.get(answer.call_id) if answer.call_id else self._next(answer.tool)
        if call in self._open:
            self._open.remove(call)
        return call

    def _next(self, tool: str) -> _Call | None:
        return next((call for call in self._open if tool in ("", call.tool)), None)


def _calls(message: Message) -> Iterator[_Call]:
    for call in _mappings(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, Mapping):
            yield _Call(_word(call, "id"), _word(function, "name"), _arguments(function.get("arguments")))
    if message.get("type") == "function_call":
        yield _Call(_word(message, "call_id"), _word(message, "name"), _arguments(message.get("arguments")))
    for block in _blocks(message):
        if block.get("type") == "tool_use":
            yield _Call(_word(block, "id"), _word(block, "name"), _arguments(block.get("input")))


def _answers(message: Message) -> Iterator[_Answer]:
    if message.get("role") == "tool":
        yield _Answer(("content",), _word(message, "tool_call_id"), _tool_of(message), message.get("content"))
    if message.get("type") == "function_call_output":
        yield _Answer(("output",), _word(message, "call_id"), _tool_of(message), message.get("output"))
    for number, block in enumerate(_blocks(message)):
        if block.get("type") == "tool_result":
            content = None if block.get("is_error") else block.get("content")
            yield _Answer(("content", number, "content"), _word(block, "tool_use_id"), _tool_of(block), content)


def _tool_of(result: Mapping[str, Any]) -> str:
    return next(filter(None, (_word(result, key) for key in _TOOL_KEYS)), "")


def _user_text(message: Message) -> str:
    """Return what the user says in a message; results of tools are not words of the user."""
    if message.get("role") != "user":
        return ""
    content = message.get("content")
    if isinstance(content, list):
        content = [block for block in content if not isinstance(block, Mapping) or block.get("type") != "tool_result"]
    return "\n".join(leaf.text for leaf in find_texts(content))


def _blocks(message: Message) -> list[Mapping[str, Any]]:
    """Return the blocks of a message by their place; an empty place means a plain text."""
    return _mappings(message.get("content"))


def _mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the items of a list by their place; what is not a dictionary counts as an empty one."""
    if not isinstance(value, list):
        return []
    return [item if isinstance(item, Mapping) else {} for item in value]


def _word(message: Mapping[str, Any], key: str) -> str:
    """Return an id or a name; "" if there is none, or something that is not text."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def _arguments(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(given, Mapping):
        return {}
    return given
