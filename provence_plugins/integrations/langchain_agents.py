"""Pruning for LangChain agents: a middleware that shortens tool results.

A result is pruned once, when the tool returns it, and never again: what was sent to a provider
stays the same, and so does the provider's cache of it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.message_texts import NOTHING_LEFT, MessageTexts, PrunedTexts, unread_texts
from provence_plugins.integrations.notices import warn_once
from provence_plugins.integrations.queries import Query, is_blank
from provence_plugins.integrations.tool_choice import COMPLETE_TOOLS, log_kept, reason_to_keep
from provence_plugins.integrations.tool_results import ResultText
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("agents"):
    from langchain.agents.middleware import AgentMiddleware
    from langchain_core.messages import ToolMessage
    from langgraph.types import Command

from provence_plugins.integrations.langchain_recall import recall_tool
from provence_plugins.integrations.langchain_results import (
    ORIGINAL_KEY,
    document_passages,
    replace_messages,
    tool_messages,
)
from provence_plugins.integrations.langchain_runs import (
    Run,
    aprune_in_run,
    changes_of_call,
    prune_in_run,
)
from provence_plugins.integrations.langchain_tool_fields import ToolPruningFields
from provence_plugins.integrations.signatures import takes_fields_of

if TYPE_CHECKING:
    # A name for the signatures alone: LangChain 1.0.0 had the request in another module.
    from langgraph.prebuilt.tool_node import ToolCallRequest

__all__ = ["COMPLETE_TOOLS", "NOTHING_LEFT", "ContextPruningMiddleware", "ToolPruningFields"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

_UNREADABLE = "it could not be read, as the log says"

# Fields that earlier versions had, with what to say about them.
_DEPRECATED = {
    "only": "ContextPruningMiddleware(only=...) is deprecated. Use tools=....",
    "document_prompt": "document_prompt is deprecated and ignored: documents are found however they are written.",
    "document_separator": "document_separator is deprecated and ignored: documents are found however they are written.",
}


class ContextPruningMiddleware(AgentMiddleware):
    """Shortens the results of an agent's tools to what answers the query.

    Documents, JSON values and labelled records in a result are pruned one by one and stay what they
    are; other results are pruned as one text. The module `tool_choice` describes which results are
    pruned. The original stays in the artifact, unless a tool keeps something else there; with
    `recall` it then stays in `response_metadata["provence_original"]`. Token counts and kept spans
    are in `response_metadata["provence"]`. Failed calls, images and other blocks without text are
    not touched. If a result cannot be read or the engine fails, it is kept and the failure logged.

    For the arguments see `ToolPruningFields`, `PruningFields` and `EngineFields`.

    Raises:
        ValidationError: A field is unknown or has an invalid value.
        InvalidInputError: Two fields exclude each other.
    """

    @takes_fields_of(ToolPruningFields)
    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.fields = ToolPruningFields(**_renamed(fields))
        if self.fields.recall and not self.fields.keep_original:
            raise InvalidInputError(
                "recall=True needs the original of each result; got keep_original=False. Leave out one of the two."
            )
        self.tools = [recall_tool(self.fields.metadata_key)] if self.fields.recall else []

    # Any: the pickle module's own form, a function and its arguments.
    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the middleware again; its own tool cannot be pickled."""
        return _with_fields, (type(self), self.fields)

    def __repr__(self) -> str:
        return repr(self.fields).replace(type(self.fields).__name__, type(self).__name__, 1)

    @property
    def name(self) -> str:
        """The name in traces; an agent refuses two middlewares of one name."""
        tools = self.fields.tools
        if tools is None:
            return type(self).__name__
        return f"{type(self).__name__}[{', '.join(tools)}]"

    # Any: a command's target is the agent's business.
    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]],
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune its result."""
        policy = self.fields.policy_of_call(request, changes_of_call())
        result = handler(request)
        plan = self._plan(request, result)
        pruned: ToolMessage | Command[Any] = prune_in_run(plan.run, lambda: plan.pruned(policy), plan.written)
        return pruned

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """Run the tool and prune its result without blocking the event loop."""
        policy = self.fields.policy_of_call(request, changes_of_call())
        result = await handler(request)
        plan = self._plan(request, result)
        pruned: ToolMessage | Command[Any] = await aprune_in_run(plan.run, lambda: plan.apruned(policy), plan.written)
        return pruned

    # Any: whatever the tool returned.
    def _plan(self, request: ToolCallRequest, result: Any) -> _Plan:
        """Return what to prune in a tool's result, or why nothing is pruned."""
        unread = _Plan(self.fields, result, request.tool_call["name"], reason=_UNREADABLE)
        return _or_keep(self.fields, lambda: self._read(request, unread), unread)

    def _read(self, request: ToolCallRequest, unread: _Plan) -> _Plan:
        """Take a result apart, unless it is kept because of its tool or its size."""
        messages = [message for message in tool_messages(unread.result) if message.status != "error"]
        texts = [text for message in messages for text in unread_texts(message.content)]
        reason = self._reason(unread.tool, texts)
        if reason is not None:
            return replace(unread, reason=reason)
        contents = [MessageTexts.of(message.content, self._documents(message)) for message in messages]
        query: Query = ""
        reason = self._reason(unread.tool, [text for content in contents for text in content.results])
        if reason is None:
            query = self.fields.query_of(request)
            reason = _reason_of(unread.tool, query)
        if self.fields.tools is None:
            contents = [content.prunable() for content in contents]
        return replace(unread, query=query, messages=messages, contents=contents, reason=reason)

    def _reason(self, tool: str, texts: Sequence[ResultText]) -> str | None:
        """Return why the rule keeps a result, and log it; None if it is pruned."""
        reason = reason_to_keep(
            tool,
            texts,
            tools=self.fields.tools,
            exclude_tools=self.fields.exclude_tools,
            min_tokens=self.fields.min_tokens,
        )
        if reason is not None:
            log_kept(tool, reason)
        return reason

    def _documents(self, message: ToolMessage) -> list[Passage]:
        return document_passages(message.artifact, self.fields.title_of)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A tool's result, taken apart into texts to prune."""

    fields: ToolPruningFields
    result: Any  # whatever the tool returned
    tool: str
    query: Query = ""
    messages: Sequence[ToolMessage] = ()
    contents: Sequence[MessageTexts] = ()
    reason: str | None = None  # why nothing is pruned

    @property
    def passages(self) -> list[Passage]:
        return [passage for content in self.contents for passage in content.passages]

    @property
    def run(self) -> Run:
        name = ContextPruningMiddleware.__name__
        inputs = {"tool": self.tool, "query": self.query, "texts": len(self.passages)}
        left_alone = sum(len(content.results) - len(content.pruned_results) for content in self.contents)
        facts = {"tool": self.tool, "model": self.fields.model_name, "texts_left_alone": left_alone}
        if self.reason is None:
            return Run(name, inputs, facts)
        return Run(name, inputs, facts, self.reason)

    def pruned(self, policy: PruningPolicy) -> PruneResult | None:
        if self.reason is not None:
            return None
        return self.fields.prune_passages(self.query, self.passages, policy)

    async def apruned(self, policy: PruningPolicy) -> PruneResult | None:
        if self.reason is not None:
            return None
        return await self.fields.aprune_passages(self.query, self.passages, policy)

    def written(self, result: PruneResult | None) -> Any:
        """Return the tool's result with what is kept of its texts."""
        if result is None:
            return self.result
        return _or_keep(self.fields, lambda: self._written(result), self.result)

    def _written(self, result: PruneResult) -> Any:
        counts = [len(each.passages) for each in self.contents]
        pruned = PrunedTexts(result.passages, result.dropped).split(counts)
        written = {
            id(message): self._message(message, content, texts, result)
            for message, content, texts in zip(self.messages, self.contents, pruned, strict=True)
        }
        return replace_messages(self.result, written)

    def _message(
        self, message: ToolMessage, content: MessageTexts, pruned: PrunedTexts, result: PruneResult
    ) -> ToolMessage:
        update: dict[str, Any] = {"content": content.written(pruned, result.policy)}  # fields are of many types
        notes: dict[str, Any] = {}
        if update["content"] != message.content:
            if message.artifact is None and self.fields.keep_original:
                update["artifact"] = message.content
            elif self.fields.recall:
                notes[ORIGINAL_KEY] = message.content
        if self.fields.metadata_key is not None:
            notes[self.fields.metadata_key] = {
                "query": result.query,
                "tokens_before": pruned.tokens_before,
                "tokens_after": pruned.tokens_after,
                "passages": content.describe(pruned.kept),
            }
        if notes:
            update["response_metadata"] = {**message.response_metadata, **notes}
        return message.model_copy(update=update)


