"""Lines without a mark: records, tables and titles in plain text, list items, and what is left, paragraphs of prose."""

from collections import Counter
from collections.abc import Callable, Iterator

from provence_plugins.text.code import (
    cut_code,
    is_file_of_diff,
    is_indented_code,
    looks_like_code,
    read_file_of_diff,
    read_indented_code,
)
from provence_plugins.text.html import find_html
from provence_plugins.text.lines import (
    ITEMS,
    LONGEST_TITLE,
    NARROWEST_WRAP,
    TAILS,
    Found,
    Line,
    Lines,
    follows_blank,
    long_prose,
    skip,
)
from provence_plugins.text.records import count_labels, find_cues, find_lone_record, find_records
from provence_plugins.text.tables import find_columns, find_values
from provence_plugins.types import Span

_UNDERLINES = {"=": 1, "-": 2, "~": 3}
_TITLE_LEVEL = 7
_LABEL_LEVEL = 8
_MOST_WORDS_OF_TITLE = 12
_LONGEST_PLAIN_TITLE = 80
_MOST_WORDS_OF_TERM = 4
# Columns of newspapers and of PDF files are wider.
_NARROWEST_COLUMN = 30
_ANNOUNCED = ITEMS | {"fence", "header", "grid", "columns", "quote"}
_PARAGRAPH = frozenset({"prose", "numbered"})
_STOPS = (".", "!", "?", ":", ";")


class Paragraphs:
    """Reads what has no mark of its own in the lines of one text."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._labels: Counter[str] | None = None

    def read(self, at: int, in_list: bool) -> Iterator[Found]:
        """Read the blocks that begin at a line, up to the next blank line or mark at most."""
        lines = self._lines
        if in_list:
            return read_item(lines, at)
        if is_indented_code(lines, at):
            return read_indented_code(lines, at)
        if is_file_of_diff(lines, at):
            return read_file_of_diff(lines, at)
        end = at + 1
        while end < len(lines) and lines[end].shape in _PARAGRAPH and not _begins_clause(lines[end - 1], lines[end]):
            end += 1
        for recognize in _RECOGNIZERS if end > at + 1 else _LINE_RECOGNIZERS:
            if found := recognize(lines, at, end):
                return iter(found)
        return self._read_prose(at, end)

    def _read_prose(self, at: int, end: int) -> Iterator[Found]:
        """Cut lines into paragraphs, and lines that stand alone into titles, records and paragraphs."""
        lines = self._lines
        while at < end:
            after = at + 1
            while after < end and _goes_on(lines, at, after):
                after += 1
            yield self._read_line(at) if after == at + 1 else _paragraph(lines, at, after)
            at = after

    def _read_line(self, at: int) -> Found:
        lines = self._lines
        if level := _underlined_level(lines, at):
            return Found("heading", at + 2, level=level)
        if level := _title_level(lines, at):
            return Found("heading", at + 1, level=level)
        if record := find_lone_record(lines, at, self._count_labels):
            return record
        return _paragraph(lines, at, at + 1)

    def _count_labels(self) -> Counter[str]:
        if self._labels is None:
            self._labels = count_labels(self._lines)
        return self._labels


def read_item(lines: Lines, at: int) -> Iterator[Found]:
    """Read a list item with the lines that continue it."""
    end = at + 1
    while (
        end < len(lines)
        and lines[end].shape == "prose"
        and _goes_on(lines, at, end)
        and not _leaves_item(lines, at, end)
    ):
        end += 1
    start, stop = lines[at].start, lines[end - 1].end
    yield Found("list_item", end, prose=long_prose(start, stop, start + lines[at].content), indent=lines[at].indent)


def _leaves_item(lines: Lines, item: int, at: int) -> bool:
    """Return whether a line below an item, no further in than the item, is a title or begins a paragraph of its own."""
    line, before = lines[at], lines[at - 1].bare
    if line.indent > lines[item].indent or not line.text[line.opening].isupper():
        return False
    return before.endswith(_STOPS) or line.bare.endswith(":") or (_is_title(line) and _announces(lines, at))


def _paragraph(lines: Lines, at: int, end: int) -> Found:
    return Found("sentence", end, prose=Span(lines[at].start, lines[end - 1].end))


def _begins_clause(before: Line, line: Line) -> bool:
    """Return whether a number begins a step or a clause, rather than going on with a sentence of wrapped prose."""
    return line.shape == "numbered" and before.bare.endswith(_STOPS)


def _goes_on(lines: Lines, first: int, at: int) -> bool:
    """Return whether a line continues the paragraph or item that began at `first`."""
    before, line = lines[at - 1], lines[at]
    if len(before.text) >= NARROWEST_WRAP or line.shape == "numbered":
        return True
    letter = line.text[line.opening]
    return not (letter.isupper() or letter.isdigit()) or line.indent > lines[first].indent


def _underlined_level(lines: Lines, at: int) -> int:
    """Return the level of a title with a line of signs below it, 0 for any other line.

    A line between two of signs, such as the total of a bill, is not a title; neither is one above a mail's signature.
    """
    if at + 1 == len(lines) or len(lines[at].text) > LONGEST_TITLE:
        return 0
    signs = lines[at + 1].bare
    # Tildes open a fence in Markdown; in reStructuredText they underline a title, and are as long as it is.
    is_tildes = lines[at + 1].shape == "fence" and set(signs) == {"~"} and len(signs) >= len(lines[at].bare)
    if not is_tildes and lines[at + 1].shape != "underline":
        return 0
    is_amount = "  " in lines[at].bare
    return 0 if is_amount or not _stands_free(lines, at) else _UNDERLINES[signs[0]]


def _stands_free(lines: Lines, at: int) -> bool:
    """Return whether nothing is right above a line but a break, or a title with its underline."""
    if at > 1 and lines[at - 1].shape == "underline" and lines[at - 2].shape == "prose":
        at -= 2
    return follows_blank(lines, at) or lines[at - 1].shape == "heading"


def _title_level(lines: Lines, at: int) -> int:
    """Return 7 for a title in plain text, 8 for a label above a list, a table or code, 0 for any other line."""
    if not _is_title(lines[at]):
        return 0
    if _announces(lines, at):
        return _LABEL_LEVEL
    below = skip(lines, at + 1, TAILS)
    is_apart = follows_blank(lines, at) and at + 1 < below < len(lines)
    if not is_apart or lines[at].bare.endswith((":", "?")):
        return 0
    follower = lines[below]
    is_section = follower.shape == "prose" and len(follower.text) > _LONGEST_PLAIN_TITLE
    return _TITLE_LEVEL if is_section or follower.shape in ITEMS else 0


def _is_title(line: Line) -> bool:
    """Return whether a line could be a title: short, with a capital first, and not a sentence."""
    bare = line.bare
    first = bare.lstrip("*_\"“'")[:1]
    return (
        len(bare) <= _LONGEST_PLAIN_TITLE
        and (first.isupper() or first.isdigit())
        and not bare.endswith((".", ",", ";", "!", "…", "。"))
        and len(bare.split()) <= _MOST_WORDS_OF_TITLE
    )


def _announces(lines: Lines, at: int) -> bool:
    """Return whether a list, table, quote or code begins right below a line, or below a blank one after a colon."""
    below = at + 1
    if lines[at].bare.endswith(":"):
        below = skip(lines, below, TAILS)
    return below < len(lines) and lines[below].shape in _ANNOUNCED


def _find_section(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize the title of a manual page's section: capitals only, with everything below further in."""
    title = lines[at].bare
    is_title = title.isupper() and len(title) <= _LONGEST_PLAIN_TITLE and title[-1] not in ".:;,"
    if not is_title or any(lines[number].indent <= lines[at].indent for number in range(at + 1, end)):
        return None
    return [Found("heading", at + 1, level=_TITLE_LEVEL)]


