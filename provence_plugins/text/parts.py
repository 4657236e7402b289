"""Blocks with the numbers of their sentences, as columns for the reason that `columns.py` gives."""

from provence_plugins.text.blocks import Block
from provence_plugins.text.heads import is_answer, is_question
from provence_plugins.types import Kind

QUESTION_MARKS = "?？؟"
"""The signs that end a question, in several scripts."""

_MARKS_BEHIND = "*_\"'”’») \t\r\n"
_LONGEST_TAIL = 20


class Parts:
    """The blocks of a text in order, without the blocks inside them.

    Attributes:
        kinds: See `Block`, for each block; so are the others.
        levels: See above.
        depths: See above.
        labels: See above.
        starts: Where each block starts, and after these where the last one ends.
        firsts: Number of the first sentence of each block, and after these how many sentences there
            are.
    """

    __slots__ = ("depths", "firsts", "kinds", "labels", "levels", "starts")

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.levels: list[int] = []
        self.depths: list[int | None] = []
        self.labels: list[str | None] = []
        self.starts: list[int] = [0]
        self.firsts: list[int] = [0]

    def add(self, block: Block, after: int) -> None:
        """Add a block, with the number of the first sentence after it."""
        self.kinds.append(block.kind)
        self.levels.append(block.level)
        self.depths.append(block.depth)
        self.labels.append(block.label)
        self.starts.append(block.end)
        self.firsts.append(after)

    def __len__(self) -> int:
        return len(self.kinds)

    def numbers(self, at: int) -> range:
        """Return the numbers of a block's sentences."""
        return range(self.firsts[at], self.firsts[at + 1])

    def is_named(self, at: int) -> bool:
        """Return whether a block is a record with a label that is neither that of a question nor that of an answer."""
        label = self.labels[at]
        return self.kinds[at] == "record" and bool(label) and not is_question(label) and not is_answer(label)


def ends_with(text: str, end: int, signs: str) -> bool:
    """Return whether one of some signs is the last before an end, apart from white space and closing marks."""
    last = text[max(0, end - _LONGEST_TAIL) : end].rstrip(_MARKS_BEHIND)[-1:]
    return last != "" and last in signs
