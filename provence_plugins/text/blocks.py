"""Text to blocks: headings, code, tables, list items, quotes and paragraphs, by one look at each line.

A line's shape is what it could be on its own; its neighbours decide what it is. Markdown is read as CommonMark does,
except where plain text that was never meant as markdown would suffer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from provence_plugins.types import Kind, Span

# Longer lines are prose: no title and no line of code, whatever the indentation or the dashes below them say.
_LONGEST_TITLE = 120
# About two sentences. A shorter item says one thing and stays whole.
_LONGEST_WHOLE_ITEM = 200
# Nobody wraps lines so narrow: a line end before this column was meant (a title, a field of a form, a verse).
_NARROWEST_WRAP = 40
_CODE_INDENT = 4

# Possessive quantifiers throughout: no line, however long or odd, makes the match go back over what it has read.
_LINE = re.compile(
    r"""(?P<prose>[ \t]*+)(?:(?![^\W\d_]{2})(?:
      (?P<blank>\s*+$)
    | (?P<heading>\#{1,6}+(?=\s|$))
    | (?P<fence>`{3,}+[^`]*+$ | ~{3,}+)
    | (?P<quote>>)
    | (?P<underline>(?:-{2,}+|={2,}+)\s*+$)
    | (?P<rule>(?P<dash>[-*_])(?:[ \t]*+(?P=dash)){2,}+\s*+$)
    | (?P<delimiter>(?=[-:\ \t]*+\|)(?=[|:\ \t]*+-)\|?+(?:[ \t]*+:?+-++:?+[ \t]*+\|)*+(?:[ \t]*+:?+-++:?+)?+\s*+$)
    | (?P<row>\|.*\|\s*+$)
    | (?P<item>(?:[-*+]|1[.)]|[aA]\))[ \t]++(?=\S) | [•‣◦▪●])
    | (?P<numbered>(?:[-*+]|\d{1,9}+[.)]|[a-zA-Z]\))(?=\s|$))
    ))?""",
    re.VERBOSE,
)
_UNDERLINES = {"=": 1, "-": 2, "~": 3}
# These go with the block before them.
_TAILS = frozenset({"blank", "rule", "underline"})
_BLANK = frozenset({"blank"})
_ITEMS = frozenset({"item", "numbered"})
_TABLE_LINES = frozenset({"row", "delimiter", "prose"})


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of text with one role. The blocks of a text tile it.

    Attributes:
        start: First character.
        end: One past the last character, blank lines and thematic breaks after the block included.
        kind: Its role; a paragraph is "sentence".
        level: 1 to 6 for a heading, otherwise 0.
        prose: What may be split into sentences; None for a block that stays whole.
    """

    start: int
    end: int
    kind: Kind
    level: int = 0
    prose: Span | None = None


class _Line(NamedTuple):
    start: int
    text: str
    shape: str
    indent: int  # columns
    opening: int  # first character after the indent
    content: int  # first character after the mark that gave the line its shape

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class _Found(NamedTuple):
    """A block that was recognised, up to the line `after` it; blank lines may follow."""

    kind: Kind
    after: int
    level: int = 0
    prose: Span | None = None


def split_blocks(text: str) -> list[Block]:
    """Split markdown or plain text into blocks that tile it; an empty text has none."""
    lines = _read_lines(text)
    blocks: list[Block] = []
    start = 0
    at = _skip(lines, 0, _TAILS)
    list_indent: int | None = None
    while at < len(lines):
        line = lines[at]
        in_list = list_indent is not None and line.indent > list_indent
        found = _READERS[line.shape](lines, at, in_list)
        if line.shape in _ITEMS:
            list_indent = line.indent if list_indent is None else min(list_indent, line.indent)
        elif not in_list:
            list_indent = None
        at = _skip(lines, found.after, _TAILS)
        end = lines[at].start if at < len(lines) else len(text)
        blocks.append(Block(start, end, found.kind, found.level, found.prose))
        start = end
    if start < len(text):
        blocks.append(Block(start, len(text), "sentence"))
    return blocks


def _read_lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    delimiters = []
    start = 0
    for line in text.splitlines(keepends=True):
        if match := _LINE.match(line):  # it always does
            shape = match.lastgroup or "prose"
            if shape == "delimiter":
                delimiters.append(len(lines))
            opening = match.end(1)
            indent = len(match[1].expandtabs(_CODE_INDENT)) if opening else 0
            lines.append(_Line(start, line, shape, indent, opening, match.end()))
        start += len(line)
    for at in delimiters:
        _mark_table(lines, at)
    return lines


def _mark_table(lines: list[_Line], delimiter: int) -> None:
    """Give the lines around a delimiter row their shape: the one above is the header, those below with a pipe rows."""
    header = delimiter - 1
    if header < 0 or not _is_table_line(lines[header]) or lines[delimiter].shape == "row":
        return
    lines[header] = lines[header]._replace(shape="header")
    row = delimiter + 1
    while row < len(lines) and _is_table_line(lines[row]):
        lines[row] = lines[row]._replace(shape="row")
        row += 1


