"""The lines of a text, each with the shape that it could have on its own; its neighbours decide what it is."""

import re
from collections.abc import Collection
from itertools import accumulate
from typing import NamedTuple

from provence_plugins.types import Kind

Range = tuple[int, int]
"""First character and one past the last one; a plain tuple, because it is made for every block."""

# Longer lines are prose: no title and no line of code, whatever the indentation, the mark before
# them or the dashes below them say.
LONGEST_TITLE = 120
LONGEST_PLAIN_TITLE = 80
# About two sentences. A shorter item or record says one thing and stays whole.
LONGEST_WHOLE_ITEM = 200
# Nobody wraps lines so narrow: a line end before this column was meant (a title, a field of a form,
# a verse).
NARROWEST_WRAP = 40
CODE_INDENT = 4

# Possessive quantifiers throughout: no line, however long or odd, makes the match go back over what
# it has read. Byte order marks and marks of direction, with which exports of chats begin their
# lines.
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
    | (?P<numbered>(?!\([cC]\)\ (?:\d{4}|[Cc]opyr))
        (?:[-*+]|\d{1,9}+[.)]|[a-zA-Z]\)|[a-z]\.|\((?:\d{1,3}|[a-zA-Z]|[ivxlc]{1,5})\)
        | \d{1,3}+(?:\.\d{1,3}+)++\.?+ | §{1,2}+\ ?+\d++\w?+\.?+)(?=\s|$))
    ))?""",
    re.VERBOSE,
)

_AROUND = f"{_INVISIBLE} \t\r\n"
ITEMS = frozenset({"item", "numbered"})
# These go with the block before them.
TAILS = frozenset({"blank", "rule", "underline", "signature", "closing"})
BLANK = frozenset({"blank"})


class Lines:
    """The lines of a text as columns, for the reason that `columns.py` gives.

    Attributes:
        text: The whole text.
        starts: Where each line begins, and after these where the last one ends.
        texts: Each line with its end.
        bares: Each line without white space and invisible characters at its ends.
        shapes: What each looks like on its own; "prose" for everything without a mark.
        indents: Columns of white space in front of each.
        openings: First character after the indent, counted in the line.
        contents: First character after the mark that gave the line its shape, counted in the line.
    """

    __slots__ = ("bares", "contents", "indents", "openings", "shapes", "starts", "text", "texts")

    def __init__(self, text: str) -> None:
        self.text = text
        self.texts = text.splitlines(keepends=True)
        self.starts = [0, *accumulate(map(len, self.texts))]
        self.bares = [line.strip(_AROUND) for line in self.texts]
        count = len(self.texts)
        self.shapes = ["prose"] * count
        self.indents = [0] * count
        self.openings = [0] * count
        self.contents = [0] * count
        for number, line in enumerate(self.texts):
            if line == "\n":
                self.shapes[number], self.contents[number] = "blank", 1
            elif not line[:2].isalpha():  # most lines begin with a word, and have no mark
                self._recognize(number)

    def __len__(self) -> int:
        return len(self.texts)

    def mark(
        self,
        number: int,
        shape: str,
        content: int | None = None,
        indent: int | None = None,
    ) -> None:
        """Give a line another shape, and if these depend on it, another content and indent."""
        self.shapes[number] = shape
        if content is not None:
            self.contents[number] = content
        if indent is not None:
            self.indents[number] = indent

    def letter(self, number: int) -> str:
        """Return the first character of a line after its indent."""
        return self.texts[number][self.openings[number]]

    def opens_with(self, number: int, signs: str | tuple[str, ...]) -> bool:
        """Return whether a line begins with some signs after its indent."""
        return self.texts[number].startswith(signs, self.openings[number])

    def fits_title(self, number: int) -> bool:
        """Return whether a line is short enough for a title."""
        return len(self.bares[number]) <= LONGEST_TITLE

    def between(self, at: int, end: int) -> str:
        """Return the text of all lines from `at` up to `end`."""
        return self.text[self.starts[at] : self.starts[end]]

    def _recognize(self, number: int) -> None:
        match = _LINE.match(self.texts[number])
        if match is None:  # it always matches
            return
        self.shapes[number] = match.lastgroup or "prose"
        self.contents[number] = match.end()
        if opening := match.end(1):
            self.openings[number] = opening
            self.indents[number] = len(match[1].lstrip(_INVISIBLE).expandtabs(CODE_INDENT))
        if self.shapes[number] == "heading" and not self.fits_title(number):
            self.mark(number, "prose", opening)


class Found(NamedTuple):
    """A block that was recognized, up to the line `after` it; blank lines may follow.

    Attributes:
        kind: Its role.
        after: Number of the first line after it.
        level: 1 to 6 for a heading in Markdown, 7 for a title in plain text, 8 for a label above a
            list or record; otherwise 0.
        prose: From where to where it may be split into sentences; None for a block that stays
            whole.
        cut: Where the block ends inside the line before `after`; None at that line's end.
        depth: How far in a list item or record is nested: its indent, and after it the rank of its
            mark, so that "(a)" lies inside of "2."; None for blocks that cannot be nested.
        label: The name that opens a record ("Omar", "Price"), in lower case.
    """

    kind: Kind
    after: int
    level: int = 0
    prose: Range | None = None
    cut: int | None = None
    depth: int | None = None
    label: str | None = None


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
            r"(?![◦▪])",
            r"",
        ),
    )
)
RANKS_OF_MARKS = 10


def depth_of(lines: Lines, at: int) -> int:
    """Return how deeply an item or record is nested that begins with a line."""
    rank = 0
    if lines.shapes[at] in ITEMS:
        text, opening = lines.texts[at], lines.openings[at]
        rank = 1 + next(rank for rank, mark in enumerate(_MARKS) if mark.match(text, opening))
    return lines.indents[at] * RANKS_OF_MARKS + rank


def skip(lines: Lines, at: int, shapes: Collection[str]) -> int:
    """Return the number of the first line from `at` on that has none of the shapes."""
    column = lines.shapes
    count = len(column)
    while at < count and column[at] in shapes:
        at += 1
    return at


def follows_blank(lines: Lines, at: int) -> bool:
    """Return whether a line is the first of its text or comes after a blank line or a break."""
    return at == 0 or lines.shapes[at - 1] in TAILS


def long_prose(start: int, end: int, text_start: int) -> Range | None:
    """Return what of an item or record may be split into sentences: nothing if it is short.

    Args:
        start: Where the item begins, its mark included.
        end: Where it ends.
        text_start: Where its text begins, after the mark or label.
    """
    return (text_start, end) if end - start > LONGEST_WHOLE_ITEM and text_start < end else None
