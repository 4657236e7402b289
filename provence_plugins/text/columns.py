"""The sentences of a text and their ties as columns of numbers and words; the objects are made when they are asked for.

A long text has tens of thousands of sentences. Python's garbage collector looks at every object
again and again, and the event loop stands still meanwhile, but it passes over numbers, words and
plain tuples of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Self, overload

from provence_plugins.types import Kind, Sentence, Span, Tie, TieKind

Link = tuple[TieKind, int]
"""What a `Tie` holds: why, and to which sentence."""


class Ties:
    """The ties between the sentences of one text, while they are being found."""

    def __init__(self) -> None:
        self._owners: list[int] = []
        self._links: list[Link] = []

    def add(self, numbers: Iterable[int], kind: TieKind, to: int) -> None:
        """Tie sentences to another one."""
        link = kind, to
        for number in numbers:
            if number != to:
                self._owners.append(number)
                self._links.append(link)

    def by_sentence(self) -> dict[int, tuple[Link, ...]]:
        """Return the ties of each sentence that has some, in the order in which they were added."""
        owner = self._owners.__getitem__
        places = sorted(range(len(self._owners)), key=owner)
        return {number: tuple(map(self._links.__getitem__, group)) for number, group in groupby(places, key=owner)}


class Sentences(Sequence[Sentence]):
    """The sentences of a text, which tile it: a sequence that makes each `Sentence` when it is asked for.

    Equal to any list or tuple of the same sentences.

    Attributes:
        bounds: Where each sentence starts, and after these where the last one ends.
        kinds: The role of each sentence.
        headings: Number of the heading of each sentence; None where there is none.
        links: The ties of each sentence that has some.
        model_spans: What the model reads of each sentence, as start and end; None where it reads
            all of it.

    Args:
        bounds: See above.
        kinds: See above; None for running prose.
        headings: See above; None for no headings at all.
        links: See above.
        model_spans: See above; None where the model reads all of every sentence.
    """

    __slots__ = ("bounds", "headings", "kinds", "links", "model_spans")

    def __init__(
        self,
        bounds: Sequence[int],
        kinds: Sequence[Kind] | None = None,
        headings: Sequence[int | None] | None = None,
        links: Mapping[int, tuple[Link, ...]] | None = None,
        model_spans: Sequence[tuple[int, int] | None] | None = None,
    ) -> None:
        count = len(bounds) - 1
        prose: Kind = "sentence"
        self.bounds = bounds
        self.kinds: Sequence[Kind] = [prose] * count if kinds is None else kinds
        self.headings: Sequence[int | None] = [None] * count if headings is None else headings
        self.links: Mapping[int, tuple[Link, ...]] = links or {}
        whole: Sequence[tuple[int, int] | None] = [None] * count
        self.model_spans = whole if model_spans is None else model_spans

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Self:
        """Return the columns of sentences that tile a text; columns are returned as they are."""
        if isinstance(sentences, cls):
            return sentences
        bounds = [sentences[0].start] if sentences else [0]
        links: dict[int, tuple[Link, ...]] = {}
        for number, sentence in enumerate(sentences):
            bounds.append(sentence.end)
            if sentence.ties:
                links[number] = tuple(map(_link, sentence.ties))
        return cls(
            bounds,
            kinds=[sentence.kind for sentence in sentences],
            headings=[sentence.heading for sentence in sentences],
            links=links,
            model_spans=[_bounds_of(sentence.model_span) for sentence in sentences],
        )

    def texts(self, text: str) -> list[str]:
        """Return each sentence of a text."""
        return [text[start:end] for start, end in pairwise(self.bounds)]

    def model_texts(self, text: str) -> list[str]:
        """Return what the model reads of each sentence of a text."""
        rows = zip(pairwise(self.bounds), self.model_spans, strict=True)
        return [text[slice(*(read or whole))] for whole, read in rows]

    def text_of(self, number: int, text: str) -> str:
        """Return one sentence of a text."""
        return text[self.bounds[number] : self.bounds[number + 1]]

    def ties_of(self, number: int) -> tuple[Link, ...]:
        """Return the ties of one sentence."""
        return self.links.get(number, ())

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, place: int) -> Sentence: ...
    @overload
    def __getitem__(self, place: slice) -> list[Sentence]: ...
    def __getitem__(self, place: int | slice) -> Sentence | list[Sentence]:
        numbers = range(len(self))[place]
        if isinstance(numbers, range):
            return [self._make(number) for number in numbers]
        return self._make(numbers)

    def __iter__(self) -> Iterator[Sentence]:
        return map(self._make, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sentences | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(own == given for own, given in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return repr(list(self))

    def _make(self, number: int) -> Sentence:
        read = self.model_spans[number]
        ties = [Tie(*link) for link in self.links.get(number, ())]
        return Sentence(
            self.bounds[number],
            self.bounds[number + 1],
            self.kinds[number],
            self.headings[number],
            None if read is None else Span(*read),
            tuple(ties),
        )


def _bounds_of(span: Span | None) -> tuple[int, int] | None:
    return None if span is None else (span.start, span.end)


def _link(tie: Tie) -> Link:
    return tie.kind, tie.to
