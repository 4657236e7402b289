"""Cut blocks into sentences, and find the heading and the ties of each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from provence_plugins.text.blocks import Block
from provence_plugins.text.columns import Sentences
from provence_plugins.text.parts import Parts
from provence_plugins.text.ties import find_ties
from provence_plugins.types import Kind

_LABEL_LEVEL = 8


def outline(text: str, blocks: Iterable[Block], cut: Callable[[Block], Sequence[int]]) -> Sentences:
    """Cut blocks into sentences, and find their headings and ties.

    Args:
        text: The text.
        blocks: Its blocks.
        cut: Returns where a block is cut into sentences.
    """
    places = _Places()
    parts = Parts()
    bounds = [0]
    kinds: list[Kind] = []
    headings: list[int | None] = []
    for block in blocks:
        first = len(kinds)
        heading = places.place(block, first)
        bounds += cut(block)
        bounds.append(block.end)
        count = len(bounds) - 1 - first
        kinds += [block.kind] * count
        headings += [heading] * count
        parts.add(block, first + count)
    return Sentences(bounds, kinds, headings, find_ties(text, parts, bounds[1:]).by_sentence())


@dataclass(slots=True)
class _Places:
    """The headings, and the table header, that are open at this point of a text."""

    headings: list[tuple[int, int]] = field(default_factory=list)  # level and sentence number, outermost first
    table: int | None = None

    def place(self, block: Block, number: int) -> int | None:
        """Add a block whose first sentence has this number, and return the number of its heading."""
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
