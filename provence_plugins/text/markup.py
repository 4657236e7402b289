"""Marks of AsciiDoc, Org mode, MediaWiki, reStructuredText and LaTeX.

Many of them look like Markdown; only other lines of the text tell what they are.
"""

import re
from collections.abc import Iterator

from provence_plugins.text.code import cut_code, looks_like_code
from provence_plugins.text.lines import (
    BLANK,
    ITEMS,
    TAILS,
    Found,
    Lines,
    depth_of,
    skip,
)
from provence_plugins.types import Kind

# A line begins with one of these in every text that has such marks, and in few others.
_SIGNS = frozenset({"**", "#+", "= ", "==", "--", "..", ". ", "|=", "{|", "\\s", "\\i", "\\c", "\\p", "\\b"})
_STARS = re.compile(r"(\*{1,8}) +(?=\S)")
_EQUALS = re.compile(r"(=(?= +[A-Z][^=()]*$)|={2,6}) +[^\W_][^=]*$")
_KEYWORD = re.compile(r"#\+(?P<name>\w+)(?::|\s|$)")
_DRAWER = re.compile(r":[A-Z_-]{2,30}:")
_DELIMITER = re.compile(r"(?:-{4,}|\.{4,}|={4,}|\+{4,})\s*$")
_ATTRIBUTES = re.compile(r"\[(?:(?:source|listing|quote|verse|cols|options|%\w+)\b[^\[\]]*|\[[^\[\]]+\])\]\s*$")
_BLOCK_TITLE = re.compile(r"\.[^\W_][^.]{0,80}$")
_DOTTED_STEP = re.compile(r"(\.{1,5}) +(?=\S)(?![\w:-]+::)")
_CODE_BLOCKS = ("src", "example", "export")
_LATEX_HEADING = re.compile(r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?\{")
_LATEX_LEVELS = {"part": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_LATEX_ITEM = re.compile(r"\\item\b\s*")
_LATEX_LIST = re.compile(r"\\(begin|end)\{(?:itemize|enumerate|description|center|quote|abstract|document)\}\s*$")
_DIRECTIVE = re.compile(r"[ \t]*\.\. (?P<name>[\w:-]+)::(?:\s|$)")
_LISTINGS = ("code-block", "code", "sourcecode", "prompt", "parsed-literal", "console")
_COLUMNS_OF_STAR = 2
# Code between delimiters of AsciiDoc that is longer is taken for text between two rules.
_LONGEST_LISTING = 300


def mark_dialects(lines: Lines) -> None:
    """Set the shape of lines that have marks of a language other than Markdown."""
    if _SIGNS.isdisjoint({line[:2] for line in lines.texts}):
        return
    stars = [number for number, line in enumerate(lines.texts) if line[0] == "*" and _STARS.match(line)]
    keywords = [number for number, line in enumerate(lines.texts) if line.startswith("#+")]
    # Lines of three stars alone are what a chat server tells of its users.
    has_levels = any(lines.texts[number][1:3] == "* " for number in stars)
    if keywords or has_levels or any(lines.texts[number].startswith("****") for number in stars):
        _mark_stars(lines, stars, is_org=bool(keywords) or _open_sections(lines, stars))
    for number in keywords:
        _mark_keyword(lines, number)
    first = skip(lines, 0, BLANK)
    for number, line in enumerate(lines.texts):
        if line[:2].isalpha():
            continue
        if line.startswith("="):
            _mark_equals(lines, number, is_first=number == first)
        elif directive := _DIRECTIVE.match(line):
            lines.mark(number, "listing" if directive["name"] in _LISTINGS else "directive")
        elif line.startswith("\\"):
            _mark_latex(lines, number)
        elif line.startswith(("|===", "{|")):
            lines.mark(number, "markup table")
    _mark_delimiters(lines)


def _mark_stars(lines: Lines, stars: list[int], *, is_org: bool) -> None:
    """Mark lines that begin with stars as headings, or as items whose number of stars is their depth."""
    for number in stars:
        match = _STARS.match(lines.texts[number])
        depth = len(match[1]) if match else 1
        if is_org and lines.fits_title(number):
            lines.mark(number, "heading", lines.openings[number] + min(depth, 6))
        else:
            lines.mark(number, "item", match.end() if match else 1, _COLUMNS_OF_STAR * (depth - 1))


def _open_sections(lines: Lines, stars: list[int]) -> bool:
    """Return whether most lines with stars have text without a mark below them, as headings do."""
    below = (skip(lines, number + 1, BLANK) for number in stars)
    followers = [number for number in below if number < len(lines)]
    texts = sum(1 for number in followers if _is_plain(lines, number))
    return 2 * texts > len(followers)


def _is_plain(lines: Lines, at: int) -> bool:
    return lines.shapes[at] == "prose" and lines.indents[at] == 0 and not _STARS.match(lines.texts[at])


def _mark_keyword(lines: Lines, number: int) -> None:
    match = _KEYWORD.match(lines.texts[number])
    if match is None:
        return
    name = match["name"].lower()
    if name == "title" and lines.fits_title(number):
        lines.mark(number, "heading", lines.openings[number] + 1)
    elif name.startswith("begin_"):
        is_code = name.removeprefix("begin_") in _CODE_BLOCKS
        lines.mark(number, "org code" if is_code else "wrapper")
    elif name.startswith("end_"):
        lines.mark(number, "closing")


def read_org_code(lines: Lines, at: int) -> Iterator[Found]:
    """Read code of Org mode, up to the line that ends it."""
    for end in range(at + 1, len(lines)):
        if lines.shapes[end] == "closing" and lines.texts[end].lower().startswith("#+end_"):
            return cut_code(lines, at, end + 1)
    return cut_code(lines, at, len(lines))


def find_drawer(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a drawer of Org mode, which says one thing about the heading above it."""
    if not _DRAWER.fullmatch(lines.bares[at]):
        return None
    for number in range(at + 1, end):
        if lines.bares[number].upper() == ":END:":
            return iter([Found("record", number + 1, depth=depth_of(lines, at))])
    return None


def read_listing(lines: Lines, at: int) -> Iterator[Found]:
    """Read a directive of reStructuredText with the code indented below it."""
    end = _end_of_options(lines, at)
    for number in range(end, len(lines)):
        if lines.shapes[number] != "blank":
            if lines.indents[number] <= lines.indents[at]:
                break
            end = number + 1
    return cut_code(lines, at, end)


def read_directive(lines: Lines, at: int) -> Iterator[Found]:
    """Read the line of a directive of reStructuredText, with its options; its body is indented below it."""
    yield Found("record", _end_of_options(lines, at), depth=depth_of(lines, at))


def _end_of_options(lines: Lines, at: int) -> int:
    end = at + 1
    while end < len(lines) and lines.shapes[end] == "prose" and lines.opens_with(end, ":"):
        end += 1
    return end


def _mark_equals(lines: Lines, number: int, *, is_first: bool) -> None:
    line = lines.texts[number]
    match = _EQUALS.match(line) if lines.fits_title(number) else None
    if match is None or lines.shapes[number] == "heading" or lines.bares[number].endswith((".", ",", ";")):
        return
    # A single sign is the title of a document; elsewhere it is the result of a sum.
    if is_first or len(match[1]) > 1:
        lines.mark(number, "heading", lines.openings[number] + len(match[1]))


def _mark_latex(lines: Lines, number: int) -> None:
    line = lines.texts[number]
    if heading := _LATEX_HEADING.match(line):
        if lines.fits_title(number):
            lines.mark(number, "heading", lines.openings[number] + _LATEX_LEVELS[heading[1]])
    elif item := _LATEX_ITEM.match(line):
        lines.mark(number, "item", item.end())
    elif bounds := _LATEX_LIST.match(line):
        lines.mark(number, "wrapper" if bounds[1] == "begin" else "closing")


def _mark_delimiters(lines: Lines) -> None:
    """Mark the listings of AsciiDoc, between lines of four dashes or dots, and steps that begin with dots."""
    steps = [number for number, line in enumerate(lines.texts) if line[0] == "." and _DOTTED_STEP.match(line)]
    if len(steps) > 1:
        for number in steps:
            _mark_step(lines, number)
    number = 0
    while number < len(lines):
        closing = _end_of_listing(lines, number) if _DELIMITER.match(lines.texts[number]) else 0
        if closing:
            lines.mark(number, "fence")
            lines.mark(closing, "fence")
        if closing or lines.shapes[number] == "markup table":
            _mark_attributes(lines, number)
        number = max(number, closing) + 1


def _mark_step(lines: Lines, number: int) -> None:
    match = _DOTTED_STEP.match(lines.texts[number])
    if match:
        lines.mark(number, "numbered", match.end(), _COLUMNS_OF_STAR * (len(match[1]) - 1))


def _end_of_listing(lines: Lines, opening: int) -> int:
    """Return the number of the line that closes a listing, 0 where a line of dashes opens none."""
    bare = lines.bares[opening]
    has_attributes = opening > 0 and _is_attribute(lines, opening - 1)
    if opening and not has_attributes and lines.shapes[opening - 1] not in TAILS | ITEMS:
        return 0
    for end in range(opening + 1, min(len(lines), opening + _LONGEST_LISTING)):
        if lines.bares[end] == bare:
            is_code = bare[0] != "=" and looks_like_code(lines, opening + 1, end)
            return end if end > opening + 1 and (has_attributes or is_code) else 0
    return 0


def _mark_attributes(lines: Lines, number: int) -> None:
    """Let the lines of attributes and the title above a block go with it."""
    above = number - 1
    while above >= 0 and _is_attribute(lines, above):
        lines.mark(above, "wrapper")
        above -= 1


def _is_attribute(lines: Lines, at: int) -> bool:
    return bool(_ATTRIBUTES.match(lines.texts[at]) or _BLOCK_TITLE.match(lines.bares[at]))


def read_markup_table(lines: Lines, at: int) -> Iterator[Found]:
    """Read a table of AsciiDoc or MediaWiki, row by row."""
    is_wiki = lines.texts[at].startswith("{|")
    closing = "|}" if is_wiki else "|==="
    end = at + 1
    while end < len(lines) and not lines.texts[end].startswith(closing):
        end += 1
    end = min(end + 1, len(lines))
    if is_wiki:
        begins = _rows_of_wiki(lines, at, end)
        first_lines = lines.texts[begins[0]], lines.texts[min(begins[0] + 1, end - 1)]
        has_header = any(line.startswith("!") for line in first_lines)
    else:
        begins = _rows_of_asciidoc(lines, at, end)
        has_header = len(begins) > 1 and lines.shapes[begins[1] - 1] == "blank"
    kind: Kind = "table_header" if has_header else "table_row"
    for after in [*begins[1:], end]:
        yield Found(kind, after)
        kind = "table_row"


def _rows_of_wiki(lines: Lines, at: int, end: int) -> list[int]:
    """Return where the rows begin; what is above the first cells belongs to the first row."""
    rows = [number for number in range(at + 1, end) if lines.texts[number].startswith("|-")]
    above = range(at + 1, rows[0] if rows else end)
    if any(lines.texts[number].startswith(("!", "| ")) for number in above):
        return [at + 1, *rows]
    return rows or [at]


def _rows_of_asciidoc(lines: Lines, at: int, end: int) -> list[int]:
    """Return where the rows begin: after blank lines if there are several, otherwise with each line of cells."""
    cells = [number for number in range(at + 1, end - 1) if lines.texts[number].startswith("|")]
    groups = [number for number in cells if lines.shapes[number - 1] in ("blank", "markup table")]
    is_line_by_line = any(lines.texts[number].count("|") > 1 for number in cells[1:])
    if is_line_by_line or len(groups) < 2:
        return cells or [at]
    return groups
