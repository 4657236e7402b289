"""Find documents inside the content that a tool wrote from them, in any format."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from provence_plugins.integrations.prose import is_closing_remark, is_introduction
from provence_plugins.integrations.tool_results import OMITTED, Block, Origin, Part, ResultText
from provence_plugins.types import Passage, Span

_FIRST_WORD = re.compile(r"\s*([^\s:=>]+)")
_NUMBER = re.compile(r"\d+")


class _Document(NamedTuple):
    """A document, perhaps without the white space around it, and where that came from."""

    passage: Passage
    origin: Origin


class _Frame(NamedTuple):
    """What a content writes around each of its documents."""

    head: str
    headers: Sequence[str]
    footers: Sequence[str]
    separators: Sequence[str]
    tail: str


def read_documents(content: str, documents: Sequence[Passage]) -> ResultText | None:
    """Find the texts of documents in a content, each of them once and in order.

    Args:
        content: What the tool wrote.
        documents: The documents that came with it.

    Returns:
        The content with a block for each document; None if a document is not found in it, or if
        there is more than one way to find them.
    """
    joined = _read_joined(content, documents)
    if joined is not None:
        return joined
    whole: list[_Document] = []
    stripped: list[_Document] = []
    for number, document in enumerate(documents):
        text = document.text
        if text.strip():
            indent = len(text) - len(text.lstrip())
            whole.append(_Document(document, Origin(number, 0)))
            stripped.append(_Document(Passage(text.strip(), document.title), Origin(number, indent)))
    return _read_framed(content, whole) or _read_framed(content, stripped)


def _read_framed(content: str, documents: Sequence[_Document]) -> ResultText | None:
    """Read a content with a header or a footer around each of its documents."""
    passages = [document.passage for document in documents]
    places = _places(content, [passage.text for passage in passages])
    if not places:
        return None
    origins = tuple(document.origin for document in documents)
    frame = _frame(content, places)
    if frame is None:
        return replace(_in_fixed_frame(content, passages, places), origins=origins)
    return replace(_in_blocks(passages, frame), origins=origins)


def _read_joined(content: str, documents: Sequence[Passage]) -> ResultText | None:
    """Read a content that holds nothing but the documents and one separator between them."""
    texts = [document.text for document in documents]
    separator = _separator_between(content, texts)
    if separator is None or content != separator.join(texts):
        return None
    blocks = []
    for number, document in enumerate(documents):
        before = separator if number else ""
        blocks.append(Block((Part(document.text, document),), before, stays=not document.text.strip()))
    origins = tuple(Origin(number, 0) for number in range(len(documents)))
    return ResultText("documents", tuple(blocks), can_reorder=True, origins=origins)


def _separator_between(content: str, texts: Sequence[str]) -> str | None:
    count = len(texts) - 1
    length = len(content) - sum(map(len, texts))
    if length < 0 or (count == 0) != (length == 0) or (count and length % count):
        return None
    start = len(texts[0])
    return content[start : start + length // count] if count else ""


def _places(content: str, texts: Sequence[str]) -> list[Span]:
    """Return where the texts are; nothing if one is missing or the places are ambiguous."""
    earliest, latest = [], []
    position = 0
    for text in texts:
        start = content.find(text, position)
        if start < 0:
            return []
        position = start + len(text)
        earliest.append(Span(start, position))
    position = len(content)
    for text in reversed(texts):
        end = content.rfind(text, 0, position) + len(text)
        position = end - len(text)
        latest.append(Span(position, end))
    if earliest != latest[::-1]:
        return []
    return earliest


def _frame(content: str, places: Sequence[Span]) -> _Frame | None:
    """Distinguish headers, footers and separators; return None if that is not certain.

    A content without anything after its last document has no footers, one without anything in front
    of its first document has no headers. Where it has both, the footers must all be the same
    characters, as a closing tag is.
    """
    before = content[: places[0].start]
    after = content[places[-1].end :]
    gaps = [content[one.end : other.start] for one, other in pairwise(places)]
    if not after.strip():
        return _with_headers(before, gaps, footer="", tail=after)
    if not before.strip():
        return _with_footers(before, gaps, after)
    footer = after.rstrip()
    if gaps and all(gap.startswith(footer) for gap in gaps):
        return _with_headers(before, [gap[len(footer) :] for gap in gaps], footer, tail=after[len(footer) :])
    return None


def _with_headers(before: str, gaps: Sequence[str], footer: str, tail: str) -> _Frame | None:
    """Return the frame if all headers begin with one label: another line may belong to the text above it."""
    later = [gap.lstrip() for gap in gaps]
    head, first = _split_head(before, later)
    headers = [first, *later]
    if not is_introduction(head) or len({_label(header) for header in headers}) > 1:
        return None
    separators = ["", *(gap[: len(gap) - len(gap.lstrip())] for gap in gaps)]
    return _Frame(head, headers, [footer] * len(headers), separators, tail)


def _split_head(before: str, later: Sequence[str]) -> tuple[str, str]:
    """Cut what precedes the first document's header, which has the second one's length."""
    if not later:
        return "", before
    lines = before.splitlines(keepends=True)
    kept = max(0, len(lines) - len(later[0].splitlines()))
    return "".join(lines[:kept]), "".join(lines[kept:])


def _with_footers(head: str, gaps: Sequence[str], after: str) -> _Frame | None:
    """Return the frame if the footers agree line by line: another line may belong to the text below it."""
    earlier = [gap.rstrip() for gap in gaps]
    last, tail = _split_tail(after, earlier)
    footers = [*earlier, last]
    if not is_closing_remark(tail) or len({_labels(footer) for footer in footers}) > 1:
        return None
    separators = ["", *(gap[len(gap.rstrip()) :] for gap in gaps)]
    return _Frame(head, [""] * len(footers), footers, separators, tail)


def _split_tail(after: str, earlier: Sequence[str]) -> tuple[str, str]:
    """Cut the last document's footer, which has the first one's length, from what follows it."""
    lines = after.splitlines(keepends=True)
    count = len(earlier[0].splitlines()) if earlier else len(lines)
    last = "".join(lines[:count]).rstrip()
    return last, after[len(last) :]


def _labels(frame: str) -> tuple[str, ...]:
    return tuple(_label(line) for line in frame.splitlines())


def _label(frame: str) -> str:
    """Return what a header or footer begins with, without its number: "Source", "[0]", "<doc"."""
    word = _FIRST_WORD.match(frame)
    if word is None:
        return ""
    return _NUMBER.sub("0", word[1])


def _in_blocks(passages: Sequence[Passage], frame: _Frame) -> ResultText:
    rows = zip(frame.headers, passages, frame.footers, frame.separators, strict=True)
    blocks: list[Block] = []
    for header, passage, footer, separator in rows:
        parts = (Part(header), Part(passage.text, passage), Part(footer))
        blocks.append(Block(parts, separator))
    return ResultText("documents", tuple(blocks), frame.head, frame.tail)


def _in_fixed_frame(
    content: str,
    passages: Sequence[Passage],
    places: Sequence[Span],
) -> ResultText:
    """Keep everything around the documents, and mark each document that is dropped."""
    parts: list[Part] = []
    position = 0
    for passage, place in zip(passages, places, strict=True):
        parts += [Part(content[position : place.start]), Part(passage.text, passage, if_dropped=OMITTED)]
        position = place.end
    parts.append(Part(content[position:]))
    return ResultText("documents", (Block(tuple(parts)),))
