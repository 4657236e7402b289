"""Blocks with the numbers of their sentences, held as plain tuples for the reason that `columns.py` gives."""

from collections.abc import Iterator
from typing import NamedTuple

from provence_plugins.text.blocks import Block
from provence_plugins.types import Kind


class Part(NamedTuple):
    """A block with what it stands under, and the numbers of its sentences, from `first` up to `after`.

    The other attributes are those of the block.
    """

    kind: Kind
    level: int
    depth: int | None
    label: str | None
    start: int
    end: int
    heading: int | None
    first: int
    after: int

    @property
    def numbers(self) -> range:
        """The numbers of the block's sentences."""
        return range(self.first, self.after)


class Parts:
    """The parts of a text in order; each `Part` is made when it is asked for."""

    def __init__(self) -> None:
        # The collector passes over plain tuples, but not over named ones.
        self._rows: list[tuple[Kind, int, int | None, str | None, int, int, int | None, int, int]] = []

    def add(self, block: Block, heading: int | None, first: int, after: int) -> None:
        """Add a block with what it stands under and the numbers of its sentences."""
        row = block.kind, block.level, block.depth, block.label, block.start, block.end, heading, first, after
        self._rows.append(row)

    def __getitem__(self, number: int) -> Part:
        return Part(*self._rows[number])

    def __iter__(self) -> Iterator[Part]:
        return map(Part._make, self._rows)
