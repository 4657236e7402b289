"""The lines of a text, each with the shape that it could have on its own; its neighbours decide what it is."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import NamedTuple, overload

from provence_plugins.types import Kind, Span

# Longer lines are prose: no title and no line of code, whatever the indentation or the dashes below them say.
LONGEST_TITLE = 120
LONGEST_PLAIN_TITLE = 80
# About two sentences. A shorter item or record says one thing and stays whole.
LONGEST_WHOLE_ITEM = 200
# Nobody wraps lines so narrow: a line end before this column was meant (a title, a field of a form, a verse).
NARROWEST_WRAP = 40
CODE_INDENT = 4

# Possessive quantifiers throughout: no line, however long or odd, makes the match go back over what it has read.
# Byte order marks and marks of direction, with which exports of chats begin their lines.
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LINE = re.compile(
    rf"(?P<prose>[{_INVISIBLE}]*+[ \t]*+)"
    r"""(?:(?![^\W\d_]{2})(?:
      (?P<blank>\s*+$)
    | (?P<heading>\#{1,6}+(?=\s|$) | ={2,6}+(?=\ [^=]{1,80}\ =+\s*$))
    | (?P<fence>`{3,}+[^`]*+$ | ~{3,}+)
    | (?P<quote>>)
    | (?P<signature>--\ \s*+$)
    | (?P<underline>(?:-{2,}+|={2,}+)\s*+$)
    | (?P<rule>(?P<dash>[-*_])(?:[ \t]*+(?P=dash)){2,}+\s*+$)
    | (?P<columns>={2,}+(?:\ ++={2,}+)++\s*+$)
    | (?P<grid>\+(?:[-=:]++\+)++\s*+$ | [┌├╞└╔╠╚╟┏┣┗╭╰][\u2500-\u257f]++\s*+$)
    | (?P<delimiter>(?=[-:\ \t]*+\|)(?=[|:\ \t]*+-)\|?+(?:[ \t]*+:?+-++:?+[ \t]*+\|)*+(?:[ \t]*+:?+-++:?+)?+\s*+$
        | -{2,}+(?:\+-{2,}+)++\s*+$)
    | (?P<row>\|.*\|\s*+$ | [│║┃].*[│║┃]\s*+$)
    | (?P<hunk>@@\ -\d)
    | (?P<closing>(?:(?:</\w{1,20}>|<[bh]r\s?/?>)\s*+)++$)
    | (?P<wrapper>(?:<(?:[!?]|html|body|main|div|section|article|header|footer|nav|aside|center|p|details|figure|form)
        \b[^<>]{0,300}>\s*+)++$)
    | (?P<item>(?:[-*+–—]|1[.)]|[aA]\)|\([1aAi]\))[ \t]++(?=\S) | [•‣◦▪●·☐☑✓✔➤►])
    | (?P<numbered>(?:[-*+]|\d{1,9}+[.)]|[a-zA-Z]\)|[a-z]\.|\((?:\d{1,3}|[a-zA-Z]|[ivxlc]{1,5})\)
        | \d{1,3}+(?:\.\d{1,3}+)++\.?+ | §{1,2}+\ ?+\d++\w?+)(?=\s|$))
    ))?""",
    re.VERBOSE,
)

_AROUND = f"{_INVISIBLE} \t\r\n"
ITEMS = frozenset({"item", "numbered"})
# These go with the block before them.
TAILS = frozenset({"blank", "rule", "underline", "signature", "closing"})
BLANK = frozenset({"blank"})


class Line(NamedTuple):
    """One line of a text.

    Attributes:
        start: First character in the text.
        text: The line with its end.
        shape: What it looks like on its own; "prose" for everything without a mark.
        indent: Columns of white space in front.
        opening: First character after the indent, counted in the line.
        content: First character after the mark that gave the line its shape.
    """

    start: int
    text: str
    shape: str
    indent: int
    opening: int
    content: int

    @property
    def end(self) -> int:
        """One past the last character in the text."""
        return self.start + len(self.text)

    @property
    def bare(self) -> str:
        """The line without white space at its ends."""
        return self.text.strip(_AROUND)


class Found(NamedTuple):
    """A block that was recognized, up to the line `after` it; blank lines may follow.

    Attributes:
        kind: Its role.
        after: Number of the first line after it.
        level: 1 to 6 for a heading in Markdown, 7 for a title in plain text, 8 for a label above a list or record;
            otherwise 0.
        prose: What may be split into sentences; None for a block that stays whole.
        cut: Where the block ends inside the line before `after`; None at that line's end.
        depth: How far in a list item or record is nested: its indent, and behind it the rank of its mark, so that "(a)"
            lies inside of "2."; None for blocks that cannot be nested.
        label: The name that opens a record ("Omar", "Price"), in lower case.
    """

    kind: Kind
    after: int
    level: int = 0
    prose: Span | None = None
    cut: int | None = None
    depth: int | None = None
    label: str | None = None


Lines = Sequence[Line]

_Row = tuple[int, str, str, int, int, int]


# As fast as making a plain tuple, unlike the class itself.
_make_line = partial(tuple.__new__, Line)


class LineTable(Sequence[Line]):
    """The lines of a text: a sequence that makes each `Line` when it is asked for.

    The lines are held as plain tuples, for the reason that `columns.py` gives.
    """

    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows

    def __setitem__(self, number: int, line: Line) -> None:
        self._rows[number] = (line.start, line.text, line.shape, line.indent, line.opening, line.content)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Line: ...
    @overload
    def __getitem__(self, place: slice) -> "LineTable": ...
    def __getitem__(self, place: int | slice) -> "Line | LineTable":
        if isinstance(place, slice):
            return LineTable(self._rows[place])
        return _make_line(self._rows[place])

    def __iter__(self) -> Iterator[Line]:
        return map(Line._make, self._rows)


# Marks of lists and clauses, the outermost first.
_MARKS = tuple(
    map(
        re.compile,
        (
            r"§",
            r"\d+[.)]\s",
            r"\d+\.\d+\.?\s",
            r"\d[\d.]+\s",
            r"\(\d+\)",
            r"(?!\((?:[ivx]|[ivxlc]{2,})\))\(?[a-zA-Z][.)]",
            r"\([ivxlc]+\)",
            r"",
        ),
    )
)
RANKS_OF_MARKS = 10


def depth_of(line: Line) -> int:
    """Return how far in an item or record lies that begins with a line."""
    rank = 0
    if line.shape in ITEMS:
        rank = 1 + next(rank for rank, mark in enumerate(_MARKS) if mark.match(line.text, line.opening))
    return line.indent * RANKS_OF_MARKS + rank


def read_lines(text: str) -> LineTable:
    """Split a text into lines and recognize the shape of each."""
    rows: list[_Row] = []
    start = 0
    for line in text.splitlines(keepends=True):
        if match := _LINE.match(line):  # it always does
            shape = match.lastgroup or "prose"
            opening = match.end(1)
            indent = len(match[1].lstrip(_INVISIBLE).expandtabs(CODE_INDENT)) if opening else 0
            rows.append((start, line, shape, indent, opening, match.end()))
        start += len(line)
    return LineTable(rows)


def skip(lines: Lines, at: int, shapes: Collection[str]) -> int:
    """Return the number of the first line from `at` on that has none of the shapes."""
    while at < len(lines) and lines[at].shape in shapes:
        at += 1
    return at


def follows_blank(lines: Lines, at: int) -> bool:
    """Return whether a line is the first of its text or comes after a blank line or a break."""
    return at == 0 or lines[at - 1].shape in TAILS


def long_prose(start: int, end: int, text_start: int) -> Span | None:
    """Return what of an item or record may be split into sentences: nothing if it is short.

    Args:
        start: Where the item begins, its mark included.
        end: Where it ends.
        text_start: Where its text begins, after the mark or label.
    """
    return Span(text_start, end) if end - start > LONGEST_WHOLE_ITEM and text_start < end else None