def _find_code(lines: Lines, at: int, end: int) -> list[Found] | None:
    if not looks_like_code(lines[at:end]):
        return None
    while end < len(lines) and lines[end].shape == "blank" and (begin := skip(lines, end, TAILS)) < len(lines):
        below = begin
        while below < len(lines) and lines[below].shape in _PARAGRAPH:
            below += 1
        if not looks_like_code(lines[begin:below]):
            break
        end = below
    return list(cut_code(lines, at, end))


def _find_definitions(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize terms with their explanations further in below them."""
    margin = lines[at].indent
    terms = [number for number in range(at, end) if lines[number].indent <= margin]
    followed = [number for number in terms if number + 1 < end and lines[number + 1].indent >= margin + 2]
    is_definition = len(followed) == len(terms) and not any(lines[number].bare.endswith(_STOPS) for number in terms)
    if not is_definition or any(len(lines[number].bare.split()) > _MOST_WORDS_OF_TERM for number in terms):
        return None
    found = []
    for begin, after in zip(terms, [*terms[1:], end], strict=True):
        prose = long_prose(lines[begin].start, lines[after - 1].end, lines[begin].end)
        found.append(Found("record", after, prose=prose, indent=margin))
    return found


def _find_short_lines(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize lines that were not wrapped: the next word would nearly always have fitted into them.

    A verse, an address, a list without marks.
    """
    width = max(_NARROWEST_COLUMN, *(len(lines[number].bare) for number in range(at, end)))
    if end - at < 3 or width > _LONGEST_PLAIN_TITLE:
        return None
    meant = 0
    for number in range(at, end - 1):
        # A line of nothing but invisible characters has no word.
        word = next(iter(lines[number + 1].bare.split(maxsplit=1)), "")
        meant += len(lines[number].bare) + 1 + len(word) <= width
    if 4 * meant < 3 * (end - at - 1) or sum(len(lines[n].bare) for n in range(at, end)) > NARROWEST_WRAP * (end - at):
        return None
    return [
        Found("sentence", number + 1, prose=Span(lines[number].start, lines[number].end)) for number in range(at, end)
    ]


Recognizer = Callable[[Lines, int, int], list[Found] | None]

# The first that recognizes the lines of a paragraph has them.
_RECOGNIZERS: tuple[Recognizer, ...] = (
    find_html,
    _find_section,
    find_cues,
    find_values,
    find_records,
    _find_code,
    find_columns,
    _find_definitions,
    _find_short_lines,
)
_LINE_RECOGNIZERS: tuple[Recognizer, ...] = (find_html, find_cues)
