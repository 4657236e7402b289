"""The texts inside the content of a message, in the shapes of LangChain, OpenAI and Anthropic.

A content is a text or a list of blocks. Text is in blocks of type "text", "text-plain",
"input_text" and "output_text", in Anthropic's "search_result" and "document" blocks, and in
"tool_result" blocks, which hold a content of their own. Images, files and other blocks are not
touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Any, here and below: blocks are dictionaries with whatever keys their provider defined.
Content = str | list[str | dict[str, Any]]

_TEXT_TYPES = ("text", "text-plain", "input_text", "output_text")

# Blocks that hold a content of their own, under this key.
_NESTED = {"search_result": "content", "tool_result": "content", "document": "source", "content": "content"}


# Anthropic caches a conversation up to a block with this key.
_BREAKPOINT_KEY = "cache_control"


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
            block around it that held nothing else; the breakpoint of a prompt cache moves to the
            nearest block that stays, if possible to one before it.
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
        blocks = [_replaced(block, (*path, number), texts) for number, block in enumerate(content)]
        remaining = _with_breakpoints(content, blocks)
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


def _with_breakpoints(content: Sequence[Any], blocks: Sequence[Any]) -> list[Any]:
    """Return the blocks that stay, with the cache breakpoints of those that do not.

    Args:
        content: The blocks as they were.
        blocks: The same after the replacement; None for a block that is removed.
    """
    placed = list(blocks)
    able = [number for number, block in enumerate(blocks) if isinstance(block, Mapping)]
    for number, block in enumerate(blocks):
        found = _breakpoint_of(content[number]) if block is None else None
        if found is None or not able:
            continue
        place = max((each for each in able if each < number), default=able[0])
        if placed[place].get(_BREAKPOINT_KEY) is None:
            placed[place] = {**placed[place], _BREAKPOINT_KEY: found}
    return [block for block in placed if block is not None]


def _breakpoint_of(block: Any) -> Any:
    """Return the last cache breakpoint in a block; None if it has none."""
    if isinstance(block, list | tuple):
        return next(filter(None, map(_breakpoint_of, reversed(block))), None)
    if not isinstance(block, Mapping):
        return None
    key = _text_key(block)
    if block.get(_BREAKPOINT_KEY) is not None or key is None:
        return block.get(_BREAKPOINT_KEY)
    return _breakpoint_of(block[key])
