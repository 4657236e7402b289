"""Text to blocks: headings, code, tables, lists, records, quotes and paragraphs, by one look at each line.

A line's shape is what it could be on its own; its neighbours decide what it is. Markdown is read as
CommonMark does, except where plain text that was never meant as markdown would suffer.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from provence_plugins.text.code import (
    inside_fence,
    is_indented_code,
    read_fence,
    read_hunk,
    read_indented_code,
)
from provence_plugins.text.items import read_item
from provence_plugins.text.lines import BLANK, ITEMS, TAILS, Found, Lines, Range, skip
from provence_plugins.text.markup import (
    mark_dialects,
    read_directive,
    read_listing,
    read_markup_table,
    read_org_code,
)
from provence_plugins.text.paragraphs import Paragraphs
from provence_plugins.text.tables import (
    mark_table,
    read_grid,
    read_header,
    read_row,
    read_ruled_columns,
)
from provence_plugins.text.titles import numbered_level
from provence_plugins.types import Kind


class Block(NamedTuple):
    """A stretch of text with one role. The blocks of a text tile it.

    Attributes:
        start: First character.
        end: One past the last character, blank lines and thematic breaks after the block included.
        kind: Its role; a paragraph is "sentence".
        level: 1 to 6 for a heading in Markdown, 7 for a title in plain text, 8 for a label above a
            list or records; otherwise 0.
        prose: From where to where it may be split into sentences; None for a block that stays
            whole.
        depth: How far in a list item or record is nested; None for blocks that cannot be nested.
        label: The name that opens a record, in lower case; None where there is none.
    """

    start: int
    end: int
    kind: Kind
    level: int = 0
    prose: Range | None = None
    depth: int | None = None
    label: str | None = None


def split_blocks(text: str) -> Iterator[Block]:
    """Split markdown or plain text into blocks that tile it; an empty text has none."""
    lines = Lines(text)
    for number in [number for number, shape in enumerate(lines.shapes) if shape == "delimiter"]:
        mark_table(lines, number)
    mark_dialects(lines)
    start = 0
    for found, end in _find_blocks(lines):
        if end > start:
            yield Block(start, end, found.kind, found.level, found.prose, found.depth, found.label)
            start = end
    if start < len(text):
        yield Block(start, len(text), "sentence")


def _find_blocks(lines: Lines) -> Iterator[tuple[Found, int]]:
    """Yield every block with the character where it ends, blank lines after it included."""
    paragraphs = Paragraphs(lines)
    at = skip(lines, 0, TAILS)
    if code_end := inside_fence(lines):
        at = skip(lines, code_end, TAILS)
        yield Found("code", code_end), lines.starts[at]
    list_indent: int | None = None
    while at < len(lines):
        shape, indent = lines.shapes[at], lines.indents[at]
        if shape == "wrapper":  # goes with the block that it opens
            at = skip(lines, at + 1, BLANK)
            continue
        in_list = list_indent is not None and indent > list_indent
        for found in _read_shape(lines, at, paragraphs, in_list=in_list):
            if found.cut is not None:
                yield found, found.cut
                continue
            at = skip(lines, found.after, TAILS)
            yield found, lines.starts[at]
        if found.cut is not None:
            at = skip(lines, found.after, TAILS)
        if shape in ITEMS:
            list_indent = indent if list_indent is None else min(list_indent, indent)
        elif not in_list:
            list_indent = None


def _read_shape(lines: Lines, at: int, paragraphs: Paragraphs, *, in_list: bool) -> Iterator[Found]:
    """Read the blocks that begin at a line by the shape of the line."""
    shape = lines.shapes[at]
    if shape in _READERS:
        return _READERS[shape](lines, at)
    if shape in _READERS_IN_PLACE:
        return _READERS_IN_PLACE[shape](lines, at, in_list)
    return paragraphs.read(at, in_list)


def _read_heading(lines: Lines, at: int, in_list: bool) -> Iterator[Found]:
    if not in_list and is_indented_code(lines, at):
        return read_indented_code(lines, at)
    return iter([Found("heading", at + 1, level=lines.contents[at] - lines.openings[at])])


def _read_quote(lines: Lines, at: int) -> Iterator[Found]:
    end = skip(lines, at, ("quote",))
    if lines.opens_with(at, ">>> "):  # a session of Python
        end = skip(lines, end, ("prose", "numbered"))
        yield Found("code", end)
        return
    yield Found("quote", end, prose=(lines.starts[at], lines.starts[end]))


def _read_item(lines: Lines, at: int, in_list: bool) -> Iterator[Found]:
    if not in_list and (level := numbered_level(lines, at)):
        return iter([Found("heading", at + 1, level=level)])
    return read_item(lines, at)


_READERS: dict[str, Callable[[Lines, int], Iterator[Found]]] = {
    "fence": read_fence,
    "quote": _read_quote,
    "header": read_header,
    "delimiter": read_row,
    "row": read_row,
    "grid": read_grid,
    "columns": read_ruled_columns,
    "org code": read_org_code,
    "listing": read_listing,
    "directive": read_directive,
    "markup table": read_markup_table,
    "hunk": read_hunk,
}

# Readers of shapes that are something else inside a list.
_READERS_IN_PLACE: dict[str, Callable[[Lines, int, bool], Iterator[Found]]] = {
    "heading": _read_heading,
    "item": _read_item,
    "numbered": _read_item,
}
