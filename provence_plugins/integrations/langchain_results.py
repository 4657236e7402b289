"""The results of LangChain's tools: their messages, and the documents of a message."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from provence_plugins.integrations.message_texts import MessageTexts
from provence_plugins.integrations.metadata import METADATA_KEY
from provence_plugins.integrations.notices import warn_once
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.types import Passage

with needs_framework("agents"):
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage, ToolMessage
    from langgraph.types import Command

__all__ = [
    "ORIGINAL_KEY",
    "document_passages",
    "messages_of",
    "original_content",
    "original_texts",
    "replace_messages",
    "tool_messages",
]

ORIGINAL_KEY = f"{METADATA_KEY}_original"
"""Key in `response_metadata` of an original content where the artifact holds something else."""

# Lists that can be made again from their items; a named tuple, for instance, takes them one by one.
_LISTS = (list, tuple)


# Any, here and below: a tool returns what it likes, and artifacts hold what it leaves there.
def tool_messages(result: Any) -> list[ToolMessage]:
    """Return the messages of a tool's result, those inside commands and lists included."""
    if isinstance(result, ToolMessage):
        return [result]
    if isinstance(result, Command):
        result = _updates(result)
    if type(result) in _LISTS:
        messages: list[ToolMessage] = []
        for each in result:
            messages += tool_messages(each)
        return messages
    if not isinstance(result, _PLAIN_UPDATES):
        warn_once(f"A tool returned {type(result).__name__}, which is not a message. It is kept unchanged.")
    return []


# The update of a command may also hold other parts of a state.
_PLAIN_UPDATES = (str, int, float, bool, type(None), Mapping, Document, list, tuple)


def replace_messages(result: Any, messages: Mapping[int, ToolMessage]) -> Any:
    """Return a tool's result with other messages, by the `id()` of those that they replace.

    Parts without such messages stay the same objects.
    """
    if id(result) in messages:
        return messages[id(result)]
    if type(result) in _LISTS:
        items = [replace_messages(each, messages) for each in result]
        return type(result)(items) if _has_other(items, result) else result
    if not isinstance(result, Command):
        return result
    update = result.update
    if isinstance(update, Mapping):
        values = {key: replace_messages(value, messages) for key, value in update.items()}
        update = values if _has_other(values.values(), update.values()) else update
    else:
        update = replace_messages(update, messages)
    return result if update is result.update else replace(result, update=update)


def _has_other(items: Iterable[Any], originals: Iterable[Any]) -> bool:
    return any(item is not original for item, original in zip(items, originals, strict=True))


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
        passage = _as_passage(each, title_of)
        if passage is None:
            return []
        passages.append(passage)
    return passages


def original_content(message: ToolMessage) -> Any:
    """Return the content of a pruned message as it was, if it was kept: a text or a list of blocks.

    It is in a place of its own or, where the tool left no artifact, in the artifact. If the artifact
    holds documents alone, their texts are returned.
    """
    if ORIGINAL_KEY in message.response_metadata:
        return message.response_metadata[ORIGINAL_KEY]
    documents = document_passages(message.artifact, _no_title)
    if documents:
        return [document.text for document in documents]
    return message.content if message.artifact is None else message.artifact


def original_texts(message: ToolMessage) -> list[str]:
    """Return the original texts of a pruned message, in the order of `index` of its entries.

    They are the documents of the artifact or, where the tool left none, the texts of the content as
    it was. After a checkpointer they are found as well.
    """
    documents = document_passages(message.artifact, _no_title)
    texts = [document.text for document in documents]
    if documents and ORIGINAL_KEY not in message.response_metadata:
        return texts
    content = MessageTexts.of(original_content(message), documents)
    if any(result.shape == "documents" for result in content.results):
        return texts
    return [passage.text for passage in content.passages]


def _no_title(metadata: Mapping[str, object]) -> None:
    return None


def _as_passage(
    value: Any,
    title_of: Callable[[Mapping[str, object]], str | None],
) -> Passage | None:
    """Return a document as a passage; None for anything else."""
    if isinstance(value, Document):
        return Passage(value.page_content, title_of(value.metadata))
    if not isinstance(value, Mapping):
        return None
    fields = value.get("kwargs", value)
    if not isinstance(fields, Mapping):
        return None
    text, metadata = fields.get("page_content"), fields.get("metadata") or {}
    if not isinstance(text, str) or not isinstance(metadata, Mapping):
        return None
    return Passage(text, title_of(metadata))


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
