"""Tables of every kind: Markdown, grids, ruled columns, separated values and columns held apart by spaces."""

import re
from collections.abc import Iterator

from provence_plugins.text.lines import TAILS, Found, Line, Lines, LineTable

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
# Prose has commas too: a comma parts values only where lines of three or more have the same number of them.
_FEWEST = {"\t": (2, 1), " | ": (2, 1), ";": (2, 2), ",": (3, 1)}
_LONGEST_NAME = 40
_RULES = frozenset({"underline", "rule", "columns"})
# Two lines may be aligned by chance.
_SHORTEST_RUN = 3
_TIMES = re.compile(r"(?:\d{1,2}[:.h]\d\d\s+){2,}\d{1,2}[:.h]\d\d")
_LEVEL_OF_DAYS = 8
_MOST_WORDS_OF_NAME = 2
_MOST_WORDS = 7


def mark_table(lines: LineTable, delimiter: int) -> None:
    """Give the lines around a delimiter row their shape: those above are the header, those below with a pipe rows."""
    header = delimiter - 1
    if header < 0 or not _is_table_line(lines[header]) or lines[delimiter].shape == "row":
        return
    while header > 0 and delimiter - header < _MOST_HEADER_LINES and lines[header - 1].shape == "row":
        header -= 1
    if header > 0 and lines[header - 1].shape == "row":  # the rows of a table that ends here
        header = delimiter - 1
    for number in range(header, delimiter):
        lines[number] = lines[number]._replace(shape="header")
    row = delimiter + 1
    while row < len(lines) and _is_table_line(lines[row]):
        lines[row] = lines[row]._replace(shape="row")
        row += 1


def _is_table_line(line: Line) -> bool:
    return line.shape in _TABLE_LINES and "|" in line.text


def read_header(lines: Lines, at: int) -> Iterator[Found]:
    """Read the header of a table in Markdown, with the dashes below it."""
    end = at
    while lines[end].shape == "header":
        end += 1
    yield Found("table_header", end + 1)


def read_row(lines: Lines, at: int) -> Iterator[Found]:
    """Read one row; the first of several is their header if it has names only and the next one has figures."""
    yield Found("table_header" if _is_bare_header(lines, at) else "table_row", at + 1)


def _is_bare_header(lines: Lines, at: int) -> bool:
    """Return whether a row is the header of a table without dashes."""
    if lines[at].shape != "row" or (at and lines[at - 1].shape in ("row", "header", "delimiter", "grid")):
        return False
    has_rows = at + 1 < len(lines) and lines[at + 1].shape == "row"
    return has_rows and not _DIGIT.search(lines[at].text) and bool(_DIGIT.search(lines[at + 1].text))


def read_grid(lines: Lines, at: int) -> Iterator[Found]:
    """Read a table drawn with lines: the rows above the second line are its header.

    Where lines part all rows, a row may run over several lines of text; otherwise each line is a row.
    """
    end = at
    while end < len(lines) and lines[end].shape in _GRID_LINES:
        end += 1
    rules = [number for number in range(at, end) if lines[number].shape == "grid"]
    has_header, is_ruled = len(rules) > 2, len(rules) > 3
    begin = rules[1] + 1 if has_header else at
    if has_header:
        yield Found("table_header", begin)
    for number in range(begin, end - 1):
        closes = lines[number + 1].shape == "grid"
        if lines[number].shape == "row" and not closes and not is_ruled:
            yield Found("table_row", number + 1)
        elif closes and number + 2 < end:
            yield Found("table_row", number + 2)
    if begin < end:
        yield Found("table_row", end)


def read_ruled_columns(lines: Lines, at: int) -> Iterator[Found]:
    """Read a simple table of reStructuredText: columns under double lines, of which the third one ends it."""
    rules = [number for number in range(at, min(len(lines), at + _LONGEST_TABLE)) if lines[number].shape == "columns"]
    if len(rules) < 2 or any(lines[number].shape == "blank" for number in range(at, rules[1])):
        yield Found("table_row", at + 1)
        return
    has_header = len(rules) > 2
    begin, last = (rules[1] + 1, rules[2]) if has_header else (at + 1, rules[1])
    if has_header:
        yield Found("table_header", begin)
    for number in range(begin, last - 1):
        if lines[number].shape != "blank":
            yield Found("table_row", number + 1)
    yield Found("table_row", last + 1)


