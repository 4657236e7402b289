"""Pruning the tool results in a list of plain messages, for every other framework.

The module `conversations` describes the shapes of messages. A result is asked with the query of its
own tool call, so that pruning a conversation again, a few messages later, changes nothing in what
was sent before: a provider's prompt cache stays valid.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.conversations import Message, ToolResult, find_results
from provence_plugins.integrations.message_texts import MessageTexts, PrunedTexts, unread_texts
from provence_plugins.integrations.queries import Query, is_blank, read_questions, unite
from provence_plugins.integrations.shared_pruners import PrunerKey, shared_pruners
from provence_plugins.integrations.tool_choice import MIN_TOKENS, log_kept, reason_to_keep
from provence_plugins.integrations.tool_results import ResultText
from provence_plugins.keywords import check_count, check_instance, check_keywords, show_value

__all__ = ["prune_messages"]

logger = logging.getLogger(__name__)

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
        results = [(result, _read(result, find_reason)) for result in find_results(messages, query)]
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


def _read(result: ToolResult, find_reason: Callable[[str, Sequence[ResultText]], str | None]) -> MessageTexts:
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
