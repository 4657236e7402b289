"""A tool that gives an agent the whole of a result that was shortened."""

from hashlib import sha256
from typing import Annotated, Any, TypeGuard

from provence_plugins.integrations.content_blocks import find_texts
from provence_plugins.integrations.langchain_results import messages_of, original_content
from provence_plugins.integrations.versions import needs_framework

with needs_framework("agents"):
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import BaseTool, StructuredTool
    from langgraph.prebuilt import InjectedState

_ID_CHARACTERS = 6

RECALL_MARK = '[… sentences omitted: {{count}}, recall("{id}") shows the whole text]'
"""Marks omitted sentences for an agent that can ask for the whole result."""

_DESCRIPTION = (
    "Returns the full text of an earlier tool result from which sentences were omitted. "
    "The argument id is the one that the omission marker in the result names."
)


def result_id(tool_call_id: str) -> str:
    """Return a short id of a result, which models copy more safely than a provider's own."""
    return sha256(tool_call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_CHARACTERS]


def recall_tool(metadata_key: str | None) -> BaseTool:
    """Return the tool.

    Args:
        metadata_key: Key of the entry that only shortened results have; None accepts every result.
    """

    # Any: an agent's state is whatever its author made it.
    def recall(id: str, state: Annotated[Any, InjectedState]) -> str:
        originals = [_original_text(message) for message in messages_of(state) if is_named(message, id)]
        if not originals:
            return f"There is no shortened result with the id {id!r}. Use the id that an omission marker names."
        return "\n\n".join(originals)

    # Any: whatever the state holds among its messages.
    def is_named(message: Any, id: str) -> TypeGuard[ToolMessage]:
        if not isinstance(message, ToolMessage) or result_id(message.tool_call_id) != id:
            return False
        return metadata_key is None or metadata_key in message.response_metadata

    return StructuredTool.from_function(recall, description=_DESCRIPTION)


def _original_text(message: ToolMessage) -> str:
    return "\n\n".join(leaf.text for leaf in find_texts(original_content(message)))
