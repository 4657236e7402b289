"""Pruning for Haystack's agents: a compactor of tool results in long conversations.

Haystack has compactors since 3.2; its `CompactionHook` decides when one is asked.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.integrations.messages import prune_messages
from provence_plugins.integrations.policy_fields import change_policy
from provence_plugins.integrations.tool_choice import MIN_TOKENS
from provence_plugins.integrations.versions import needs_framework

with needs_framework("haystack-agents"):
    from haystack.dataclasses import ChatMessage, TextContent, ToolCallResult
    from haystack.hooks.compaction.types import Compactor
    from haystack.token_counters import TokenCounter
    from pydantic import Field, model_validator

from provence_plugins.integrations.fields import EngineFields
from provence_plugins.integrations.haystack_storage import StoredFields
from provence_plugins.integrations.signatures import takes_fields_of

__all__ = ["CompactorFields", "ProvenceCompactor"]

# Where compactors of Haystack note what they did; a result that has such a note is left alone.
_NOTE_KEY = "context_compaction"

# Where Haystack notes that a result was replaced by a reference to a store.
_OFFLOADED_KEY = "tool_result_offloaded"


class CompactorFields(EngineFields):
    """What can be set in `ProvenceCompactor`, in addition to `EngineFields`.

    Attributes:
        policy: Fields of `PruningPolicy` that differ from its defaults; `when_empty` is "keep_one"
            by default.
        tools: Names of tools whose results are pruned whatever they look like; None applies the
            rule of `tool_choice`.
        exclude_tools: Names of tools whose results are kept.
        min_tokens: Results that are estimated to be shorter are kept.
    """

    # Any: values of fields of the policy, which it checks.
    policy: dict[str, Any] = Field(default_factory=dict)
    tools: tuple[str, ...] | None = None
    exclude_tools: tuple[str, ...] = ()
    min_tokens: int = Field(default=MIN_TOKENS, ge=0)

    @model_validator(mode="after")
    def _check_policy(self) -> Self:
        _ = self.chosen_policy
        return self

    @property
    def chosen_policy(self) -> PruningPolicy:
        """The policy as one value."""
        return change_policy(PruningPolicy(when_empty="keep_one"), self.policy)


class ProvenceCompactor(StoredFields, Compactor):  # type: ignore[misc]
    """A compactor that keeps the sentences of tool results that answer the query of their call.

    All results are shortened at once, so that a provider's prompt cache is lost once and not result
    by result. Calls and results stay together. Failed calls, images and results that a compactor
    has changed before stay as they are.

    For the arguments see `CompactorFields` and `EngineFields`.

    Raises:
        ValidationError: A field is unknown or has an invalid value.
    """

    fields: CompactorFields

    @takes_fields_of(CompactorFields)
    def __init__(self, **fields: Any) -> None:
        self.fields = CompactorFields(**fields)

    def __repr__(self) -> str:
        return repr(self.fields).replace(type(self.fields).__name__, type(self).__name__, 1)

    def compact(
        self, messages: list[ChatMessage], target_tokens: int, token_counter: TokenCounter
    ) -> list[ChatMessage] | None:
        """Return the conversation with shorter tool results; None if none became shorter.

        Args:
            messages: The conversation; it is not changed.
            target_tokens: A goal of the caller, which this compactor does not aim at: it keeps what
                answers.
            token_counter: Counts tokens of messages.
        """
        pruned = prune_messages(
            [_as_plain(message) for message in messages],
            pruner=self.fields.pruner,
            policy=self.fields.chosen_policy,
            tools=self.fields.tools,
            exclude_tools=self.fields.exclude_tools,
            min_tokens=self.fields.min_tokens,
        )
        compacted = []
        has_changed = False
        for message, plain in zip(messages, pruned, strict=True):
            rewritten = _rewritten(message, plain, token_counter)
            has_changed = has_changed or rewritten is not message
            compacted.append(rewritten)
        return compacted if has_changed else None

    async def compact_async(
        self, messages: list[ChatMessage], target_tokens: int, token_counter: TokenCounter
    ) -> list[ChatMessage] | None:
        """Do the same as `compact` without blocking the event loop."""
        return await asyncio.to_thread(self.compact, messages, target_tokens, token_counter)


# Any: messages in the shape of OpenAI.
def _as_plain(message: ChatMessage) -> dict[str, Any]:
    """Return a message in OpenAI's shape; a result that is not pruned becomes an empty one."""
    result = message.tool_call_result
    if result is not None:
        content = [] if _is_left_alone(message, result) else _texts(result)
        origin = result.origin
        return {"role": "tool", "tool_call_id": _call_id(origin), "name": origin.tool_name, "content": content}
    calls = [
        {"id": _call_id(call), "function": {"name": call.tool_name, "arguments": call.arguments}}
        for call in message.tool_calls
    ]
    # What a compactor wrote in the name of the user is not a question.
    content = "" if _NOTE_KEY in message.meta else "\n".join(message.texts)
    return {"role": message.role.value, "content": content, "tool_calls": calls}


def _call_id(call: Any) -> str:
    # Not every provider gives ids; the name and the arguments tell calls apart as well as is needed
    # for their query.
    return call.id or json.dumps([call.tool_name, call.arguments], default=str, sort_keys=True)


def _is_left_alone(message: ChatMessage, result: ToolCallResult) -> bool:
    return result.error or _NOTE_KEY in message.meta or _OFFLOADED_KEY in message.meta


def _texts(result: ToolCallResult) -> str | list[dict[str, Any]]:
    if isinstance(result.result, str):
        return result.result
    return [{"type": "text", "text": part.text} if isinstance(part, TextContent) else {} for part in result.result]


def _rewritten(
    message: ChatMessage,
    plain: Mapping[str, Any],
    token_counter: TokenCounter,
) -> ChatMessage:
    """Return a message with the kept part of its result, or the message if that is not shorter."""
    result = message.tool_call_result
    if result is None or _is_left_alone(message, result) or plain["content"] == _texts(result):
        return message
    before = token_counter.count(messages=[message])
    note = {"strategy": "provence", "original_tokens": before}
    pruned = ChatMessage.from_tool(
        tool_result=_result_of(result, plain["content"]),
        origin=result.origin,
        error=result.error,
        meta={**message.meta, _NOTE_KEY: note},
    )
    return pruned if token_counter.count(messages=[pruned]) < before else message


def _result_of(result: ToolCallResult, content: str | Sequence[Mapping[str, Any]]) -> Any:
    if isinstance(content, str):
        return content
    others = iter([part for part in result.result if not isinstance(part, TextContent)])
    return [TextContent(text=block["text"]) if block else next(others) for block in content]
