"""Blocks to sentences that know what they stand under and what they are tied to."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from provence_plugins.text.blocks import Block
from provence_plugins.text.records import is_answer, is_question
from provence_plugins.types import Kind, Sentence, Tie, TieKind

# Code that is longer is no command, and is not brought along by the paragraph above it.
_LONGEST_COMMAND = 400
_LABEL_LEVEL = 8
_LISTED: frozenset[Kind] = frozenset({"list_item", "record", "table_header", "table_row", "quote", "code"})
_UNTIED: frozenset[Kind] = frozenset({"heading", "sentence"})


class Part(NamedTuple):
    """A block and the numbers of its sentences, from `first` up to `after`."""

    block: Block
    first: int
    after: int

    @property
    def numbers(self) -> range:
        """The numbers of the block's sentences."""
        return range(self.first, self.after)


def outline(text: str, blocks: Iterable[Block], cut: Callable[[Block], Sequence[int]]) -> list[Sentence]:
    """Cut blocks into sentences, and find their headings and ties.

    Args:
        text: The text.
        blocks: Its blocks.
        cut: Returns where a block is cut into sentences.
    """
    places = _Places()
    bounds: list[tuple[int, int, Kind, int | None]] = []
    parts: list[Part] = []
    for block in blocks:
        heading = places.place(block, len(bounds))
        edges = [block.start, *cut(block), block.end]
        parts.append(Part(block, len(bounds), len(bounds) + len(edges) - 1))
        bounds += [(start, end, block.kind, heading) for start, end in pairwise(edges)]
    ties = {} if _has_no_ties(parts) else _find_ties(text, parts, [end for _, end, _, _ in bounds])
    if not ties:
        return [Sentence(start, end, kind, heading) for start, end, kind, heading in bounds]
    return [
        Sentence(start, end, kind, heading, None, tuple(ties.get(number, ())))
        for number, (start, end, kind, heading) in enumerate(bounds)
    ]


@dataclass(slots=True)
class _Places:
    """The headings, and the table header, that are open at this point of a text."""

    headings: list[tuple[int, int]] = field(default_factory=list)  # level and sentence number, outermost first
    table: int | None = None

    def place(self, block: Block, number: int) -> int | None:
        """Take in a block whose first sentence has this number; returns the number of what it stands under."""
        # A label counts for what is listed below it, up to the next paragraph.
        level = block.level or (_LABEL_LEVEL if block.kind == "sentence" else 0)
        while level and self.headings and self.headings[-1][0] >= level:
            self.headings.pop()
        heading = self.headings[-1][1] if self.headings else None
        if block.level:
            self.headings.append((block.level, number))
        if block.kind == "table_header":
            self.table = number
            return heading
        if block.kind != "table_row":
            self.table = None
        return heading if self.table is None else self.table


class _Ties(dict[int, list[Tie]]):
    """The ties of each sentence that has some."""

    def add(self, numbers: Iterable[int], kind: TieKind, to: int) -> None:
        """Tie sentences to another one."""
        for number in numbers:
            if number != to:
                self.setdefault(number, []).append(Tie(kind, to))


def _has_no_ties(parts: Sequence[Part]) -> bool:
    return all(part.block.kind in _UNTIED for part in parts)


def _find_ties(text: str, parts: Sequence[Part], ends: Sequence[int]) -> _Ties:
    ties = _Ties()
    for part in parts:
        if part.block.kind == "record":
            ties.add(part.numbers, "label", part.first)
    _tie_nested(parts, ties)
    _tie_answers(parts, ties)
    _tie_announced(text, parts, ends, ties)
    _tie_sheets(text, parts, ties)
    return ties


def _tie_nested(parts: Sequence[Part], ties: _Ties) -> None:
    """Tie items and records to the one that they are nested in."""
    open_items: list[tuple[int, int]] = []  # indent and sentence number, outermost first
    for part in parts:
        indent = part.block.indent
        if part.block.kind in ("heading", "sentence"):
            open_items.clear()
        if indent is None:
            continue
        while open_items and open_items[-1][0] >= indent:
            open_items.pop()
        if open_items:
            ties.add(part.numbers, "parent", open_items[-1][1])
        open_items.append((indent, part.first))


def _tie_answers(parts: Sequence[Part], ties: _Ties) -> None:
    """Tie an answer to the question above it, and the question to the answer's beginning."""
    question: int | None = None
    for part in parts:
        if part.block.kind == "heading":
            question = None
        elif is_question(part.block.label):
            question = part.first
        elif question is not None and is_answer(part.block.label):
            ties.add(part.numbers, "question", question)
            ties.add([question], "question", part.first)
            question = None


def _tie_announced(text: str, parts: Sequence[Part], ends: Sequence[int], ties: _Ties) -> None:
    """Tie what is listed to the sentence above that ends with a colon, and a paragraph to the command below it."""
    announcing: int | None = None
    for before, part in pairwise(parts):
        if before.block.kind == "sentence":
            announces = _ends_with_colon(text, ends[before.after - 1])
            announcing = before.after - 1 if announces else None
        if part.block.kind not in _LISTED:
            announcing = None
        elif announcing is not None:
            ties.add(part.numbers, "announced", announcing)
        is_command = part.block.kind == "code" and part.block.end - part.block.start <= _LONGEST_COMMAND
        if is_command and before.block.kind == "sentence":
            ties.add(before.numbers, "announced", part.first)


def _ends_with_colon(text: str, end: int) -> bool:
    return text[max(0, end - 20) : end].rstrip().endswith(":")


def _tie_sheets(text: str, parts: Sequence[Part], ties: _Ties) -> None:
    """Tie the fields of a record to its first one, where several records begin with the same field."""
    sheets: list[list[Part]] = []
    follows = False
    for part in parts:
        is_field = part.block.kind == "record" and part.block.label is not None
        if is_field and follows:
            sheets[-1].append(part)
        elif is_field:
            sheets.append([part])
        # A blank line ends a sheet.
        follows = is_field and text[part.block.start : part.block.end].count("\n", -3) < 2
    titles = Counter(sheet[0].block.label for sheet in sheets if len(sheet) > 1)
    for sheet in sheets:
        if titles[sheet[0].block.label] > 1:
            for part in sheet[1:]:
                ties.add(part.numbers, "title", sheet[0].first)