def _is_table_line(line: _Line) -> bool:
    return line.shape in _TABLE_LINES and "|" in line.text


def _skip(lines: list[_Line], at: int, shapes: frozenset[str]) -> int:
    while at < len(lines) and lines[at].shape in shapes:
        at += 1
    return at


def _read_heading(lines: list[_Line], at: int, in_list: bool) -> _Found:
    if _is_code(lines, at, in_list):
        return _read_indented_code(lines, at)
    return _Found("heading", at + 1, level=lines[at].content - lines[at].opening)


def _read_fence(lines: list[_Line], at: int, in_list: bool) -> _Found:
    opening = lines[at].text.strip()
    mark = opening[0]
    width = len(opening) - len(opening.lstrip(mark))
    for end in range(at + 1, len(lines)):
        if lines[end].shape == "fence":
            closing = lines[end].text.strip()
            if len(closing) >= width and not closing.strip(mark):
                return _Found("code", end + 1)
    return _Found("code", len(lines))


def _read_quote(lines: list[_Line], at: int, in_list: bool) -> _Found:
    end = at
    while end < len(lines) and lines[end].shape == "quote":
        end += 1
    return _Found("quote", end, prose=Span(lines[at].start, lines[end - 1].end))


def _read_table_header(lines: list[_Line], at: int, in_list: bool) -> _Found:
    return _Found("table_header", at + 2)


def _read_table_row(lines: list[_Line], at: int, in_list: bool) -> _Found:
    return _Found("table_row", at + 1)


def _read_item(lines: list[_Line], at: int, in_list: bool) -> _Found:
    end = at + 1
    while end < len(lines) and lines[end].shape == "prose" and _goes_on(lines, at, end):
        end += 1
    return _Found("list_item", end, prose=_long_item(lines[at].start + lines[at].content, lines[end - 1].end))


def _read_prose(lines: list[_Line], at: int, in_list: bool) -> _Found:
    if _is_code(lines, at, in_list):
        return _read_indented_code(lines, at)
    if in_list:
        return _read_item(lines, at, in_list)
    end = at + 1
    # "2019. It was" at the start of a wrapped line is no list item; like CommonMark, only 1 begins a list there.
    while end < len(lines) and lines[end].shape in ("prose", "numbered") and _goes_on(lines, at, end):
        end += 1
    if end == at + 1 < len(lines) and len(lines[at].text) <= _LONGEST_TITLE and _is_underline(lines[end], lines[at]):
        return _Found("heading", end + 1, level=_UNDERLINES[lines[end].text.strip()[0]])
    return _Found("sentence", end, prose=Span(lines[at].start, lines[end - 1].end))


def _is_underline(line: _Line, title: _Line) -> bool:
    signs = line.text.strip()
    # Tildes open a fence in Markdown; in reStructuredText they underline a title, and are as long as it is.
    is_tildes = line.shape == "fence" and set(signs) == {"~"} and len(signs) >= len(title.text.strip())
    return line.shape == "underline" or is_tildes


def _goes_on(lines: list[_Line], first: int, at: int) -> bool:
    """Whether the line continues the paragraph or item that began at `first`, rather than a line of its own."""
    before, line = lines[at - 1], lines[at]
    if len(before.text) >= _NARROWEST_WRAP or line.shape == "numbered":
        return True
    letter = line.text[line.opening]
    return not (letter.isupper() or letter.isdigit()) or line.indent > lines[first].indent


def _long_item(start: int, end: int) -> Span | None:
    return Span(start, end) if end - start > _LONGEST_WHOLE_ITEM else None


def _is_code(lines: list[_Line], at: int, in_list: bool) -> bool:
    after_blank = at == 0 or lines[at - 1].shape in _TAILS
    return after_blank and not in_list and _skip_indented(lines, at) > at


def _read_indented_code(lines: list[_Line], at: int) -> _Found:
    end = begin = at
    while (after := _skip_indented(lines, begin)) > begin:
        end, begin = after, _skip(lines, after, _BLANK)
    return _Found("code", end)


def _skip_indented(lines: list[_Line], at: int) -> int:
    """End of the indented lines that begin here, or `at` itself if they are prose rather than code."""
    for end in range(at, len(lines)):
        line = lines[end]
        if line.shape in _TAILS:
            return end
        if line.indent < _CODE_INDENT:
            # Text right below: the indent was that of a paragraph's first line.
            return at if line.shape == "prose" else end
        if len(line.text) > _LONGEST_TITLE:
            return at
    return len(lines)


_READERS: dict[str, Callable[[list[_Line], int, bool], _Found]] = {
    "heading": _read_heading,
    "fence": _read_fence,
    "quote": _read_quote,
    "header": _read_table_header,
    "delimiter": _read_table_row,
    "row": _read_table_row,
    "item": _read_item,
    "numbered": _read_item,
    "prose": _read_prose,
}
