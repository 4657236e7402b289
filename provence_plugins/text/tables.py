"""Tables of every kind: Markdown, grids, ruled columns, separated values and columns held apart by spaces."""

import re
from collections.abc import Iterator, Set

from provence_plugins.text.lines import TAILS, Found, Lines
from provence_plugins.types import Kind

_TABLE_LINES = frozenset({"row", "delimiter", "prose"})
_GRID_LINES = frozenset({"grid", "row"})
# More lines of headings than this are rows of another table above.
_MOST_HEADER_LINES = 3

# Lines that are searched for the end of a table of ruled columns.
_LONGEST_TABLE = 200

_DIGIT = re.compile(r"\d")
_QUOTED = re.compile(r'"[^"]*"')
_COLUMN_GAP = re.compile(r"(?<=\S) {2,}(?=\S)|\t+")
_SEPARATORS = ("\t", " | ", ";", ",")
# Prose has commas too: a comma parts values only where lines of three or more have the same number
# of them.
_FEWEST = {"\t": (2, 1), " | ": (2, 1), ";": (2, 2), ",": (3, 1)}
_LONGEST_NAME = 40
RULES = frozenset({"underline", "rule", "columns"})
"""Shapes of the lines that stand below the names of columns."""

# Two lines may be aligned by chance.
_SHORTEST_RUN = 3
_CELL_OF_NUMBERS = re.compile(r"[-+(]?[$€£]?\d[\d.,]*[%)]?|n/a|[-–—]")
_FEWEST_NUMBERS = 2
_FEWEST_NUMBER_ROWS = 3
_MOST_WORDS_OF_HEADER = 12
_TIMES = re.compile(r"(?:\d{1,2}[:.h]\d\d\s+){2,}\d{1,2}[:.h]\d\d")
_LEVEL_OF_TITLE = 8
_LONGEST_TITLE = 60
_MOST_WORDS_OF_NAME = 2
_MOST_WORDS = 7


def mark_table(lines: Lines, delimiter: int) -> None:
    """Give the lines around a delimiter row their shape: those above are the header, those below with a pipe rows."""
    header = delimiter - 1
    if header < 0 or not _is_table_line(lines, header) or lines.shapes[delimiter] == "row":
        return
    while header > 0 and delimiter - header < _MOST_HEADER_LINES and lines.shapes[header - 1] == "row":
        header -= 1
    if header > 0 and lines.shapes[header - 1] == "row":  # the rows of a table that ends here
        header = delimiter - 1
    for number in range(header, delimiter):
        lines.mark(number, "header")
    row = delimiter + 1
    while row < len(lines) and _is_table_line(lines, row):
        lines.mark(row, "row")
        row += 1


def _is_table_line(lines: Lines, at: int) -> bool:
    return lines.shapes[at] in _TABLE_LINES and "|" in lines.texts[at]


def read_header(lines: Lines, at: int) -> Iterator[Found]:
    """Read the header of a table in Markdown, with the dashes below it."""
    end = at
    while lines.shapes[end] == "header":
        end += 1
    yield Found("table_header", end + 1)


def read_row(lines: Lines, at: int) -> Iterator[Found]:
    """Read one row; the first of several is their header if it has names only and the next one has figures."""
    yield Found("table_header" if _is_bare_header(lines, at) else "table_row", at + 1)


def _is_bare_header(lines: Lines, at: int) -> bool:
    """Return whether a row is the header of a table without dashes."""
    if lines.shapes[at] != "row" or (at and lines.shapes[at - 1] in ("row", "header", "delimiter", "grid")):
        return False
    has_rows = at + 1 < len(lines) and lines.shapes[at + 1] == "row"
    return has_rows and not _DIGIT.search(lines.texts[at]) and bool(_DIGIT.search(lines.texts[at + 1]))


def read_grid(lines: Lines, at: int) -> Iterator[Found]:
    """Read a table drawn with lines: the rows above the second line are its header.

    Where lines part all rows, a row may run over several lines of text; otherwise each line is a
    row.
    """
    end = at
    while end < len(lines) and lines.shapes[end] in _GRID_LINES:
        end += 1
    rules = [number for number in range(at, end) if lines.shapes[number] == "grid"]
    has_header, is_ruled = len(rules) > 2, len(rules) > 3
    begin = rules[1] + 1 if has_header else at
    if has_header:
        yield Found("table_header", begin)
    for number in range(begin, end - 1):
        closes = lines.shapes[number + 1] == "grid"
        if lines.shapes[number] == "row" and not closes and not is_ruled:
            yield Found("table_row", number + 1)
        elif closes and number + 2 < end:
            yield Found("table_row", number + 2)
    if begin < end:
        yield Found("table_row", end)


def read_ruled_columns(lines: Lines, at: int) -> Iterator[Found]:
    """Read a simple table of reStructuredText: columns under double lines, of which the third one ends it."""
    rules = [number for number in range(at, min(len(lines), at + _LONGEST_TABLE)) if lines.shapes[number] == "columns"]
    if len(rules) < 2 or any(lines.shapes[number] == "blank" for number in range(at, rules[1])):
        yield Found("table_row", at + 1)
        return
    has_header = len(rules) > 2
    begin, last = (rules[1] + 1, rules[2]) if has_header else (at + 1, rules[1])
    if has_header:
        yield Found("table_header", begin)
    for number in range(begin, last - 1):
        if lines.shapes[number] != "blank":
            yield Found("table_row", number + 1)
    yield Found("table_row", last + 1)


