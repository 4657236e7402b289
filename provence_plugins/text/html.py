"""Blocks of HTML in running text: a cut before every tag that opens one, anywhere in a line."""

import re
from collections.abc import Iterator
from itertools import chain, pairwise

from provence_plugins.text.lines import LONGEST_TITLE, Found, Lines, long_prose
from provence_plugins.types import Kind

_BLOCK_TAG = re.compile(
    r"""<(?P<name>tr|thead|tbody|table|li|ul|ol|dl|dt|dd|p|div|section|article|blockquote|pre|title|caption|nav|main|header|footer|aside
        |br|label|option|h[1-6])\b[^<>]{0,500}>""",
    re.IGNORECASE | re.VERBOSE,
)
_ANY_TAG = re.compile(r"<[^<>]{0,500}>")
_OPEN_LIST = re.compile(r"<(?:ul|ol)\b", re.IGNORECASE)
_CLOSED_LIST = re.compile(r"</(?:ul|ol)\b", re.IGNORECASE)
_HEADER_CELL = re.compile(r"<th\b", re.IGNORECASE)
# Names of columns that are bold instead of being marked as such.
_BOLD_CELLS = re.compile(r"<td\b[^<>]*>\s*<(?:b|strong)\b", re.IGNORECASE)
_CELL = re.compile(r"<td\b", re.IGNORECASE)
_LEVELS = {"title": 1, "h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6, "caption": 8}
_LONGEST_CELL = 40
_KINDS: dict[str, Kind] = {"tr": "table_row", "li": "list_item", "dt": "list_item", "pre": "code"}


def find_html(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize HTML that has block tags."""
    text = lines.between(at, end)
    if "</" not in text or next(_find_tags(text), None) is None:
        return None
    return _read_html(text, lines.starts[at], end)


def _find_tags(text: str) -> Iterator[re.Match[str]]:
    has_head = "<head" in text  # other documents have titles too
    return (tag for tag in _BLOCK_TAG.finditer(text) if has_head or tag["name"].lower() != "title")


def _find_openers(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each block begins, and the name of the tag that opens it.

    Tags that follow each other without text between them open one block, so that a table's tag goes
    with its first row.
    """
    start, opener = 0, ""
    plain = ""  # the text of the block so far, without tags
    read = 0
    closes = False
    for tag in _find_tags(text):
        name = tag["name"].lower()
        piece, read = text[read : tag.start()], tag.end()
        # Tags of the document in front of the first block are a block of their own.
        plain += _ANY_TAG.sub("", piece) if opener else piece
        plain = plain.lstrip()
        closes = closes or "</div>" in piece
        if name == "dd" and opener == "dt":
            continue  # a term and what it means say one thing
        if name == opener == "div" and closes and _is_cell(plain.rstrip(), piece):
            continue
        if plain:
            yield start, opener or "p"
            start, opener, plain, closes = tag.start(), name, "", False
        elif name != "p" or not opener:
            opener = name
    yield start, opener


def _is_cell(plain: str, piece: str) -> bool:
    """Return whether a division is a cell of a row that is laid out with them, and the row continues after it."""
    return (
        0 < len(plain) <= _LONGEST_CELL
        and not plain.endswith((".", "!", "?", ":"))
        and not piece.rstrip().endswith("</div></div>")
    )


def _read_html(text: str, offset: int, after: int) -> Iterator[Found]:
    """Read the blocks of some HTML, each up to the beginning of the next one."""
    depth = 0
    for (start, name), (stop, _) in pairwise(chain(_find_openers(text), [(len(text), "")])):
        block = text[start:stop]
        depth += len(_OPEN_LIST.findall(block))
        found = _block(block, name, offset + start, after, depth)
        depth -= len(_CLOSED_LIST.findall(block))
        # Closing tags and blank lines after the last block belong to it.
        yield found if stop < len(text) else found._replace(cut=None)


def _block(text: str, name: str, start: int, after: int, depth: int) -> Found:
    stop = start + len(text)
    if name in _LEVELS and len(_ANY_TAG.sub("", text).strip()) <= LONGEST_TITLE:
        return Found("heading", after, level=_LEVELS[name], cut=stop)
    kind = _KINDS.get(name, "sentence")
    has_bold_names = len(_BOLD_CELLS.findall(text)) == len(_CELL.findall(text)) > 0
    if kind == "table_row" and (_HEADER_CELL.search(text) or has_bold_names):
        kind = "table_header"
    if kind == "list_item":
        return Found(kind, after, prose=long_prose(start, stop, start), cut=stop, depth=depth)
    prose = (start, stop) if kind == "sentence" else None
    return Found(kind, after, prose=prose, cut=stop)
