"""The results of LangChain's tools: their messages, and the documents of a message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

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
    if isinstance(result, Command):
        result = _updates(result)
    if isinstance(result, list | tuple):
        messages: list[ToolMessage] = []
        for each in result:
            messages += tool_messages(each)
        return messages
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


def document_passages(
    artifact: Any,
    title_of: Callable[[Mapping[str, object]], str | None],
) -> list[Passage]:
    """Return the documents in an artifact as passages; none if it holds anything else.

    After a checkpointer, documents may be dictionaries.
    """
    if not isinstance(artifact, list | tuple) or not artifact:
        return []
    passages: list[Passage] = []
    for each in artifact:
        document = _as_document(each)
        if document is None:
            return []
        passages.append(Passage(document.page_content, title_of(document.metadata)))
    return passages


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
    if not isinstance(value, Mapping):
        return None
    fields = value.get("kwargs", value)
    text, metadata = fields.get("page_content"), fields.get("metadata") or {}
    if not isinstance(text, str):
        return None
    return Document(text, metadata=metadata)


def _updates(command: Command[Any]) -> list[Any]:
    update = command.update
    if isinstance(update, Mapping):
        return list(update.values())
    if isinstance(update, list | tuple):
        return list(update)
    return []


def messages_of(state: Any) -> Sequence[Any]:
    """Return the messages in an agent's state, of any type and under any name."""
    if isinstance(state, list):
        return state
    values = state if isinstance(state, Mapping) else getattr(state, "__dict__", {})
    if values.get("messages"):
        return cast(Sequence[Any], values["messages"])
    for value in values.values():
        if isinstance(value, list) and any(isinstance(each, BaseMessage) for each in value):
            return value
    return ()
