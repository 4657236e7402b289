"""Tables with marks: Markdown, grids, ruled columns and separated values."""

import re
from collections.abc import Iterator

from provence_plugins.text.lines import Found, Lines

_TABLE_LINES = frozenset({"row", "delimiter", "prose"})
_GRID_LINES = frozenset({"grid", "row"})
# More lines of headings than this are rows of another table above.
_MOST_HEADER_LINES = 3

# Lines that are searched for the end of a table of ruled columns.
_LONGEST_TABLE = 200

_DIGIT = re.compile(r"\d")
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATORS = ("\t", " | ", ";", ",")
# Prose has commas too: a comma parts values only where lines of three or more have the same number
# of them.
_FEWEST = {"\t": (2, 1), " | ": (2, 1), ";": (2, 2), ",": (3, 1)}
_LONGEST_NAME = 40
LEVEL_OF_TITLE = 8
"""Level of the title above rows."""
_LONGEST_TITLE = 60
_MOST_WORDS_OF_NAME = 2


def mark_table(lines: Lines, delimiter: int) -> None:
    """Give the lines around a delimiter row their shape: the header above, rows with a pipe below."""
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
    """Read a simple table of reStructuredText: columns under double lines, up to the third such line."""
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
    """Recognize lines of values separated by a tab, semicolon, comma or pipe, and the title above them.

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
    """Return whether lines have the wanted number of separators; tabs separate values, however many there are."""
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
        yield Found("heading", begin, level=LEVEL_OF_TITLE)
    yield from read_rows(begin, end, [cell.strip() for cell in lines.bares[begin].split(separator)])


def _without_quoted(bare: str) -> str:
    if '"' not in bare:
        return bare
    return _QUOTED.sub("", bare)


def _is_prose(texts: list[str], separator: str) -> bool:
    """Return whether the parts between separators are clauses rather than values."""
    if separator == " | ":
        return False
    cells = [cell for text in texts for cell in text.split(separator)]
    clauses = sum(1 for cell in cells if cell.startswith(" ") or len(cell) > _LONGEST_NAME)
    return 3 * clauses > len(cells) or any(text.endswith(".") for text in texts)


def read_rows(at: int, end: int, first: list[str]) -> Iterator[Found]:
    """Give each line as a row; the first is the header if all of its cells are names."""
    names = all(cell and len(cell) <= _LONGEST_NAME and not any(map(str.isdigit, cell)) for cell in first)
    # The second of two columns of words explains the first, in every row.
    explains = len(first) == 2 and len(first[1].split()) > _MOST_WORDS_OF_NAME
    is_header = bool(first) and names and not explains and len(set(first)) == len(first) and end - at > 1
    for row in range(at, end):
        yield Found("table_header" if is_header and row == at else "table_row", row + 1)