def find_values(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize lines of values that a tab, semicolon, comma or pipe parts, all with the same number of them."""
    texts = [_QUOTED.sub("", lines[number].bare) for number in range(at, end)]
    for separator in _SEPARATORS:
        least_lines, least_signs = _FEWEST[separator]
        counts = {text.count(separator) for text in texts}
        if len(texts) < least_lines or min(counts) < least_signs:
            continue
        if separator in "\t" or (len(counts) == 1 and not _is_prose(texts, separator)):
            return _rows(lines, at, end, [cell.strip() for cell in lines[at].bare.split(separator)])
    return None


def _is_prose(texts: list[str], separator: str) -> bool:
    """Return whether the parts between separators are clauses rather than values."""
    if separator == " | ":
        return False
    cells = [cell for text in texts for cell in text.split(separator)]
    clauses = sum(1 for cell in cells if cell.startswith(" ") or len(cell) > _LONGEST_NAME)
    return 3 * clauses > len(cells) or any(text.endswith(".") for text in texts)


def find_columns(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize lines whose columns are held apart by two spaces or more."""
    gaps = [len(_COLUMN_GAP.findall(lines[number].bare)) for number in range(at, end)]
    if len(gaps) < 3 or min(gaps) < 1 or 2 * max(gaps) > 5 * min(gaps):
        return None
    # Some authors set two spaces behind a full stop, and some files have them anywhere.
    sentences = sum(1 for line in lines[at:end] if line.bare.endswith(".") and len(line.bare.split()) > _MOST_WORDS)
    if 2 * sentences >= end - at:
        return None
    return _rows(lines, at, end, _COLUMN_GAP.split(lines[at].bare))


def find_ruled_header(lines: Lines, at: int) -> list[Found] | None:
    """Recognize columns held apart by spaces whose names have a line of dashes or equals signs below them."""
    if at + 2 >= len(lines) or lines[at + 1].shape not in _RULES or not _COLUMN_GAP.search(lines[at].bare):
        return None
    names, first = lines[at], lines[at + 2]
    gaps = [len(_COLUMN_GAP.findall(line.bare)) for line in (names, first)]
    if first.shape in TAILS or not gaps[1] or not (gaps[0] == gaps[1] or _edges(names) & _edges(first)):
        return None
    found = [Found("table_header", at + 2)]
    for number in range(at + 2, len(lines)):
        if lines[number].shape in _RULES:
            found[-1] = found[-1]._replace(after=number + 1)
        elif lines[number].shape in TAILS or not _COLUMN_GAP.search(lines[number].bare):
            break
        else:
            found.append(Found("table_row", number + 1))
    return found


def find_column_run(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize the first lines of a paragraph whose columns are aligned, which the lines below them are not."""
    shared = _edges(lines[at])
    after = at + 1
    while shared and after < end and (common := shared & _edges(lines[after])):
        shared = common
        after += 1
    return _rows(lines, at, after, _COLUMN_GAP.split(lines[at].bare)) if after - at >= _SHORTEST_RUN else None


def may_announce_rows(line: Line) -> bool:
    """Return whether a line has white space that could hold columns apart, or ends with a colon."""
    text = line.text
    return "\t" in text or text.find("  ", line.opening) >= 0 or ":" in text[-4:]


def _edges(line: Line) -> set[tuple[str, int]]:
    """Return where the columns of a line begin and end; spaces behind a full stop hold no columns apart."""
    edges: set[tuple[str, int]] = set()
    text = line.text.rstrip()
    if "  " not in text and "\t" not in text:
        return edges
    if "\t" in text:
        edges.add(("tabs", text.count("\t")))
    for gap in _COLUMN_GAP.finditer(text, line.opening):
        if text[gap.start() - 1] not in ".!?:":
            edges.update((("end", gap.start()), ("begin", gap.end())))
    return edges


def find_times(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize the departures of a timetable: lines of nothing but times, below the days or stops they belong to."""
    times = [number for number in range(at, end) if _TIMES.fullmatch(lines[number].bare)]
    if 3 * len(times) < end - at and len(times) < 2:
        return None
    found = []
    for number in range(at, end):
        if number in times:
            found.append(Found("table_row", number + 1))
        elif number + 1 in times:
            found.append(Found("heading", number + 1, level=_LEVEL_OF_DAYS))
        else:
            found.append(Found("sentence", number + 1))
    return found


def _rows(lines: Lines, at: int, end: int, first: list[str]) -> list[Found]:
    """Give each line as a row; the first is the header if all of its cells are names."""
    names = all(cell and len(cell) <= _LONGEST_NAME and not any(map(str.isdigit, cell)) for cell in first)
    # The second of two columns of words explains the first, in every row.
    explains = len(first) == 2 and len(first[1].split()) > _MOST_WORDS_OF_NAME
    is_header = names and not explains and len(set(first)) == len(first) and end - at > 1
    return [Found("table_header" if is_header and row == at else "table_row", row + 1) for row in range(at, end)]
