"""The texts inside the content of a message, in the shapes of LangChain, OpenAI and Anthropic.

A content is a text or a list of blocks. Text is in blocks of type "text", "text-plain",
"input_text" and "output_text", in Anthropic's "search_result" and "document" blocks, and in
"tool_result" blocks, which hold a content of their own. Images, files and other blocks are not
touched.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Any, here and below: blocks are dictionaries with whatever keys their provider defined.
Content = str | list[str | dict[str, Any]]

_TEXT_TYPES = ("text", "text-plain", "input_text", "output_text")

# Blocks that hold a content of their own, under this key.
_NESTED = {"search_result": "content", "tool_result": "content", "document": "source", "content": "content"}


class Leaf(NamedTuple):
    """A text inside a content.

    Attributes:
        path: Keys and numbers that lead to it.
        text: The text.
        title: Title of the block around it.
    """

    path: tuple[str | int, ...]
    text: str
    title: str | None = None


def find_texts(content: Any) -> list[Leaf]:
    """Return the texts of a content that are not blank, in order."""
    return list(_leaves(content, (), None))


def replace_texts(content: Any, texts: Mapping[tuple[str | int, ...], str | None]) -> Any:
    """Return a copy of a content with other texts.

    Args:
        content: The content; it is not changed.
        texts: The new texts by the path of `find_texts`. None removes the block of a text and each
            block around it that held nothing else.
    """
    return _replaced(content, (), texts)


def _leaves(content: Any, path: tuple[str | int, ...], title: str | None) -> Iterator[Leaf]:
    if isinstance(content, str):
        if content.strip():
            yield Leaf(path, content, title)
    elif isinstance(content, list | tuple):
        for number, block in enumerate(content):
            yield from _leaves(block, (*path, number), title)
    elif isinstance(content, Mapping):
        key = _text_key(content)
        if key is not None:
            named = content.get("title")
            if isinstance(named, str):
                title = named
            yield from _leaves(content[key], (*path, key), title)


def _text_key(block: Mapping[str, Any]) -> str | None:
    """Return the key of a block's text or inner content; None for other blocks."""
    kind = block.get("type")
    if kind in _TEXT_TYPES and isinstance(block.get("text"), str):
        # A text source of a document block holds its text under "data".
        return "text"
    if kind == "text" and isinstance(block.get("data"), str):
        return "data"
    if not isinstance(kind, str) or kind not in _NESTED or _NESTED[kind] not in block:
        return None
    return _NESTED[kind]


def _replaced(
    content: Any,
    path: tuple[str | int, ...],
    texts: Mapping[tuple[str | int, ...], str | None],
) -> Any:
    if path in texts:
        return texts[path]
    if isinstance(content, list | tuple):
        blocks = (_replaced(block, (*path, number), texts) for number, block in enumerate(content))
        remaining = [block for block in blocks if block is not None]
        if content and not remaining:
            return None
        return remaining
    if not isinstance(content, Mapping):
        return content
    key = _text_key(content)
    if key is None:
        return content
    inner = _replaced(content[key], (*path, key), texts)
    if inner is None:
        return None
    return {**content, key: inner}
