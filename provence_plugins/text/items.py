"""List items with the lines that continue them, and what makes a line continue the one above it."""

import re
from collections.abc import Iterator

from provence_plugins.text.code import is_code_line
from provence_plugins.text.heads import is_field
from provence_plugins.text.lines import NARROWEST_WRAP, Found, Lines, depth_of, long_prose
from provence_plugins.text.titles import announces, is_title

STOPS = (".", "!", "?", ":", ";")
# The next clause on the line of the one before.
_INLINE_CLAUSE = re.compile(r"[.;]\s(?:\((?:\d{1,2}|[a-z])\)|\d{1,2}(?:\.\d{1,2}){1,4}\.?|§ ?\d{1,4})\s(?=[A-Z])")
# Signs with which a line of its own begins.
_OPENING_SIGNS = frozenset("©®™@#[¿¡$€£")


def read_item(lines: Lines, at: int) -> Iterator[Found]:
    """Read a list item with the lines that continue it."""
    end = at + 1
    while (
        end < len(lines)
        and lines.shapes[end] == "prose"
        and goes_on(lines, at, end)
        and not _leaves_item(lines, at, end)
    ):
        end += 1
    start, stop = lines.starts[at], lines.starts[end]
    text_start = start + lines.contents[at]
    prose = long_prose(start, stop, text_start)
    if prose is None and any(map(_INLINE_CLAUSE.search, lines.texts[at:end])):
        prose = text_start, stop
    yield Found("list_item", end, prose=prose, depth=depth_of(lines, at))


def goes_on(lines: Lines, first: int, at: int) -> bool:
    """Return whether a line continues the paragraph or item that began at `first`."""
    before = lines.texts[at - 1]
    if ":" in before[-3:] and is_code_line(lines, at):
        return False
    if len(before) >= NARROWEST_WRAP or lines.shapes[at] == "numbered":
        return True
    letter = lines.letter(at)
    opens = letter.isupper() or letter.isdigit() or letter in _OPENING_SIGNS
    return not opens or lines.indents[at] > lines.indents[first]


def _leaves_item(lines: Lines, item: int, at: int) -> bool:
    """Return whether a line below an item, indented no deeper, is a title or begins a paragraph of its own."""
    if lines.indents[at] > lines.indents[item]:
        return False
    if not lines.letter(at).isupper():
        return is_field(lines, at)
    bare = lines.bares[at]
    return lines.bares[at - 1].endswith(STOPS) or bare.endswith(":") or (is_title(bare) and announces(lines, at))
