"""The value types that all layers share."""

import reprlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass
from itertools import pairwise
from operator import index
from typing import Any, Literal, NamedTuple, Self, get_args

from provence_plugins.deprecation import warn_renamed
from provence_plugins.errors import InvalidInputError, SplitterError
from provence_plugins.keywords import check_class_keywords

Kind = Literal["sentence", "heading", "code", "table_header", "table_row", "list_item", "record", "quote", "structure"]
"""The role of a sentence in the structure of its text.

Running prose is "sentence"; "record" is a line of a log, a turn, a field or a value; "structure" is
a bracket or comma of JSON, which is kept with what it encloses or separates and never by itself.
"""

MeaningTie = Literal["label", "parent", "question", "announced", "title"]
"""Ties that keep the meaning of a sentence, each of which a policy can switch off.

"label" brings the line that names the speaker or the field, "parent" the list item that this one is
nested in, "question" the question of an answer and its answer, "announced" the line that announces
a list or a command and the command that a paragraph announces, "title" the line that names the
product a sheet of fields is about.
"""

FormTie = Literal["inside", "closing", "separator"]
"""Ties that keep JSON well-formed, which no policy can switch off."""

TieKind = MeaningTie | FormTie
"""Why a kept sentence brings another one along."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_TIE_KINDS: tuple[TieKind, ...] = (*get_args(MeaningTie), *get_args(FormTie))


class Tie(NamedTuple):
    """A link from one sentence to another one that is kept along with it.

    Attributes:
        kind: Reason for the link.
        to: Number of the other sentence.
    """

    kind: TieKind
    to: int


@check_class_keywords
@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of characters, counted in code points.

    Attributes:
        start: First character.
        end: One past the last character.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if type(self.start) is not int or type(self.end) is not int:
            for name in ("start", "end"):
                object.__setattr__(self, name, _to_integer(getattr(self, name), f"{name} of a {type(self).__name__}"))
        if not 0 <= self.start <= self.end:
            raise InvalidInputError(
                f"{type(self).__name__} must satisfy 0 <= start <= end; got start={self.start}, end={self.end}."
            )

    def of(self, text: str) -> str:
        """Return the characters of `text` that this span covers."""
        return text[self.start : self.end]

    def overlaps(self, other: "Span") -> bool:
        """Return whether the two spans share at least one character."""
        return self.start < other.end and other.start < self.end


@check_class_keywords
@dataclass(frozen=True, slots=True)
class Sentence(Span):
    """One unit of text that is kept or removed as a whole.

    Attributes:
        start: First character.
        end: One past the last character; white space after a sentence belongs to it.
        kind: Its role in the structure of the text.
        heading: Number of the sentence that is its heading: the header of the table for a table
            row, otherwise the nearest heading above. Always smaller than the sentence's own number.
            None if there is none.
        model_span: The part of the sentence that the model reads, if it does not read all of it:
            some published models do not see the blank lines around a sentence. None for the whole
            sentence.
        ties: The sentences, besides the heading, that are kept along with this one.
    """

    kind: Kind = "sentence"
    heading: int | None = None
    model_span: Span | None = None
    ties: tuple[Tie, ...] = ()

    def __post_init__(self) -> None:
        Span.__post_init__(self)  # super() without arguments does not work in a dataclass with slots
        read = self.model_span
        if read is None:
            return
        if not isinstance(read, Span):
            raise InvalidInputError(f"model_span must be a Span or None; got {type(read).__name__}.")
        if not self.start <= read.start <= read.end <= self.end:
            raise InvalidInputError(f"model_span must lie inside its sentence, {self.start} to {self.end}; got {read}.")

    def model_text(self, text: str) -> str:
        """Return what the model reads of this sentence.

        Args:
            text: The whole text that the sentence belongs to.
        """
        span = self if self.model_span is None else self.model_span
        return span.of(text)

    @classmethod
    def tile(cls, text: str, spans: Iterable[Span | tuple[int, int]]) -> list[Self]:
        """Turn spans of a text into sentences that cover it without gaps.

        Args:
            text: The text.
            spans: Spans or pairs of start and end, in order and without overlap. Characters between
                two spans go to the sentence of the first one, characters in front of all spans to
                the first sentence. Blank spans are ignored.

        Returns:
            One sentence for each span; a single one if there are no spans; none if the text is
            empty.

        Raises:
            SplitterError: Spans are out of order, overlap or reach beyond the text.
        """
        starts = [span.start for span in check_spans(text, spans)]
        bounds = pairwise([0, *starts[1:], len(text)]) if starts else ()
        return [cls(start, end) for start, end in bounds]


def check_spans(text: str, spans: Iterable[Span | tuple[int, int]]) -> list[Span]:
    """Check the spans of a text, and return those that are not blank.

    Returns:
        At least one span, unless the text is empty.

    Raises:
        SplitterError: Spans are out of order, overlap or reach beyond the text.
    """
    found: list[Span] = []
    before = 0
    for span in iterate_spans(spans):
        try:
            start, end = (span.start, span.end) if isinstance(span, Span) else map(index, span)
            fits = before <= start <= end <= len(text)
            blank = start == end or text[start:end].isspace()
        except (TypeError, ValueError) as error:
            raise SplitterError(f"A sentence must be a Span or a pair of integers; got {span!r}.") from error
        if not fits:
            raise SplitterError(
                f"Spans of sentences must be in order, must not overlap and must lie inside the "
                f"text (0 to {len(text)}); got {span!r} after a span that ends at {before}."
            )
        if not blank:
            found.append(Span(start, end))
        before = end
    if not found and text:
        return [Span(0, len(text))]
    return found


# Any: a splitter of the caller may return anything.
def iterate_spans(spans: Any) -> Iterator[Any]:
    """Return an iterator over spans, which are not checked yet.

    Raises:
        SplitterError: They are not iterable.
    """
    if not isinstance(spans, Iterable):
        raise SplitterError(f"Spans of sentences must be an iterable of pairs of integers; got {type(spans).__name__}.")
    return iter(spans)


def _to_integer(value: object, name: str) -> int:
    """Convert an integer of another type, such as numpy's, to `int`."""
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError as error:  # some types, such as numpy's arrays, have the method and refuse
        raise InvalidInputError(f"The {name} must be an integer; got {value!r} ({type(value).__name__}).") from error


