"""Lines without a mark: records, tables and titles in plain text, list items, and what is left, paragraphs of prose."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from provence_plugins.text.code import (
    cut_code,
    find_comment,
    find_trace,
    is_code_line,
    is_file_of_diff,
    is_indented_code,
    looks_like_code,
    read_file_of_diff,
    read_indented_code,
)
from provence_plugins.text.html import find_html
from provence_plugins.text.lines import (
    BLANK,
    LONGEST_PLAIN_TITLE,
    NARROWEST_WRAP,
    RANKS_OF_MARKS,
    TAILS,
    Found,
    Lines,
    depth_of,
    long_prose,
    skip,
)
from provence_plugins.text.records import (
    count_labels,
    find_cues,
    find_indented_section,
    find_inline_times,
    find_lone_record,
    find_messages,
    find_records,
    find_terms,
    is_field,
)
from provence_plugins.text.tables import (
    find_column_run,
    find_columns,
    find_ruled_header,
    find_times,
    find_values,
    may_announce_rows,
)
from provence_plugins.text.titles import (
    LABEL_LEVEL,
    announces,
    find_section,
    is_title,
    numbered_level,
    read_title,
    underlined_level,
)
from provence_plugins.types import Kind, Span

_MOST_WORDS_OF_TERM = 4
_MOST_CODE_LINES = 20
# The next clause on the line of the one before.
_INLINE_CLAUSE = re.compile(r"[.;]\s(?:\((?:\d{1,2}|[a-z])\)|\d{1,2}(?:\.\d{1,2}){1,4}\.?|§ ?\d{1,4})\s(?=[A-Z])")
# Columns of newspapers and of PDF files are wider.
_NARROWEST_COLUMN = 30
_PARAGRAPH = frozenset({"prose", "numbered"})
# So few characters are not worth cutting.
_LONGEST_SINGLE = 3
_FEWEST_ROWS = 2
# Signs with which a line of its own begins.
_OPENING_SIGNS = frozenset("©®™@#[¿¡$€£")
_OPENINGS_OF_JSON = ("{", "[", "[{")
_NO_LABELS = ("def ", "class ", "if ", "for ", "while ", "{", "[")
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
        if section := find_indented_section(lines, at):
            return _given_up(section)
        if lines[at].indent and (level := underlined_level(lines, at)):
            return iter([Found("heading", at + 2, level=level)])
        if is_indented_code(lines, at):
            return read_indented_code(lines, at)
        if comment := find_comment(lines, at):
            return iter(comment)
        if is_file_of_diff(lines, at):
            return read_file_of_diff(lines, at)
        if table := find_ruled_header(lines, at):
            return _given_up(table)
        end = at + 1
        while end < len(lines) and lines[end].shape in _PARAGRAPH and not _begins_clause(lines, end):
            end += 1
        for recognize in _RECOGNIZERS if end > at + 1 else _LINE_RECOGNIZERS:
            if found := recognize(lines, at, end):
                return _given_up(found)
        return self._read_mixed(at, end)

    def _read_mixed(self, at: int, end: int) -> Iterator[Found]:
        """Read prose, and the rows that stand in the same paragraph as the prose around them."""
        lines = self._lines
        begin = at
        if not any(map(may_announce_rows, lines[at:end])):
            at = end
        while end - at >= _FEWEST_ROWS:
            rows = find_column_run(lines, at, end)
            if rows is None and at > begin and lines[at - 1].bare.endswith(":"):
                rows = find_values(lines, at, end) or find_terms(lines, at, end)
            if rows:
                yield from self._read_prose(begin, at)
                yield from rows
                at = begin = rows[-1].after
            else:
                at += 1
        yield from self._read_prose(begin, end)

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
        if title := read_title(lines, at):
            return title
        if is_code_line(lines, at):
            return Found("code", self._end_of_code(at))
        if record := find_lone_record(lines, at, self._count_labels):
            return record
        return _paragraph(lines, at, at + 1)

    def _end_of_code(self, at: int) -> int:
        """Return the number of the line after lines of code that blank lines separate."""
        lines = self._lines
        end = at + 1
        while end - at < _MOST_CODE_LINES:
            below = skip(lines, end, BLANK)
            is_alone = below + 1 >= len(lines) or lines[below + 1].shape in BLANK
            if below == end or below >= len(lines) or not is_alone or not is_code_line(lines, below):
                break
            end = below + 1
        return end

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
    prose = long_prose(start, stop, start + lines[at].content)
    if prose is None and any(_INLINE_CLAUSE.search(lines[number].text) for number in range(at, end)):
        prose = Span(start + lines[at].content, stop)
    yield Found("list_item", end, prose=prose, depth=depth_of(lines[at]))


def _leaves_item(lines: Lines, item: int, at: int) -> bool:
    """Return whether a line below an item, no further in than the item, is a title or begins a paragraph of its own."""
    line, before = lines[at], lines[at - 1].bare
    if line.indent > lines[item].indent:
        return False
    if not line.text[line.opening].isupper():
        return is_field(line)
    return before.endswith(_STOPS) or line.bare.endswith(":") or (is_title(line) and announces(lines, at))


def _paragraph(lines: Lines, at: int, end: int) -> Found:
    start, stop = lines[at].start, lines[end - 1].end
    # What is further in than the item or record above it belongs to it.
    depth = depth_of(lines[at]) if lines[at].indent else None
    return Found("sentence", end, prose=Span(start, stop) if stop - start > _LONGEST_SINGLE else None, depth=depth)


def _given_up(found: list[Found]) -> Iterator[Found]:
    """Yield the blocks of a list, and let go of each: a text of short lines has tens of thousands of them."""
    found.reverse()
    while found:
        yield found.pop()


def _begins_clause(lines: Lines, at: int) -> bool:
    """Return whether a number begins a step, a clause or a section, rather than going on with wrapped prose."""
    if lines[at].shape != "numbered":
        return False
    return lines[at - 1].bare.endswith(_STOPS) or numbered_level(lines, at) > 0


def _goes_on(lines: Lines, first: int, at: int) -> bool:
    """Return whether a line continues the paragraph or item that began at `first`."""
    before, line = lines[at - 1], lines[at]
    if ":" in before.text[-3:] and is_code_line(lines, at):
        return False
    if len(before.text) >= NARROWEST_WRAP or line.shape == "numbered":
        return True
    letter = line.text[line.opening]
    opens = letter.isupper() or letter.isdigit() or letter in _OPENING_SIGNS
    return not opens or line.indent > lines[first].indent


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
        found.append(Found("record", after, prose=prose, depth=depth_of(lines[begin])))
    return found


def _find_json(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize a document of JSON that stands in running text, as code."""
    if lines[at].bare not in _OPENINGS_OF_JSON or lines[end - 1].bare[-1:] not in "]}":
        return None
    return list(cut_code(lines, at, end))


