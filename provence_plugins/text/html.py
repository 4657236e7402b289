"""Blocks of HTML in running text: a cut in front of every tag that opens one, wherever it stands in a line."""

import re

from provence_plugins.text.lines import Found, Lines
from provence_plugins.types import Kind, Span

_BLOCK_TAG = re.compile(
    r"<(?P<name>tr|thead|tbody|table|li|ul|ol|dl|dt|dd|p|div|section|article|blockquote|pre|h[1-6])\b[^<>]{0,500}>",
    re.IGNORECASE,
)
_ANY_TAG = re.compile(r"<[^<>]{0,500}>")
_HEADER_CELL = re.compile(r"<th\b", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"tr": "table_row", "li": "list_item", "dt": "list_item", "dd": "list_item", "pre": "code"}


def find_html(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize HTML that has block tags.

    Tags that follow each other without text between them open one block, so that a table's tag goes with its first row.
    """
    text = lines[at].text if end == at + 1 else "".join(lines[number].text for number in range(at, end))
    if "</" not in text or not (tags := list(_BLOCK_TAG.finditer(text))):
        return None
    starts: list[tuple[int, str]] = []
    for tag in tags:
        name = tag["name"].lower()
        if starts and not _ANY_TAG.sub("", text[starts[-1][0] : tag.start()]).strip():
            starts[-1] = (starts[-1][0], name if name != "p" else starts[-1][1])
        else:
            starts.append((tag.start(), name))
    if text[: starts[0][0]].strip():
        starts.insert(0, (0, "p"))
    offset = lines[at].start
    bounds = [0, *(start for start, _ in starts[1:]), len(text)]
    found = []
    for (_, name), start, stop in zip(starts, bounds, bounds[1:], strict=False):
        found.append(_block(text[start:stop], name, offset + start, end))
    return found


def _block(text: str, name: str, start: int, after: int) -> Found:
    stop = start + len(text)
    if name[0] == "h":
        return Found("heading", after, level=int(name[1]), cut=stop)
    kind = _KINDS.get(name, "sentence")
    if kind == "table_row" and _HEADER_CELL.search(text):
        kind = "table_header"
    prose = Span(start, stop) if kind == "sentence" else None
    return Found(kind, after, prose=prose, cut=stop)
