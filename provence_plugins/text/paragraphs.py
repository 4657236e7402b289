"""Lines without a mark: records, tables and titles in plain text; the rest is paragraphs of prose."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from provence_plugins.text.code import (
    cut_code,
    find_comment,
    find_script,
    find_trace,
    is_code_line,
    is_file_of_diff,
    is_indented_code,
    looks_like_code,
    read_file_of_diff,
    read_indented_code,
)
from provence_plugins.text.definitions import find_definitions, find_meanings, find_terms
from provence_plugins.text.heads import Labels
from provence_plugins.text.html import find_html
from provence_plugins.text.items import STOPS, goes_on, read_item
from provence_plugins.text.lines import BLANK, TAILS, Found, Lines, depth_of, skip
from provence_plugins.text.long_lines import find_long_lines
from provence_plugins.text.markup import find_drawer
from provence_plugins.text.records import find_indented_section, find_lone_record, find_records
from provence_plugins.text.short_lines import find_short_lines
from provence_plugins.text.spaced_tables import (
    RULES,
    find_column_run,
    find_columns,
    find_number_rows,
    find_ruled_header,
    find_times,
    may_announce_rows,
)
from provence_plugins.text.tables import find_values
from provence_plugins.text.titles import find_section, numbered_level, read_title, underlined_level
from provence_plugins.text.transcripts import find_cues, find_inline_times, find_messages

_MOST_CODE_LINES = 20
_PARAGRAPH = frozenset({"prose", "numbered"})
# So few characters are not worth cutting.
_LONGEST_SINGLE = 3
_FEWEST_ROWS = 2
# Rows of values are looked for below so many lines of a paragraph that end with a colon.
_MOST_TRIES = 20
_OPENINGS_OF_JSON = ("{", "[", "[{")


class Paragraphs:
    """Reads what has no mark of its own in the lines of one text."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._labels: Labels | None = None
        # Most texts have no sign of most rules, which need not be asked for each of their
        # paragraphs.
        rules = [rule for rule in _RULES if rule.may_apply(lines.text)]
        self._recognizers = [rule.find for rule in rules]
        self._line_recognizers = [rule.find for rule in rules if rule.reads_lone_lines]
        self._has_rules = not RULES.isdisjoint(lines.shapes)

    def read(self, at: int, in_list: bool) -> Iterator[Found]:
        """Read the blocks that begin at a line, up to the next blank line or mark at most."""
        lines = self._lines
        if in_list:
            return read_item(lines, at)
        if marked := self._read_marked(at):
            return marked
        end = at + 1
        while end < len(lines.shapes) and lines.shapes[end] in _PARAGRAPH and not _begins_clause(lines, end):
            end += 1
        for recognize in self._recognizers if end > at + 1 else self._line_recognizers:
            if found := recognize(lines, at, end):
                return found
        return self._read_mixed(at, end)

    def _read_marked(self, at: int) -> Iterator[Found] | None:
        """Read a block that the indent or last sign of its first line shows, or the line below it."""
        lines = self._lines
        if section := find_indented_section(lines, at):
            return section
        if lines.indents[at]:
            if level := underlined_level(lines, at):
                return iter([Found("heading", at + 2, level=level)])
            if is_indented_code(lines, at):
                return read_indented_code(lines, at)
        letter = lines.letter(at)
        if letter == "/" and (comment := find_comment(lines, at)):
            return comment
        if letter in "d-" and is_file_of_diff(lines, at):
            return read_file_of_diff(lines, at)
        return find_ruled_header(lines, at) if self._has_rules else None

    def _read_mixed(self, at: int, end: int) -> Iterator[Found]:
        """Read prose, and the rows in the same paragraph as the prose around them."""
        lines = self._lines
        begin = at
        tries = 0
        if end - at < _FEWEST_ROWS or not may_announce_rows(lines, at, end):
            at = end
        while end - at >= _FEWEST_ROWS:
            rows = find_column_run(lines, at, end)
            if rows is None and at > begin and tries < _MOST_TRIES and lines.bares[at - 1].endswith(":"):
                tries += 1  # each looks at all lines up to the end
                rows = find_values(lines, at, end) or find_terms(lines, at, end)
            if rows:
                yield from self._read_prose(begin, at)
                for row in rows:
                    yield row
                    at = begin = row.after
            else:
                at += 1
        yield from self._read_prose(begin, end)

    def _read_prose(self, at: int, end: int) -> Iterator[Found]:
        """Cut lines into paragraphs, and lines that stand alone into titles, records and paragraphs."""
        lines = self._lines
        while at < end:
            after = at + 1
            while after < end and goes_on(lines, at, after):
                after += 1
            if after == at + 1:
                yield self._read_line(at)
            else:
                yield _paragraph(lines, at, after)
            at = after

    def _read_line(self, at: int) -> Found:
        lines = self._lines
        if title := read_title(lines, at):
            return title
        if is_code_line(lines, at):
            return Found("code", self._end_of_code(at))
        if record := find_lone_record(lines, at, self._read_labels):
            return record
        return _paragraph(lines, at, at + 1)

    def _end_of_code(self, at: int) -> int:
        """Return the number of the line after lines of code that blank lines separate."""
        lines = self._lines
        end = at + 1
        while end - at < _MOST_CODE_LINES:
            below = skip(lines, end, BLANK)
            is_alone = below + 1 >= len(lines) or lines.shapes[below + 1] in BLANK
            if below == end or below >= len(lines) or not is_alone or not is_code_line(lines, below):
                break
            end = below + 1
        return end

    def _read_labels(self) -> Labels:
        if self._labels is None:
            self._labels = Labels(self._lines)
        return self._labels