def _find_meanings(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize a term with its meanings below it, each behind a colon."""
    begins = [number for number in range(at + 1, end) if lines[number].text.startswith(": ", lines[number].opening)]
    if not begins or begins[0] != at + 1:
        return None
    found = [Found("record", begins[0], depth=depth_of(lines[at]))]
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        prose = long_prose(lines[begin].start, lines[after - 1].end, lines[begin].start)
        found.append(Found("record", after, prose=prose, depth=depth_of(lines[at]) + RANKS_OF_MARKS))
    return found


def _find_short_lines(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize lines that were not wrapped: the next word would nearly always have fitted into them.

    A verse, an address, a list without marks, with the label above it.
    """
    width = max(_NARROWEST_COLUMN, *(len(lines[number].bare) for number in range(at, end)))
    if end - at < 3 or width > LONGEST_PLAIN_TITLE:
        return None
    wrapped = {number for number in range(at + 1, end) if _is_wrapped(lines, number, width)}
    if 4 * len(wrapped) > end - at - 1:
        return None
    if sum(len(lines[number].bare) for number in range(at, end)) > NARROWEST_WRAP * (end - at):
        return None
    kind: Kind = "sentence"
    found = []
    if _is_label(lines, at, end):
        kind = "list_item"
        found.append(Found("heading", at + 1, level=LABEL_LEVEL))
        at += 1
    # The end of a line was not meant where a sentence goes on and its next word did not fit.
    begins = [at, *(n for n in range(at + 1, end) if n not in wrapped or not lines[n].text[lines[n].opening].islower())]
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        prose = Span(lines[begin].start, lines[after - 1].end)
        depth = depth_of(lines[begin]) if kind == "list_item" else None
        found.append(Found(kind, after, prose=prose, depth=depth))
    return found


def _is_wrapped(lines: Lines, at: int, width: int) -> bool:
    """Return whether the first word of a line would not have fitted into the line before."""
    # A line of nothing but invisible characters has no word.
    word = next(iter(lines[at].bare.split(maxsplit=1)), "")
    return len(lines[at - 1].bare) + 1 + len(word) > width


def _is_label(lines: Lines, at: int, end: int) -> bool:
    """Return whether the first of several short lines names what the others list."""
    if lines[at].bare.startswith(_NO_LABELS):
        return False
    if lines[at].bare.endswith(":"):
        return True
    openings = [lines[number].text[lines[number].opening] for number in range(at + 1, end)]
    listed = sum(1 for letter in openings if letter.islower() or letter.isdigit())
    has_figures = any(letter.isdigit() for letter in openings)
    is_list = listed == len(openings) or (has_figures and 2 * listed >= len(openings))
    return is_list and is_title(lines[at]) and len(lines[at].bare.split()) <= _MOST_WORDS_OF_TERM


Recognizer = Callable[[Lines, int, int], list[Found] | None]

# The first that recognizes the lines of a paragraph has them.
_RECOGNIZERS: tuple[Recognizer, ...] = (
    find_html,
    find_trace,
    find_section,
    find_cues,
    find_inline_times,
    _find_json,
    find_times,
    find_values,
    find_messages,
    _find_meanings,
    find_records,
    _find_code,
    find_columns,
    _find_definitions,
    find_terms,
    _find_short_lines,
)
_LINE_RECOGNIZERS: tuple[Recognizer, ...] = (find_html, find_cues, find_inline_times)
