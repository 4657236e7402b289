"""Records as search tools print them: blocks of lines such as "Title: …", "URL: …", "Content: …"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from provence_plugins.integrations.prose import count_words, is_introduction, is_prose
from provence_plugins.integrations.tool_results import Block, Part, ResultText
from provence_plugins.types import Passage, Span

# Labels that search, encyclopedia, paper and web tools write in front of a text, and of what
# belongs to it.
_TEXT_LABELS = (
    "text|content|contents|page content|page_content|snippet|summary|description|abstract|body|excerpt|passage|"
    "highlights|answer|raw content|raw_content"
)
_OTHER_LABELS = (
    "title|name|page|headline|source|sources|url|link|href|uri|file|filename|path|document|doc|id|score|relevance|"
    "author|authors|by|published|publication date|date|updated|category|categories|language|metadata|result|domain|"
    "site|doi|journal|section|chunk"
)
_TITLE_LABELS = ("title", "page", "name", "headline")

# A bullet, a number or emphasis may precede a label: "- **Title:** …", "[1] Title: …"; a byte order
# mark may precede the first one.
_LABEL = re.compile(
    rf"^\ufeff?[ \t]*(?:[-*>#]+[ \t]+|\d+[.)][ \t]+|\[\d+\][ \t]*)?[*_]*(?P<label>{_TEXT_LABELS}|{_OTHER_LABELS})[*_]*"
    rf"[ \t]*:[*_]*",
    re.IGNORECASE | re.MULTILINE,
)
_IS_TEXT_LABEL = re.compile(_TEXT_LABELS, re.IGNORECASE)

# A line of nothing but punctuation, such as those between records.
_RULE = re.compile(r"[^\w\s]{3,}")

# The number of a line above a record: "Document 2:", "[2] Castles", "2. Castles", "--- Result 2 ---".
# A number between words, or with a comma after it, is that of a sentence: "In 1850, …".
_NUMBERED = re.compile(r"\W*+(?:[^\W\d_]++\W{1,3})?\d++\s*+(?:[^\w\s,]|$)")
_NUMBER = re.compile(r"\d+")
_FULL_STOP = re.compile(r"[^.]\.$|。$")

# White space and rules between a record and the next one.
_CLOSING = re.compile(r"(?:\s+[^\w\s]{3,}(?=\s|$))*\s*\Z")

# A text of fewer words is not pruned by itself.
_MIN_WORDS = 4

# What a tool says before its first record is short.
_MAX_HEAD = 300


@dataclass(frozen=True, slots=True)
class _Field:
    """A label with what follows it, up to the next label.

    Attributes:
        label: The label in lower case.
        start: First character of its line.
        value: First character after the colon.
        end: One past the last character.
    """

    label: str
    start: int
    value: int
    end: int


def read_records(content: str) -> ResultText | None:
    """Read a content as labelled records.

    Returns:
        The content with a block for each record; None if it does not begin with a labelled line,
        perhaps after a short introduction.
    """
    fields = _fields(content)
    if not fields:
        return None
    starts = _starts(content, fields)
    bounds = [*(start.position for start in starts), len(content)]
    if bounds[0] > _MAX_HEAD or is_prose(content[: bounds[0]]):
        return None
    if not is_introduction(content[: bounds[0]]):
        bounds[0] = 0  # it may be about the first record, and goes with it
    ends = [begin + len(_CLOSING.sub("", content[begin:end])) for begin, end in pairwise(bounds)]
    blocks: list[Block] = []
    for number, start in enumerate(starts):
        last = starts[number + 1].field if number + 1 < len(starts) else len(fields)
        parts = _parts(content, bounds[number], fields[start.field : last], ends[number])
        separator = content[ends[number - 1] : bounds[number]] if number else ""
        blocks.append(Block(parts, separator, under=start.under))
    head, tail = content[: bounds[0]], content[ends[-1] :]
    return ResultText("records", tuple(blocks), head, tail, can_reorder=_can_reorder(blocks))


class _Start(NamedTuple):
    """Where a record begins.

    Attributes:
        field: Number of its first field.
        position: Its first character.
        under: Number of the record directly above it, if it may be a part of that one; None if it
            certainly stands alone.
    """

    field: int
    position: int
    under: int | None


def _fields(content: str) -> list[_Field]:
    matches = list(_LABEL.finditer(content))
    ends = [match.start() for match in matches[1:]] + [len(content)]
    return [
        _Field(match["label"].lower(), match.start(), match.end(), end)
        for match, end in zip(matches, ends, strict=False)
    ]


def _starts(content: str, fields: Sequence[_Field]) -> list[_Start]:
    """Return where records begin: wherever the first label of the first record occurs again.

    After an empty line or under a numbered line that label alone is enough. After an empty line it
    may also belong to a text, so such a record brings the one above it along, and that one the next
    above, up to a record that certainly stands alone. The first label always begins a record.
    """
    labels = [field.label for field in fields]
    signature = _signature(content, fields)
    headings = _headings(content, fields)
    starts: list[_Start] = []
    for number, field in enumerate(fields):
        if field.label != signature[0]:
            continue
        position = headings.get(number, field.start)
        is_complete = labels[number : number + len(signature)] == signature
        is_apart = number in headings or _is_apart(content, field.start)
        if not starts or (is_complete and (is_apart or len(signature) > 1)):
            starts.append(_Start(number, position, None))
        elif is_apart:
            starts.append(_Start(number, position, len(starts) - 1))
    return starts


def _headings(content: str, fields: Sequence[_Field]) -> dict[int, int]:
    """Return where the numbered lines above records begin, by the number of the record's first field.

    The line above the first record is one of them if another record has a line of the same form.
    """
    first = _line_above(content, 0, fields[0].start)
    form = first and _form(first.of(content))
    if first is None or form is None:
        return {}
    headings: dict[int, int] = {}
    for number, (before, field) in enumerate(pairwise(fields), start=1):
        line = _line_above(content, before.value, field.start)
        if line and field.label == fields[0].label and _form(line.of(content)) == form:
            headings[number] = line.start
    return {0: first.start, **headings} if headings else {}


def _line_above(content: str, after: int, position: int) -> Span | None:
    """Return the last line with text in front of a position; None if it begins before `after`."""
    end = after + len(content[after:position].rstrip())
    start = content.rfind("\n", 0, end) + 1
    return Span(start, end) if start >= after else None


def _form(line: str) -> str | None:
    """Return what a numbered line has in common with others of its kind; None for any other line."""
    numbered = _NUMBERED.match(line)
    if numbered is None or (is_prose(line) and _FULL_STOP.search(line)):
        return None
    return _NUMBER.sub("0", numbered[0])


def _signature(content: str, fields: Sequence[_Field]) -> list[str]:
    """Return the labels of the lines at the beginning of the first record."""
    signature = []
    for field in fields:
        if field.label in signature:
            break
        signature.append(field.label)
        if "\n" in content[field.value : field.end].rstrip("\n") or _is_apart(content, field.end):
            break
    return signature


def _is_apart(content: str, position: int) -> bool:
    """Return whether an empty line, a rule or nothing precedes a position."""
    before = content[:position].rstrip()
    last_line = before[before.rfind("\n") + 1 :]
    return not before or content.count("\n", len(before), position) > 1 or bool(_RULE.fullmatch(last_line.strip()))


def _parts(content: str, position: int, fields: Sequence[_Field], end: int) -> tuple[Part, ...]:
    """Return the parts of one record: labels and short values are fixed, texts are pruned."""
    titles = [field for field in fields if field.label in _TITLE_LABELS]
    title = _first_line(content, titles[0]).strip() if titles else None
    parts: list[Part] = []
    for field in fields:
        text = _text_of(content, field, end)
        if text is None:
            continue
        parts += [Part(content[position : text.start]), Part(text.of(content), Passage(text.of(content), title))]
        position = text.end
    return (*parts, Part(content[position:end]))


def _text_of(content: str, field: _Field, end: int) -> Span | None:
    """Return where the text of a field is; None if it has none.

    The first line after a label such as "Source" belongs to the label, what follows is text.
    """
    is_text = _IS_TEXT_LABEL.fullmatch(field.label) is not None
    start = field.value
    if not is_text:
        start += len(_first_line(content, field))
    value = content[start : min(field.end, end)]
    if count_words(value) < _MIN_WORDS or not (is_text or is_prose(value)):
        return None
    start += len(value) - len(value.lstrip())
    return Span(start, start + len(value.strip()))


def _first_line(content: str, field: _Field) -> str:
    return content[field.value : field.end].partition("\n")[0]


def _can_reorder(blocks: Sequence[Block]) -> bool:
    return all(block.under is None and block.passages for block in blocks)
