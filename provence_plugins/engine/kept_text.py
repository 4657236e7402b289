"""The kept text of a passage: where its parts lie in the original, and how they are joined."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from provence_plugins.types import Span

Bounds = tuple[int, int]
"""First character of a part, and one past its last character."""

# One line break parts lines and items of a list, two part paragraphs. More of them part no better.
_PARAGRAPH = 2


@dataclass(frozen=True)  # without slots, because cached_property needs a __dict__
class KeptText:
    """The kept sentences of a text as one text.

    White space belongs to the sentence before it. If that sentence is removed, the white space
    stays where kept text would otherwise run into the kept text before it. This keeps paragraphs,
    headings and list items apart.

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
        for separator, part in self._separated_parts:
            for start, end in (part,) if separator is None else (separator, part):
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
        if omission is None or not self.numbers:
            return "".join(self.text[start:end] for start, end in self.kept_bounds)
        parts = []
        for separator, (start, end) in self._separated_parts:
            before = "" if separator is None else self.text[slice(*separator)]
            parts.append(before + self.text[start:end])
        marks = [omission.format(count=count) if count else "" for count in self._left_out()]
        first, _ = self.kept_bounds[0]
        return _join_with_marks(parts, marks, first_space=space_at_end(self.text[:first]))

    @cached_property
    def _separated_parts(self) -> list[tuple[Bounds | None, Bounds]]:
        """The kept parts, each with the white space from further above that separates it, if any does."""
        breaks = Breaks(self.text, self.bounds)
        parts: list[tuple[Bounds | None, Bounds]] = []
        before = 0
        for number in sorted(self.numbers):
            start, end = kept_bounds_of(number, self.bounds, self.parts)
            separator: Bounds | None = None
            if parts:
                _, kept = parts[-1]
                first, end_of_space = breaks.separator(kept, range(before, number), start)
                if end_of_space == start:
                    start = first  # what is right in front becomes a piece of the part
                else:
                    separator = first, end_of_space
                if kept[1] == start:
                    separator, (start, _) = parts.pop()
            parts.append((separator, (start, end)))
            before = number
        return parts

    def _left_out(self) -> list[int]:
        """Count the sentences with text that are left out before each kept part, and at the end.

        A sentence that is cut counts as one that is left out after its kept part.
        """
        kept = [part for _, part in self._separated_parts]
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


class Breaks:
    """The line and paragraph breaks at the ends of the sentences of a text.

    Args:
        text: The text.
        bounds: Where each of its sentences begins, and where the last one ends.
    """

    def __init__(self, text: str, bounds: Sequence[int]) -> None:
        self._text = text
        self._bounds = bounds
        # Numbers of the sentences behind which lines part, and of those behind which paragraphs do.
        self._lines: list[int] = []
        self._paragraphs: list[int] = []
        for number, sentence in enumerate(pairwise(bounds)):
            breaks = _line_breaks(text, sentence)
            if breaks:
                self._lines.append(number)
            if breaks == _PARAGRAPH:
                self._paragraphs.append(number)

    def separator(self, kept: Bounds, between: range, start: int) -> Bounds:
        """Return the white space that stays between a kept part and the next one.

        Of all that is left out between the two, that is the last of the widest breaks, unless the
        kept part ends with one that is as wide.

        Args:
            kept: The kept part.
            between: Numbers of the sentences from that of the kept part to the one before the next.
            start: Where the next kept part begins.

        Returns:
            Where the white space begins and ends: both at `start` if nothing is needed.
        """
        space = self._space_before(start, kept)
        breaks = _line_breaks(self._text, space)
        for least, numbers in ((1, self._lines), (_PARAGRAPH, self._paragraphs)):
            place = bisect_left(numbers, between.stop) - 1
            if breaks < least and place >= 0 and numbers[place] in between:
                space, breaks = self._space_before(self._bounds[numbers[place] + 1], kept), least
        has_space = self._text[max(kept[0], kept[1] - 1) : kept[1]].isspace()
        is_apart = has_space and _line_breaks(self._text, kept) >= breaks
        return (start, start) if is_apart else space

    def _space_before(self, end: int, kept: Bounds) -> Bounds:
        """Return the white space before a position, as far as it is behind the kept text."""
        start = end
        while start > kept[1] and self._text[start - 1].isspace():
            start -= 1
        return start, end


def space_at_end(text: str) -> str:
    """Return the white space at the end of a text."""
    return text[len(text.rstrip()) :]


def _line_breaks(text: str, part: Bounds) -> int:
    """Return how many line breaks are in the white space at the end of a part of a text, two at most."""
    start, end = part
    position = end - 1
    breaks = 0
    # Character by character and no further than needed: a kept part can be as long as the text.
    while breaks < _PARAGRAPH and position >= start and text[position].isspace():
        breaks += text[position] == "\n"
        position -= 1
    return breaks


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