def find_values(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize lines of values that a tab, semicolon, comma or pipe parts, and the title above them.

    All have the same number of values, except that a text may be cut inside its first or last line.
    """
    firsts = [_without_quoted(bare) for bare in lines.bares[at : min(end, at + 2)]]
    for separator in _SEPARATORS:
        least_lines, least_signs = _FEWEST[separator]
        signs = [first.count(separator) for first in firsts]
        begin = at + 1 if signs[0] == 0 and _may_be_title(lines.bares[at]) else at
        wanted = max(signs) if begin > at or at == 0 else signs[0]
        if wanted < least_signs or end - begin < least_lines:
            continue
        if _are_values(lines, range(begin, end), separator, wanted):
            return _read_values(lines, at, begin, end, separator)
    return None


def _may_be_title(bare: str) -> bool:
    return len(bare) <= _LONGEST_TITLE and not bare.endswith((".", ",", ";", ":", "!", "?"))


def _are_values(lines: Lines, numbers: range, separator: str, wanted: int) -> bool:
    """Return whether lines have the wanted number of separators; tabs part values whatever their number."""
    texts: list[str] = []
    whole = 0
    for number in numbers:
        text = _without_quoted(lines.bares[number])
        signs = text.count(separator)
        is_cut = number == 0 or (number + 1 == len(lines) and not lines.text.endswith("\n"))
        if signs == 0 or (separator != "\t" and signs != wanted and not (is_cut and signs < wanted)):
            return False
        whole += signs == wanted
        texts.append(text)
    return separator == "\t" or (whole > 1 and not _is_prose(texts, separator))


def _read_values(lines: Lines, at: int, begin: int, end: int, separator: str) -> Iterator[Found]:
    if begin > at:
        yield Found("heading", begin, level=_LEVEL_OF_TITLE)
    yield from _rows(begin, end, [cell.strip() for cell in lines.bares[begin].split(separator)])


def _without_quoted(bare: str) -> str:
    return _QUOTED.sub("", bare) if '"' in bare else bare


def _is_prose(texts: list[str], separator: str) -> bool:
    """Return whether the parts between separators are clauses rather than values."""
    if separator == " | ":
        return False
    cells = [cell for text in texts for cell in text.split(separator)]
    clauses = sum(1 for cell in cells if cell.startswith(" ") or len(cell) > _LONGEST_NAME)
    return 3 * clauses > len(cells) or any(text.endswith(".") for text in texts)


def find_columns(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize lines whose columns are held apart by two spaces or more."""
    bares = lines.bares[at:end]
    if len(bares) < 3 or not all("  " in bare or "\t" in bare for bare in bares):
        return None
    gaps = [len(_COLUMN_GAP.findall(bare)) for bare in bares]
    if 2 * max(gaps) > 5 * min(gaps):
        return None
    # Some authors set two spaces behind a full stop, and some files have them anywhere.
    sentences = sum(1 for bare in bares if bare.endswith(".") and len(bare.split()) > _MOST_WORDS)
    return _rows(at, end, _COLUMN_GAP.split(bares[0])) if 2 * sentences < len(bares) else None


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
    return _rows(at, end, words if is_header else []) if first == numbers or is_header else None


def _count_last_numbers(bare: str) -> int:
    """Return how many numbers stand at the end of a line, 0 where many words stand in front of them."""
    words = bare.split()
    count = 0
    while count < len(words) and _CELL_OF_NUMBERS.fullmatch(words[-1 - count]):
        count += 1
    return count if len(words) - count <= _MOST_WORDS else 0


def find_ruled_header(lines: Lines, at: int) -> Iterator[Found] | None:
    """Recognize columns held apart by spaces whose names have a line of dashes or equals signs below them."""
    if at + 2 >= len(lines) or lines.shapes[at + 1] not in RULES or not _COLUMN_GAP.search(lines.bares[at]):
        return None
    names, first = (len(_COLUMN_GAP.findall(lines.bares[number])) for number in (at, at + 2))
    if lines.shapes[at + 2] in TAILS or not first:
        return None
    return _read_ruled_rows(lines, at) if names == first or _edges(lines, at) & _edges(lines, at + 2) else None


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
    return _rows(at, after, _COLUMN_GAP.split(lines.bares[at])) if after - at >= _SHORTEST_RUN else None


def may_announce_rows(lines: Lines, at: int, end: int) -> bool:
    """Return whether a line has white space that could hold columns apart, or ends with a colon."""
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
    """Return where the columns of a line begin and end; spaces behind a full stop hold no columns apart."""
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
    return None if 3 * len(times) < end - at and len(times) < 2 else _read_timetable(at, end, times)


def _read_timetable(at: int, end: int, times: Set[int]) -> Iterator[Found]:
    for number in range(at, end):
        if number in times:
            yield Found("table_row", number + 1)
        elif number + 1 in times:
            yield Found("heading", number + 1, level=_LEVEL_OF_TITLE)
        else:
            yield Found("sentence", number + 1)


def _rows(at: int, end: int, first: list[str]) -> Iterator[Found]:
    """Give each line as a row; the first is the header if all of its cells are names."""
    names = all(cell and len(cell) <= _LONGEST_NAME and not any(map(str.isdigit, cell)) for cell in first)
    # The second of two columns of words explains the first, in every row.
    explains = len(first) == 2 and len(first[1].split()) > _MOST_WORDS_OF_NAME
    is_header = bool(first) and names and not explains and len(set(first)) == len(first) and end - at > 1
    return (Found("table_header" if is_header and row == at else "table_row", row + 1) for row in range(at, end))
