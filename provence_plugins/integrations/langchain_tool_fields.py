"""The fields of the middleware that prunes the results of an agent's tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.integrations.policy_fields import change_policy
from provence_plugins.integrations.queries import QUERY_ARGS, Query, query_in
from provence_plugins.integrations.tool_choice import MIN_TOKENS
from provence_plugins.integrations.versions import needs_framework

with needs_framework("agents"):
    from langchain_core.messages import HumanMessage
    from pydantic import Field, InstanceOf, model_validator

from provence_plugins.integrations.fields import OnError, PruningFields
from provence_plugins.integrations.langchain_recall import RECALL_MARK, result_id
from provence_plugins.integrations.langchain_results import messages_of

if TYPE_CHECKING:
    # A name for the signatures alone: LangChain 1.0.0 had the request in another module.
    from langgraph.prebuilt.tool_node import ToolCallRequest

FindQuery = Callable[[Any], Query]
"""Returns the query, or several, of a `ToolCallRequest`."""


class ToolPruningFields(PruningFields):
    """What can be set in `ContextPruningMiddleware`, in addition to `PruningFields`.

    Attributes:
        tools: Names of tools whose results are pruned whatever they look like; results of others
            are kept. None prunes the results of all tools that carry documents, records or prose,
            as described in `tool_choice`.
        exclude_tools: Names of tools whose results are kept.
        policies: Policies of single tools by their name: a `PruningPolicy`, or a dictionary of the
            fields that differ.
        min_tokens: Results that are estimated to be shorter are kept; a token is taken as four
            bytes.
        query: A function from a tool call request to its query, or list of queries; None reads the
            arguments.
        query_args: Names of a tool's arguments that may hold the query; the first that holds text
            is taken. Without one, the query is the last message of a person.
        history: How many earlier messages of a person are read together with the last one.
        keep_original: Keep the content as it was in the artifact, if the tool leaves none of its
            own.
        recall: Give the agent a tool `recall` that returns the whole result. Unless `omission` is
            set, marks name it.
    """

    tools: tuple[str, ...] | None = None
    exclude_tools: tuple[str, ...] = ()
    # pydantic would make a whole policy of a dictionary that fits.
    policies: Mapping[str, InstanceOf[PruningPolicy] | dict[str, Any]] | None = None
    min_tokens: int = Field(default=MIN_TOKENS, ge=0)
    query: FindQuery | None = None
    query_args: tuple[str, ...] = QUERY_ARGS
    history: int = Field(default=0, ge=0)
    keep_original: bool = True
    recall: bool = False
    on_error: OnError = "keep"

    @model_validator(mode="after")
    def _check_policies(self) -> Self:
        for tool in self.policies or ():
            self.policy_of(tool)
        return self

    # Any: values of fields of the policy.
    def policy_of(self, tool: str, changes: Mapping[str, Any] | None = None) -> PruningPolicy:
        """Return the policy for a tool's result, with the changes of the call's configuration."""
        given = (self.policies or {}).get(tool, {})
        policy = given if isinstance(given, PruningPolicy) else self.policy_with(given)
        return change_policy(policy, changes or {})

    def policy_of_call(self, request: ToolCallRequest, changes: Mapping[str, Any]) -> PruningPolicy:
        """Return the policy for the result of a tool call; its marks name the result's id."""
        policy = self.policy_of(request.tool_call["name"], changes)
        if not self.recall or policy.omission is not None:
            return policy
        return replace(policy, omission=RECALL_MARK.format(id=result_id(request.tool_call["id"] or "")))

    def query_of(self, request: ToolCallRequest) -> Query:
        """Return the query that a tool was called for; empty if there is none."""
        if self.query is not None:
            return self.query(request)
        return query_in(request.tool_call["args"], self.query_args) or human_text(request.state, self.history)


# Any: an agent's state is whatever its author made it.
def human_text(state: Any, history: int = 0) -> str:
    """Return a person's last message in an agent's state, after `history` earlier ones.

    Messages that the framework wrote in a person's name, such as the summary of a conversation, are
    left out.
    """
    texts = [
        str(message.text)
        for message in messages_of(state)
        if isinstance(message, HumanMessage) and "lc_source" not in message.additional_kwargs
    ]
    return "\n".join(texts[-1 - history :])
