"""Blocks of HTML in running text: a cut in front of every tag that opens one, wherever it stands in a line."""

import re

from provence_plugins.text.lines import Found, Lines, long_prose
from provence_plugins.types import Kind, Span

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
_CAPTION_LEVEL = 8
_LONGEST_CELL = 40
_KINDS: dict[str, Kind] = {"tr": "table_row", "li": "list_item", "dt": "list_item", "pre": "code"}


def find_html(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize HTML that has block tags.

    Tags that follow each other without text between them open one block, so that a table's tag goes with its first row.
    """
    text = lines[at].text if end == at + 1 else "".join(lines[number].text for number in range(at, end))
    if "</" not in text:
        return None
    tags = list(_BLOCK_TAG.finditer(text))
    if "<head" not in text:  # other documents have titles too
        tags = [tag for tag in tags if tag["name"].lower() != "title"]
    if not tags:
        return None
    starts: list[tuple[int, str]] = []
    for tag in tags:
        name = tag["name"].lower()
        if name == "dd" and starts and starts[-1][1] == "dt":
            continue  # a term and what it means say one thing
        if name == "div" and starts and _goes_on_row(starts[-1][1], text[starts[-1][0] : tag.start()]):
            continue
        if starts and not _ANY_TAG.sub("", text[starts[-1][0] : tag.start()]).strip():
            starts[-1] = (starts[-1][0], name if name != "p" else starts[-1][1])
        else:
            starts.append((tag.start(), name))
    if text[: starts[0][0]].strip():
        starts.insert(0, (0, "p"))
    offset = lines[at].start
    bounds = [0, *(start for start, _ in starts[1:]), len(text)]
    found = []
    depth = 0
    for (_, name), start, stop in zip(starts, bounds, bounds[1:], strict=False):
        block = text[start:stop]
        depth += len(_OPEN_LIST.findall(block))
        found.append(_block(block, name, offset + start, end, depth))
        depth -= len(_CLOSED_LIST.findall(block))
    # Closing tags and blank lines after the last block belong to it.
    return [*found[:-1], found[-1]._replace(cut=None)]


def _goes_on_row(name: str, before: str) -> bool:
    """Return whether a division is the next cell of a row that is laid out with them."""
    plain = _ANY_TAG.sub("", before).strip()
    is_cell = 0 < len(plain) <= _LONGEST_CELL and not plain.endswith((".", "!", "?", ":"))
    return name == "div" and is_cell and not before.rstrip().endswith("</div></div>") and "</div>" in before


def _block(text: str, name: str, start: int, after: int, depth: int) -> Found:
    stop = start + len(text)
    if name == "caption":
        return Found("heading", after, level=_CAPTION_LEVEL, cut=stop)
    if name == "title" or (name[0] == "h" and name[1:].isdigit()):
        return Found("heading", after, level=1 if name == "title" else int(name[1]), cut=stop)
    kind = _KINDS.get(name, "sentence")
    has_bold_names = len(_BOLD_CELLS.findall(text)) == len(_CELL.findall(text)) > 0
    if kind == "table_row" and (_HEADER_CELL.search(text) or has_bold_names):
        kind = "table_header"
    if kind == "list_item":
        return Found(kind, after, prose=long_prose(start, stop, start), cut=stop, depth=depth)
    prose = Span(start, stop) if kind == "sentence" else None
    return Found(kind, after, prose=prose, cut=stop)
