"""The nouns that every layer shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from provence_plugins.errors import InvalidInputError

Kind = Literal["sentence", "heading", "code", "table_header", "table_row", "list_item", "quote"]
"""What a sentence is in the structure of its text; running prose is "sentence"."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters, counted in code points."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise InvalidInputError(f"A span needs 0 <= start <= end, got start={self.start}, end={self.end}.")

    def of(self, text: str) -> str:
        """The characters of `text` that this span covers."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Sentence:
    """One unit that is kept or removed as a whole, with its place in the text.

    Attributes:
        start: First character.
        end: One past the last character; white space after a sentence belongs to it.
        kind: Its role in the structure of the text.
        heading: Number of the sentence that this one stands under: the header of a table row, otherwise the
            nearest heading above. None when there is none. Always smaller than the sentence's own number.
        read: The part of it that the model reads, where that is not all: some published models do not see the blank
            lines around a sentence. None for all of it.
    """

    start: int
    end: int
    kind: Kind = "sentence"
    heading: int | None = None
    read: Span | None = None

    def text_of(self, text: str) -> str:
        """What the model reads of this sentence, cut from its text."""
        return text[self.start : self.end] if self.read is None else self.read.of(text)


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to prune.

    Attributes:
        text: The text itself; everything that comes out is cut from it, character for character.
        title: Title of the page that the text comes from. The model reads it as context; it is never part of the
            pruned text.
        spans: Sentences, when the caller has already split the text: ordered, not overlapping. Characters between
            two spans go with the span before them. `Sentence`s do as well; they must tile the text, and keep their
            kinds and headings. None lets the pruner's splitter decide.
    """

    text: str
    title: str | None = None
    spans: Sequence[Span] | Sequence[Sentence] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InvalidInputError(
                f"A passage's text must be a string, got {type(self.text).__name__}. Pass the text itself, not an "
                f"object that holds it."
            )
        if self.title is not None and not isinstance(self.title, str):
            raise InvalidInputError(f"A passage's title must be a string or None, got {type(self.title).__name__}.")
        if self.spans is not None:
            object.__setattr__(self, "spans", tuple(self.spans))  # hashable, and safe from later changes to a list
