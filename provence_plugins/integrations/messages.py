"""Pruning the tool results in a list of plain messages, for every other framework.

Messages are dictionaries in the shapes of OpenAI (chat completions and responses) and Anthropic. A
result is asked with the query of its own tool call, so that pruning a conversation again, a few
messages later, changes nothing in what was sent before: a provider's prompt cache stays valid.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.content_blocks import find_texts
from provence_plugins.integrations.message_texts import MessageTexts, PrunedTexts, unread_texts
from provence_plugins.integrations.queries import Query, is_blank, query_in, read_questions, unite
from provence_plugins.integrations.shared_pruners import PrunerKey, shared_pruners
from provence_plugins.integrations.tool_choice import MIN_TOKENS, log_kept, reason_to_keep
from provence_plugins.integrations.tool_results import ResultText
from provence_plugins.keywords import check_count, check_instance, check_keywords, show_value

__all__ = ["prune_messages"]

logger = logging.getLogger(__name__)

# Any, here and below: messages are dictionaries with whatever keys their provider defined.
Message = Mapping[str, Any]

_DEFAULT_POLICY = PruningPolicy(when_empty="keep_one")


@check_keywords
def prune_messages(
    messages: Sequence[Message],
    query: Query | None = None,
    *,
    pruner: Pruner | None = None,
    policy: PruningPolicy | None = None,
    tools: Collection[str] | None = None,
    exclude_tools: Collection[str] = (),
    min_tokens: int = MIN_TOKENS,
) -> list[dict[str, Any]]:
    """Return a conversation whose tool results are shortened to what answers their query.

    The module `tool_choice` describes which results are pruned, `tool_results` how they are read.
    If a result cannot be read or the engine fails, the conversation is returned unchanged and the
    failure is logged.

    Args:
        messages: The conversation; it is not changed.
        query: The question, or several; None takes each tool call's own or, where its arguments
            hold none, the user's last message before it.
        pruner: None takes the bundled model, which is loaded once and shared with the adapters.
        policy: What to keep; None takes the default threshold and keeps the best sentence where
            nothing else is kept.
        tools: Names of tools whose results are pruned whatever they look like; None applies the
            rule to all tools.
        exclude_tools: Names of tools whose results are kept.
        min_tokens: Results that are estimated to be shorter are kept; a token is taken as four
            bytes.

    Returns:
        Copies of the messages, in the same order and number.

    Raises:
        InvalidInputError: An argument has another type, or a message is not a dictionary.
    """
    _check_messages(messages)
    _check_options(query, pruner, policy, tools, exclude_tools, min_tokens)
    find_reason = partial(reason_to_keep, tools=tools, exclude_tools=exclude_tools, min_tokens=min_tokens)
    copies = [dict(message) for message in messages]
    try:
        results = [(result, _read(result, find_reason)) for result in _tool_results(messages, query)]
        pruner = pruner or shared_pruners.get(PrunerKey())
        for result, texts in results:
            if tools is None:
                texts = texts.prunable()
            pruned = _prune(pruner, result.query, texts, policy or _DEFAULT_POLICY)
            if pruned is not None:
                kept = PrunedTexts(pruned.passages, pruned.dropped)
                _write(copies, result.path, texts.written(kept, pruned.policy))
    except Exception as error:
        logger.warning("Pruning failed, all messages are kept: %s", error, exc_info=error)
        return [dict(message) for message in messages]
    return copies


@dataclass(frozen=True, slots=True)
class _ToolResult:
    """The result of a tool in a conversation.

    Attributes:
        path: Numbers and keys that lead from the list of messages to its content.
        tool: Name of the tool; empty if its call is not among the messages.
        query: What it is asked.
        content: What the tool returned.
    """

    path: tuple[int | str, ...]
    tool: str
    query: Query
    content: Any


def _check_messages(messages: object) -> None:
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
        raise InvalidInputError(f"messages must be a list of dictionaries; got {type(messages).__name__}.")
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise InvalidInputError(
                f"Message {number} must be a dictionary as its provider defines it; got {type(message).__name__}."
            )


def _check_options(
    query: object,
    pruner: object,
    policy: PruningPolicy | None,
    tools: object,
    exclude_tools: object,
    min_tokens: object,
) -> None:
    if query is not None and not isinstance(query, str):
        _check_names("query", query, otherwise="a text, or None")
    if pruner is not None:
        check_instance("pruner", pruner, Pruner)
    if policy is not None:
        check_policy(policy)
    if tools is not None:
        _check_names("tools", tools, otherwise="None")
    _check_names("exclude_tools", exclude_tools, otherwise="empty")
    check_count("min_tokens", min_tokens, least=0)


def _check_names(name: str, value: Any, *, otherwise: str) -> None:
    is_collection = isinstance(value, Collection) and not isinstance(value, str | bytes)
    if not is_collection or not all(isinstance(item, str) for item in value):
        raise InvalidInputError(f"{name} must be a list of texts or {otherwise}; got {show_value(value)}.")


def _tool_results(messages: Sequence[Message], query: Query | None) -> Iterator[_ToolResult]:
    calls: dict[str, tuple[str, Mapping[str, Any]]] = {}
    asked = ""
    for number, message in enumerate(messages):
        calls.update(_calls(message))
        for path, call_id, content in _contents(message):
            tool, arguments = calls.get(call_id, ("", {}))
            own = query
            if own is None:
                own = query_in(arguments) or asked
            yield _ToolResult((number, *path), tool, own, content)
        asked = _user_text(message) or asked


def _calls(message: Message) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """Yield the tool calls of a message: their id, name and arguments."""
    for call in _mappings(message.get("tool_calls")):
        function = call.get("function")
        if isinstance(function, Mapping):
            yield _word(call, "id"), (_word(function, "name"), _arguments(function.get("arguments")))
    if message.get("type") == "function_call":
        yield _word(message, "call_id"), (_word(message, "name"), _arguments(message.get("arguments")))
    for block in _blocks(message):
        if block.get("type") == "tool_use":
            yield _word(block, "id"), (_word(block, "name"), _arguments(block.get("input")))


def _contents(message: Message) -> Iterator[tuple[tuple[int | str, ...], str, Any]]:
    """Yield the tool results in a message: their places, the ids of their calls, their contents."""
    if message.get("role") == "tool":
        yield ("content",), _word(message, "tool_call_id"), message.get("content")
    if message.get("type") == "function_call_output":
        yield ("output",), _word(message, "call_id"), message.get("output")
    for number, block in enumerate(_blocks(message)):
        is_result = block.get("type") == "tool_result" and not block.get("is_error")
        if is_result and "content" in block:
            yield ("content", number, "content"), _word(block, "tool_use_id"), block["content"]


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


def _read(result: _ToolResult, find_reason: Callable[[str, Sequence[ResultText]], str | None]) -> MessageTexts:
    """Take a result apart; one that is kept has no texts.

    What is kept because of its tool or its size is not taken apart.
    """
    reason = find_reason(result.tool, unread_texts(result.content))
    if reason is None:
        texts = MessageTexts.of(result.content)
        reason = find_reason(result.tool, texts.results)
    if reason is None:
        return texts
    log_kept(result.tool, reason)
    return MessageTexts(result.content, (), ())


def _prune(
    pruner: Pruner,
    query: Query,
    texts: MessageTexts,
    policy: PruningPolicy,
) -> PruneResult | None:
    if is_blank(query) or not texts.passages:
        return None
    questions = read_questions(query, texts.passages, pruner, split=True)
    requests = [(question, texts.passages) for question in questions]
    return unite(list(pruner.prune_many(requests, policy)))


def _write(messages: list[dict[str, Any]], path: Sequence[int | str], content: Any) -> None:
    """Put a content into copies of the dictionaries and lists that lead to it."""
    # Any: the walk passes through lists and dictionaries.
    place: Any = messages
    for step in path[:-1]:
        place[step] = copy(place[step])
        place = place[step]
    place[path[-1]] = content