def _paragraph(lines: Lines, at: int, end: int) -> Found:
    start, stop = lines.starts[at], lines.starts[end]
    # What is further in than the item or record above it belongs to it.
    depth = depth_of(lines, at) if lines.indents[at] else None
    prose = (start, stop) if stop - start > _LONGEST_SINGLE else None
    return Found("sentence", end, prose=prose, depth=depth)


def _begins_clause(lines: Lines, at: int) -> bool:
    """Return whether a number begins a step, a clause or a section, rather than continuing wrapped prose."""
    if lines.shapes[at] != "numbered":
        return False
    return lines.bares[at - 1].endswith(STOPS) or numbered_level(lines, at) > 0


def _find_code(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    if not looks_like_code(lines, at, end):
        return None
    while end < len(lines) and lines.shapes[end] == "blank" and (begin := skip(lines, end, TAILS)) < len(lines):
        below = begin
        while below < len(lines) and lines.shapes[below] in _PARAGRAPH:
            below += 1
        if not looks_like_code(lines, begin, below):
            break
        end = below
    return cut_code(lines, at, end)


def _find_json(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a document of JSON inside running text, as code."""
    if lines.bares[at] not in _OPENINGS_OF_JSON or lines.bares[end - 1][-1:] not in "]}":
        return None
    return cut_code(lines, at, end)


class _Rule(NamedTuple):
    """How to recognize one kind of paragraph.

    Attributes:
        find: Recognizes the lines of a paragraph.
        signs: One of these characters is in every such paragraph; empty for a kind that has no
            such sign.
        reads_lone_lines: Whether a paragraph of a single line may be of this kind.
    """

    find: Callable[[Lines, int, int], Iterator[Found] | None]
    signs: str = ""
    reads_lone_lines: bool = False

    def may_apply(self, text: str) -> bool:
        """Return whether a text has a sign of this kind, or the kind has no sign."""
        return not self.signs or any(sign in text for sign in self.signs)


# The first that recognizes the lines of a paragraph has them.
_RULES = (
    _Rule(find_html, "<", reads_lone_lines=True),
    _Rule(find_trace, "("),
    _Rule(find_script, "!", reads_lone_lines=True),
    _Rule(find_section),
    _Rule(find_cues, ":", reads_lone_lines=True),
    _Rule(find_inline_times, ":", reads_lone_lines=True),
    _Rule(_find_json, "{["),
    _Rule(find_times),
    _Rule(find_values, "\t|;,"),
    _Rule(find_messages),
    _Rule(find_meanings, ":"),
    _Rule(find_drawer, ":"),
    _Rule(find_records),
    _Rule(_find_code),
    _Rule(find_columns),
    _Rule(find_number_rows),
    _Rule(find_definitions),
    _Rule(find_terms, "-–—"),
    _Rule(find_short_lines),
    _Rule(find_long_lines),
)