@check_class_keywords
@dataclass(frozen=True, slots=True, repr=False)
class Passage:
    """A text to prune.

    Attributes:
        text: The text itself; all output is cut from it, character for character.
        title: Title of the page that the text comes from. The model reads it as context; it is
            never part of the pruned text.
        sentences: Sentences, if the caller has already split the text. Each starts where the one
            before ends, the first at 0, and the last ends with the text; `Sentence.tile` makes such
            a list from spans. None leaves splitting to the pruner.
        spans: Deprecated; use `sentences=Sentence.tile(text, spans)`.
    """

    text: str
    title: str | None = None
    sentences: Sequence[Sentence] | None = None
    spans: InitVar[Sequence[Span] | None] = None

    def __post_init__(self, spans: Sequence[Span] | None) -> None:
        if not isinstance(self.text, str):
            raise InvalidInputError(
                f"The text of a Passage must be a string; got {type(self.text).__name__}. Pass the "
                f"text itself, not an object that contains it."
            )
        if self.title is not None and not isinstance(self.title, str):
            raise InvalidInputError(
                f"The title of a Passage must be a string or None; got {type(self.title).__name__}."
            )
        sentences = self.sentences
        if spans is not None:
            warn_renamed("Passage(spans=...)", "Passage(text, sentences=Sentence.tile(text, spans))", stacklevel=4)
            sentences = Sentence.tile(self.text, spans)
        if sentences is not None:
            if not isinstance(sentences, Iterable):
                raise InvalidInputError(f"sentences must hold Sentence objects; got {type(sentences).__name__}.")
            # A tuple can be hashed, and does not change with the caller's list.
            object.__setattr__(self, "sentences", _check_tiling(self.text, tuple(sentences)))

    def __repr__(self) -> str:
        title = "" if self.title is None else f", title={shorten(self.title)}"
        sentences = "" if self.sentences is None else f", sentences=<{len(self.sentences)} sentences>"
        return f"Passage({shorten(self.text)}{title}{sentences})"


_SHORT_REPR = reprlib.Repr()
_SHORT_REPR.maxstring = 50


def shorten(value: object) -> str:
    """Return the repr of a value; of a long text, the repr of its beginning and end, on one line of a terminal."""
    return _SHORT_REPR.repr(value)


def _check_tiling(text: str, sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
    end = 0
    for number, sentence in enumerate(sentences):
        if not isinstance(sentence, Sentence):
            raise InvalidInputError(
                f"sentences must hold Sentence objects; got {type(sentence).__name__}. Use "
                f"Sentence.tile(text, spans) to make them from spans."
            )
        if sentence.start != end:
            raise InvalidInputError(
                f"sentences must cover the text without gaps: sentence {number} must start at "
                f"{end}, where the one before it ends, but starts at {sentence.start}. Use "
                f"Sentence.tile(text, spans) if there are gaps."
            )
        _check_relations(sentence, number, len(sentences))
        end = sentence.end
    if end != len(text):
        raise InvalidInputError(
            f"sentences must cover the text without gaps: the last one must end at {len(text)}, "
            f"where the text ends, but ends at {end}. Use Sentence.tile(text, spans) if there are "
            f"gaps."
        )
    return sentences


def _check_relations(sentence: Sentence, number: int, count: int) -> None:
    """Check the kind of a sentence, and that it names only sentences that there are."""
    if not isinstance(sentence.kind, str) or sentence.kind not in _KINDS:
        raise InvalidInputError(
            f"The kind of sentence {number} must be one of {_listed(_KINDS)}; got {sentence.kind!r}."
        )
    heading = sentence.heading
    if heading is not None and not (isinstance(heading, int) and 0 <= heading < number):
        raise InvalidInputError(
            f"The heading of sentence {number} must be the number of a sentence before it; got {heading!r}."
        )
    if not isinstance(sentence.ties, tuple):
        raise InvalidInputError(f"The ties of sentence {number} must be a tuple; got {type(sentence.ties).__name__}.")
    for tie in sentence.ties:
        is_known = isinstance(tie, Tie) and isinstance(tie.kind, str) and tie.kind in _TIE_KINDS
        if not (is_known and isinstance(tie.to, int) and 0 <= tie.to < count):
            raise InvalidInputError(
                f"The ties of sentence {number} must be Tie objects, each with a kind among "
                f"{_listed(_TIE_KINDS)} and the number of a sentence, 0 to {count - 1}; got {tie!r}."
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
