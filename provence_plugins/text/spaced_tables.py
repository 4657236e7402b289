"""Tables without marks: columns separated by spaces, rows of numbers, and timetables."""

import re
from collections.abc import Iterator, Set

from provence_plugins.text.lines import TAILS, Found, Lines
from provence_plugins.text.tables import LEVEL_OF_TITLE, read_rows
from provence_plugins.types import Kind

RULES = frozenset({"underline", "rule", "columns"})
"""Shapes of the lines below the names of columns."""

_COLUMN_GAP = re.compile(r"(?<=\S) {2,}(?=\S)|\t+")
# Two lines may be aligned by chance.
_SHORTEST_RUN = 3
_CELL_OF_NUMBERS = re.compile(r"[-+(]?[$€£]?\d[\d.,]*[%)]?|n/a|[-–—]")
_FEWEST_NUMBERS = 2
_FEWEST_NUMBER_ROWS = 3
_MOST_WORDS_OF_HEADER = 12
_MOST_WORDS = 7
_TIMES = re.compile(r"(?:\d{1,2}[:.h]\d\d\s+){2,}\d{1,2}[:.h]\d\d")


def find_columns(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize lines whose columns are separated by two spaces or more."""
    bares = lines.bares[at:end]
    if len(bares) < 3 or not all("  " in bare or "\t" in bare for bare in bares):
        return None
    gaps = [len(_COLUMN_GAP.findall(bare)) for bare in bares]
    if 2 * max(gaps) > 5 * min(gaps):
        return None
    # Some authors set two spaces after a full stop, and some files have them anywhere.
    sentences = sum(1 for bare in bares if bare.endswith(".") and len(bare.split()) > _MOST_WORDS)
    if 2 * sentences >= len(bares):
        return None
    return read_rows(at, end, _COLUMN_GAP.split(bares[0]))


def find_number_rows(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a table without gaps, as in PDF text: all lines but the header end with as many numbers."""
    bares = lines.bares[at:end]
    if len(bares) < _FEWEST_NUMBER_ROWS:
        return None
    numbers = _count_last_numbers(bares[1])
    if numbers < _FEWEST_NUMBERS or not all(_count_last_numbers(bare) == numbers for bare in bares[2:]):
        return None
    first = _count_last_numbers(bares[0])
    words = bares[0].split()
    is_header = first == 0 and numbers <= len(words) <= _MOST_WORDS_OF_HEADER and not bares[0].endswith((".", ":"))
    if is_header:
        return read_rows(at, end, words)
    if first == numbers:
        return read_rows(at, end, [])
    return None


def _count_last_numbers(bare: str) -> int:
    """Return how many numbers end a line, 0 where many words come before them."""
    words = bare.split()
    count = 0
    while count < len(words) and _CELL_OF_NUMBERS.fullmatch(words[-1 - count]):
        count += 1
    return count if len(words) - count <= _MOST_WORDS else 0


def find_ruled_header(lines: Lines, at: int) -> Iterator[Found] | None:
    """Recognize columns separated by spaces whose names have a line of dashes or equals signs below them."""
    if at + 2 >= len(lines) or lines.shapes[at + 1] not in RULES or not _COLUMN_GAP.search(lines.bares[at]):
        return None
    names, first = (len(_COLUMN_GAP.findall(lines.bares[number])) for number in (at, at + 2))
    if lines.shapes[at + 2] in TAILS or not first:
        return None
    if names != first and _edges(lines, at).isdisjoint(_edges(lines, at + 2)):
        return None
    return _read_ruled_rows(lines, at)


def _read_ruled_rows(lines: Lines, at: int) -> Iterator[Found]:
    """Read the header with the rule below it, and each row with the rules below it."""
    kind: Kind = "table_header"
    after = at + 2
    while after < len(lines):
        is_rule = lines.shapes[after] in RULES
        if not is_rule and (lines.shapes[after] in TAILS or not _COLUMN_GAP.search(lines.bares[after])):
            break
        if not is_rule:
            yield Found(kind, after)
            kind = "table_row"
        after += 1
    yield Found(kind, after)


def find_column_run(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize the first lines of a paragraph whose columns are aligned, which the lines below them are not."""
    shared = _edges(lines, at)
    after = at + 1
    while shared and after < end and (common := shared & _edges(lines, after)):
        shared = common
        after += 1
    if after - at < _SHORTEST_RUN:
        return None
    return read_rows(at, after, _COLUMN_GAP.split(lines.bares[at]))


def may_announce_rows(lines: Lines, at: int, end: int) -> bool:
    """Return whether a line has white space that could separate columns, or ends with a colon."""
    text = lines.between(at, end)
    if "\t" in text:
        return True
    if ":" in text and any(":" in line[-4:] for line in lines.texts[at:end]):
        return True
    if "  " not in text:
        return False
    rows = zip(lines.texts[at:end], lines.openings[at:end], strict=True)
    return any(line.find("  ", opening) >= 0 for line, opening in rows)


def _edges(lines: Lines, at: int) -> set[tuple[str, int]]:
    """Return where the columns of a line begin and end; spaces after a full stop do not separate columns."""
    edges: set[tuple[str, int]] = set()
    text = lines.texts[at].rstrip()
    if "  " not in text and "\t" not in text:
        return edges
    if "\t" in text:
        edges.add(("tabs", text.count("\t")))
    for gap in _COLUMN_GAP.finditer(text, lines.openings[at]):
        if text[gap.start() - 1] not in ".!?:":
            edges.update((("end", gap.start()), ("begin", gap.end())))
    return edges


def find_times(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize the departures of a timetable: lines of nothing but times, below the days or stops they belong to."""
    times = {
        number
        for number in range(at, end)
        if lines.bares[number][:1].isdecimal() and _TIMES.fullmatch(lines.bares[number])
    }
    if len(times) < 2 and 3 * len(times) < end - at:
        return None
    return _read_timetable(at, end, times)


def _read_timetable(at: int, end: int, times: Set[int]) -> Iterator[Found]:
    for number in range(at, end):
        if number in times:
            yield Found("table_row", number + 1)
        elif number + 1 in times:
            yield Found("heading", number + 1, level=LEVEL_OF_TITLE)
        else:
            yield Found("sentence", number + 1)
