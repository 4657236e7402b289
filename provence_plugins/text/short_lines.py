"""Lines that were not wrapped: a verse, an address, a list without marks, with the label above it."""

from collections.abc import Container, Iterator

from provence_plugins.text.definitions import MOST_WORDS_OF_TERM
from provence_plugins.text.lines import LONGEST_PLAIN_TITLE, NARROWEST_WRAP, Found, Lines, depth_of
from provence_plugins.text.titles import LABEL_LEVEL, is_title, read_part
from provence_plugins.types import Kind

# Columns of newspapers and of PDF files are wider.
_NARROWEST_COLUMN = 30
_FEWEST_LINES = 3
_NO_LABELS = ("def ", "class ", "if ", "for ", "while ", "{", "[")


def find_short_lines(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize lines that were not wrapped: the next word would nearly always have fitted into them."""
    count = end - at
    if count < _FEWEST_LINES:
        return None
    lengths = list(map(len, lines.bares[at:end]))
    width = max(_NARROWEST_COLUMN, *lengths)
    if width > LONGEST_PLAIN_TITLE or sum(lengths) > NARROWEST_WRAP * count:
        return None
    wrapped = find_wrapped(lines, at, end, width)
    # One line in four may have been wrapped by chance.
    if 4 * len(wrapped) > count - 1:
        return None
    return read_lines(lines, at, end, continuing=wrapped & find_lower_case(lines, at, end))


def find_wrapped(lines: Lines, at: int, end: int, width: int) -> set[int]:
    """Return the numbers of the lines whose first word would not have fitted into the line before."""
    return {number for number in range(at + 1, end) if _is_wrapped(lines, number, width)}


def find_lower_case(lines: Lines, at: int, end: int) -> set[int]:
    """Return the numbers of the lines below the first that begin in lower case."""
    return {number for number in range(at + 1, end) if lines.letter(number).islower()}


def read_lines(lines: Lines, at: int, end: int, *, continuing: Container[int]) -> Iterator[Found]:
    """Read each line as a block of its own, with the lines that continue it, below the label of all.

    Args:
        lines: The text.
        at: The first line.
        end: The line after the last one.
        continuing: Numbers of the lines that continue the sentence of the line before.
    """
    kind: Kind = "sentence"
    if _is_label(lines, at, end):
        kind = "list_item"
        yield Found("heading", at + 1, level=LABEL_LEVEL)
        at += 1
    begin = at
    for after in range(at + 1, end + 1):
        if after < end and after in continuing:
            continue
        if after == begin + 1 and (title := read_part(lines, begin)):
            yield title
            begin = after
            continue
        depth = depth_of(lines, begin) if kind == "list_item" else None
        yield Found(kind, after, prose=(lines.starts[begin], lines.starts[after]), depth=depth)
        begin = after


def _is_wrapped(lines: Lines, at: int, width: int) -> bool:
    # A line of nothing but invisible characters has no word.
    word = next(iter(lines.bares[at].split(maxsplit=1)), "")
    return len(lines.bares[at - 1]) + 1 + len(word) > width


def _is_label(lines: Lines, at: int, end: int) -> bool:
    """Return whether the first of several lines names what the others list."""
    bare = lines.bares[at]
    if bare.startswith(_NO_LABELS):
        return False
    if bare.endswith(":"):
        return len(bare) <= LONGEST_PLAIN_TITLE
    openings = [lines.letter(number) for number in range(at + 1, end)]
    listed = sum(1 for letter in openings if letter.islower() or letter.isdigit())
    has_figures = any(letter.isdigit() for letter in openings)
    is_list = listed == len(openings) or (has_figures and 2 * listed >= len(openings))
    return is_list and is_title(bare) and len(bare.split()) <= MOST_WORDS_OF_TERM
