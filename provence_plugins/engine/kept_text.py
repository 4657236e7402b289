"""The kept text of a passage: where its parts lie in the original, and how they are joined."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from provence_plugins.types import Span

Bounds = tuple[int, int]
"""First character of a part, and one past its last character."""


@dataclass(frozen=True)  # without slots, because cached_property needs a __dict__
class KeptText:
    """The kept sentences of a text as one text.

    White space belongs to the sentence before it. If that sentence is removed, the next kept
    sentence takes the white space along if it would otherwise run into the kept text before it.
    This keeps paragraphs, headings and list items apart.

    Attributes:
        text: The original text.
        bounds: Where each of its sentences begins, and where the last one ends.
        numbers: Numbers of the kept sentences.
        parts: The kept parts of sentences that were cut, by number.
    """

    text: str
    bounds: Sequence[int]
    numbers: AbstractSet[int]
    parts: Mapping[int, Span]

    @cached_property
    def kept_bounds(self) -> list[Bounds]:
        """The kept parts of the text in reading order; neighbouring sentences form one part."""
        kept: list[Bounds] = []
        for number in sorted(self.numbers):
            start, end = kept_bounds_of(number, self.bounds, self.parts)
            if kept:
                start -= missing_break(self.text, kept[-1], start)
            if kept and kept[-1][1] == start:
                start, _ = kept.pop()
            kept.append((start, end))
        return kept

    def join(self, omission: str | None) -> str:
        """Return the kept parts one after another, character for character.

        Args:
            omission: Marks every place where sentences are left out, see `PruningPolicy`; None for
                no mark.
        """
        parts = [self.text[start:end] for start, end in self.kept_bounds]
        if omission is None or not parts:
            return "".join(parts)
        marks = [omission.format(count=count) if count else "" for count in self._left_out()]
        first, _ = self.kept_bounds[0]
        return _join_with_marks(parts, marks, first_space=space_at_end(self.text[:first]))

    def _left_out(self) -> list[int]:
        """Count the sentences with text that are left out before each kept part, and at the end.

        A sentence that is cut counts as one that is left out after its kept part.
        """
        kept = self.kept_bounds
        counts = [0] * (len(kept) + 1)
        row = 0
        for number, (start, end) in enumerate(pairwise(self.bounds)):
            while row < len(kept) and kept[row][1] <= start:
                row += 1
            if number not in self.numbers and self.text[start:end].strip():
                counts[row] += 1
            elif number in self.parts:
                counts[row + 1] += 1
        return counts


def kept_bounds_of(number: int, bounds: Sequence[int], parts: Mapping[int, Span]) -> Bounds:
    """Return where the kept part of a sentence begins and ends; most sentences are kept whole.

    Args:
        number: The sentence.
        bounds: Where each sentence begins, and where the last one ends.
        parts: The kept parts of sentences that were cut, by number.
    """
    part = parts.get(number)
    if part is None:
        return bounds[number], bounds[number + 1]
    return part.start, part.end


def missing_break(text: str, kept: Bounds, start: int) -> int:
    """Return how many characters of white space in front of `start` a separation needs."""
    gap = len(space_at_end(text[kept[1] : start]))
    if not gap:
        return 0
    needs_line_break = "\n" in text[start - gap : start]
    is_apart = _ends_with_space(text, kept, line_break=needs_line_break)
    return 0 if is_apart else gap


def space_at_end(text: str) -> str:
    """Return the white space at the end of a text."""
    return text[len(text.rstrip()) :]


def _ends_with_space(text: str, part: Bounds, *, line_break: bool) -> bool:
    """Return whether a part of a text ends with white space, or with a line break in it."""
    start, end = part
    position = end - 1
    # Character by character and no further than needed: a kept part can be as long as the text.
    while position >= start and text[position].isspace():
        if not line_break or text[position] == "\n":
            return True
        position -= 1
    return False


def _join_with_marks(parts: Sequence[str], marks: Sequence[str], *, first_space: str) -> str:
    """Join kept parts, with a mark before each and after the last; an empty one adds nothing.

    A mark is separated from its surroundings by the white space of the text, or by a blank where
    there is none.

    Args:
        parts: The kept parts.
        marks: One more than parts.
        first_space: White space in front of the first part in the original text.
    """
    pieces: list[str] = []
    for part, mark in zip((*parts, ""), marks, strict=True):
        if mark:
            before = space_at_end(pieces[-1]) if pieces else first_space
            if pieces and not before:
                pieces.append(" ")
            pieces.append(mark)
            if part and not part[0].isspace():
                pieces.append(before or " ")
        if part:
            pieces.append(part)
    return "".join(pieces)
