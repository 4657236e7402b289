"""Long lines that were not wrapped: notes, turns of a chat, tickets, the rows of a table written out as text."""

import re
from collections.abc import Iterator

from provence_plugins.text.lines import LONGEST_WHOLE_ITEM, NARROWEST_WRAP, Found, Lines
from provence_plugins.text.short_lines import find_lower_case, find_wrapped, read_lines

# Three lines could be a paragraph of two and the one below it.
_FEWEST_LINES = 4
_FULL_STOPS = (".", "!", "?")
_CLOSING_MARKS = "\"'”’»)"
_NEXT_SENTENCE = re.compile(rf"[.!?][{_CLOSING_MARKS}]*+\s++[\"'“‘(]*+(\w)")


def find_long_lines(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize long lines that were not wrapped: few of them end inside a sentence.

    A line ends inside a sentence where the next word would not have fitted, as in wrapped prose, and
    where the next line begins in lower case although sentences begin with capitals, as in prose that
    was broken at odd places.
    """
    count = end - at
    if count < _FEWEST_LINES:
        return None
    lengths = sorted(map(len, lines.bares[at:end]))
    # Lines that are short on average are cells of a table: a name, and below it the values that belong to it.
    if lengths[-1] > LONGEST_WHOLE_ITEM or sum(lengths) <= NARROWEST_WRAP * count:
        return None
    # Where most lines end with a full stop, the full stops tell where a sentence ends.
    if 2 * sum(map(_ends_sentence, lines.bares[at:end])) > count:
        return None
    lower_case = find_lower_case(lines, at, end)
    inside = lower_case if _has_capitals(lines, at, end, lower_case) else set()
    # One line of wrapped prose may stick out: by a link, or by a word that was added later.
    wrapped = find_wrapped(lines, at, end, width=lengths[-2])
    # About one line in three may be so by chance; the two longest always are.
    if 3 * len(inside | wrapped) > count + 1:
        return None
    overflowing = find_wrapped(lines, at, end, width=lengths[-1])
    return read_lines(lines, at, end, continuing=inside | (overflowing & lower_case))


def _ends_sentence(bare: str) -> bool:
    return bare.rstrip(_CLOSING_MARKS).endswith(_FULL_STOPS)


def _has_capitals(lines: Lines, at: int, end: int, lower_case: set[int]) -> bool:
    """Return whether sentences begin with capitals: those after full stops, or the only one."""
    if lines.letter(at).isupper() and len(lower_case) == end - at - 1:
        return True
    return any(match[1].isupper() for match in _NEXT_SENTENCE.finditer(lines.between(at, end)))
