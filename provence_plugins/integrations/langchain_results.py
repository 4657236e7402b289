"""The results of LangChain's tools: their messages, and the documents of a message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from provence_plugins.integrations.message_texts import MessageTexts
from provence_plugins.integrations.notices import warn_once
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("agents"):
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage, ToolMessage
    from langgraph.types import Command

__all__ = ["document_passages", "messages_of", "original_texts", "replace_messages", "tool_messages"]


# Any, here and below: a tool returns what it likes, and artifacts hold what it leaves there.
def tool_messages(result: Any) -> list[ToolMessage]:
    """Return the messages of a tool's result, those inside commands and lists included."""
    if isinstance(result, ToolMessage):
        return [result]
    if isinstance(result, list | tuple):
        return [message for each in result for message in tool_messages(each)]
    if isinstance(result, Command):
        return [message for value in _updates(result) for message in tool_messages(value)]
    if not isinstance(result, _PLAIN_UPDATES):
        warn_once(f"A tool returned {type(result).__name__}, which is not a message. It is kept unchanged.")
    return []


# The update of a command may also hold other parts of a state.
_PLAIN_UPDATES = (str, int, float, bool, type(None), Mapping, Document)


def replace_messages(result: Any, messages: Mapping[int, ToolMessage]) -> Any:
    """Return a tool's result with other messages, by the `id()` of those that they replace."""
    if id(result) in messages:
        return messages[id(result)]
    if isinstance(result, list | tuple):
        return type(result)(replace_messages(each, messages) for each in result)
    if not isinstance(result, Command):
        return result
    update = result.update
    if isinstance(update, Mapping):
        update = {key: replace_messages(value, messages) for key, value in update.items()}
    else:
        update = replace_messages(update, messages)
    return replace(result, update=update)


def document_passages(artifact: Any, title_of: Callable[[Mapping[str, object]], str | None]) -> list[Passage]:
    """Return the documents in an artifact as passages; none if it holds anything else.

    After a checkpointer, documents may be dictionaries.
    """
    if not isinstance(artifact, list | tuple) or not artifact:
        return []
    documents = [_as_document(each) for each in artifact]
    if any(document is None for document in documents):
        return []
    return [Passage(each.page_content, title_of(each.metadata)) for each in documents if each is not None]


def original_texts(message: ToolMessage) -> list[str]:
    """Return the original texts of a pruned message, in the order of `index` of its entries.

    They are the documents of the artifact or, where the tool left none, the texts of the content as
    it was. After a checkpointer they are found as well.
    """
    documents = document_passages(message.artifact, lambda metadata: None)
    if documents:
        return [document.text for document in documents]
    content = message.content if message.artifact is None else message.artifact
    return [passage.text for passage in MessageTexts.of(content).passages]


def _as_document(value: Any) -> Document | None:
    if isinstance(value, Document):
        return value
    fields = value.get("kwargs", value) if isinstance(value, Mapping) else {}
    text, metadata = fields.get("page_content"), fields.get("metadata") or {}
    return Document(text, metadata=metadata) if isinstance(text, str) else None


def _updates(command: Command[Any]) -> list[Any]:
    update = command.update
    if isinstance(update, Mapping):
        return list(update.values())
    return list(update) if isinstance(update, list | tuple) else []


def messages_of(state: Any) -> Sequence[Any]:
    """Return the messages in an agent's state, whatever its type and their name in it."""
    if isinstance(state, list):
        return state
    values = state if isinstance(state, Mapping) else getattr(state, "__dict__", {})
    lists = [value for value in values.values() if isinstance(value, list)]
    found = (value for value in lists if any(isinstance(each, BaseMessage) for each in value))
    return values.get("messages") or next(found, ())