def _or_keep(fields: ToolPruningFields, work: Callable[[], T], kept: T) -> T:
    """Return what a function returns; if it fails under `on_error="keep"`, log that and return `kept`."""
    try:
        return work()
    except Exception as error:
        if fields.on_error == "raise":
            raise
        logger.warning("Pruning failed, everything is kept: %s", error, exc_info=error)
        return kept


def _reason_of(tool: str, query: Query) -> str | None:
    """Return why a result cannot be pruned with a query, and warn about it; None if it can."""
    if not is_blank(query):
        return None
    warn_once(
        f"The result of the tool {tool!r} is kept as it is: none of its arguments named in "
        f"query_args holds text, and the state holds no message of a person. Pass query= to say "
        f"where the query is."
    )
    return "there is no query"


def _with_fields(
    kind: type[ContextPruningMiddleware],
    fields: ToolPruningFields,
) -> ContextPruningMiddleware:
    return kind(**{name: getattr(fields, name) for name in fields.model_fields_set})


# Any: values of fields.
def _renamed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under their current names; unknown ones stay and are refused later."""
    for name in given:
        if name in _DEPRECATED:
            warnings.warn(_DEPRECATED[name], DeprecationWarning, stacklevel=3)
    current = {name: value for name, value in given.items() if name not in _DEPRECATED}
    if "only" in given:
        if "tools" in given:
            raise InvalidInputError("tools and only are two names of one field. Pass tools alone.")
        current["tools"] = given["only"]
    return current
