"""The result of a tool as a container of texts: each is pruned by itself and put back in its place.

A content is read as the first of these shapes that fits:

* **documents**: the texts of documents that came with it are found in it, in order;
* **values**: JSON, JSON lines or a printed Python value; its long strings are texts;
* **records**: blocks of lines such as "Title: …", "URL: …", "Content: …"; the text under a label is
  a text to prune;
* **prose**: the content is one text that consists of sentences;
* **other**: one text that does not, such as a listing, code, a log or a table.

A block (a document or record with the lines about it) is kept or dropped as a whole, so that no
sentence ends up under the title, source or address of another block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from provence_plugins.tokens.batches import regroup
from provence_plugins.types import Passage

Shape = Literal["documents", "values", "records", "prose", "other"]

OMITTED = "[…]"
"""The replacement of a dropped text whose block has to stay."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a content: fixed, or a text to prune.

    Attributes:
        text: The characters of the content.
        passage: The text to prune, which these characters write; None for a fixed part.
        write: Writes a pruned text as the content does, for instance as a JSON string.
        if_dropped: What is written when the text is dropped and its block stays.
    """

    text: str
    passage: Passage | None = None
    write: Callable[[str], str] = str
    if_dropped: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Parts that are kept or dropped together: a block whose texts are all dropped is dropped.

    Attributes:
        parts: The parts in order.
        separator: The characters between this block and the one before it; not written in front of
            the first block.
        stays: Keep the block even if all its texts are dropped.
        under: Number of an earlier block that stays whenever this one does; None for a block that
            stands alone.
    """

    parts: tuple[Part, ...]
    separator: str = ""
    stays: bool = False
    under: int | None = None

    @property
    def passages(self) -> list[Passage]:
        """The texts to prune."""
        return [part.passage for part in self.parts if part.passage is not None]


class Origin(NamedTuple):
    """Which document a text is, and where in the document it begins."""

    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class ResultText:
    """A content that was taken apart.

    Attributes:
        shape: What it was read as.
        blocks: Its blocks in order.
        head: The characters before the first block.
        tail: The characters after the last block.
        can_reorder: Whether its blocks may change places, as `order="relevance"` requires.
        origins: For each text the document that it is; empty if there are no documents.
    """

    shape: Shape
    blocks: tuple[Block, ...]
    head: str = ""
    tail: str = ""
    can_reorder: bool = False
    origins: tuple[Origin, ...] = ()

    @property
    def passages(self) -> list[Passage]:
        """The texts to prune, in order."""
        return [passage for block in self.blocks for passage in block.passages]

    def written(self, kept: Sequence[str | None], order: Sequence[int] = ()) -> str | None:
        """Return the content with what is kept of its texts.

        Args:
            kept: For each text what is kept of it; None if it is dropped.
            order: Numbers of texts, the most relevant first; those not named keep their place after
                them.

        Returns:
            The content, or None if nothing of it is kept.
        """
        sizes = [len(block.passages) for block in self.blocks]
        texts = regroup(kept, sizes)
        rows = self._staying(texts)
        if not rows:
            return None
        if order and self.can_reorder:
            rank = {number: position for position, number in enumerate(order)}
            ranks = [rank.get(number, len(rank)) for number in range(len(kept))]
            best = [min(of_block, default=0) for of_block in regroup(ranks, sizes)]
            rows.sort(key=best.__getitem__)
        written = self.head
        for place, row in enumerate(rows):
            if place:
                written += self._separator(row)
            written += _written_block(self.blocks[row], texts[row])
        return written + self.tail

    def _staying(self, kept: Sequence[Sequence[str | None]]) -> list[int]:
        """Return the numbers of the blocks that stay, given what is kept of the texts of each."""
        staying = {row for row, block in enumerate(self.blocks) if _stays(block, kept[row])}
        # From the last to the first, so that a block that another one brings along brings its own.
        for row, block in reversed(list(enumerate(self.blocks))):
            if row in staying and block.under is not None:
                staying.add(block.under)
        return sorted(staying)

    def _separator(self, number: int) -> str:
        # The first block has none of its own and takes that of the second when it comes later.
        return self.blocks[max(number, 1)].separator


def one_text(shape: Shape, text: str, title: str | None = None) -> ResultText:
    """Return a content that is one text."""
    return ResultText(shape, (Block((Part(text, Passage(text, title)),)),))


def _stays(block: Block, kept: Sequence[str | None]) -> bool:
    return block.stays or not kept or any(text is not None for text in kept)


def _written_block(block: Block, kept: Sequence[str | None]) -> str:
    texts = iter(kept)
    written = []
    for part in block.parts:
        if part.passage is None:
            written.append(part.text)
            continue
        text = next(texts)
        if text is None:
            written.append(part.write(part.if_dropped))
        elif text == part.passage.text:
            written.append(part.text)
        else:
            written.append(part.write(text))
    return "".join(written)
