"""Passages with the scores of their sentences, before and after deciding what is kept."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from provence_plugins.deprecation import warn_renamed
from provence_plugins.engine.kept_text import KeptText
from provence_plugins.text.columns import Sentences
from provence_plugins.types import Kind, Passage, Sentence, Span, Tie, shorten

RelevanceScale = Literal["probability", "logit"]
"""Whether a model gives relevance as a probability, or as a number of any size whose logistic
function is one."""


def as_probability(relevance: float, scale: RelevanceScale) -> float:
    """Return a relevance as a probability, even if the model gives a logit."""
    if scale == "probability":
        return relevance
    # Of either sign, the exponential stays below 1 and cannot overflow.
    small = math.exp(-abs(relevance))
    return 1 / (1 + small) if relevance >= 0 else small / (1 + small)


@dataclass(frozen=True, slots=True)
class SentencePart(Span):
    """The kept part of a sentence that was cut to fit a budget.

    Attributes:
        start: First character in the passage.
        end: One past the last character.
        tokens: Its length in tokens of the model.
    """

    tokens: int


@dataclass(frozen=True, slots=True)
class ScoredSentence(Span):
    """A sentence with its probability, and whether it is kept.

    Attributes:
        start: First character in the passage.
        end: One past the last character.
        probability: Probability that the sentence helps to answer the query.
        kept: Whether it is kept.
        kind: Its role in the structure of the text.
        tokens: Its length in tokens of the model. Padding and dashes of a table's header do not
            count; characters that the model's vocabulary does not know count one by one.
        heading: Number of the sentence that is its heading or table header, always smaller than its
            own; None if there is none.
        ties: The sentences, besides the heading, that are kept along with this one.
        part: The part that is kept, if the sentence was cut to fit a budget; None for all of it.
    """

    probability: float
    kept: bool
    kind: Kind
    tokens: int
    heading: int | None = None
    ties: tuple[Tie, ...] = ()
    part: SentencePart | None = None


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """A passage with the scores that the model gave it, before anything is decided.

    Attributes:
        index: Position of the passage in the input.
        passage: The passage as it was given.
        relevance: How well it answers the query. A model that overflows gives infinity, which JSON
            cannot hold; the largest finite number is used instead. -1.0 if the model cannot read
            the passage.
        sentences: Its sentences in reading order; together they cover the text.
        probabilities: Keep probability of each sentence.
        token_counts: Length of each sentence in tokens of the model.
        is_legible: Whether the model's vocabulary can read it. If not, it is kept as it is.
        relevance_scale: Whether the relevance is a "probability", or a "logit" as of Provence and
            XProvence.
    """

    index: int
    passage: Passage
    relevance: float
    sentences: Sequence[Sentence]
    probabilities: Sequence[float]
    token_counts: Sequence[int]
    is_legible: bool = True
    relevance_scale: RelevanceScale = "probability"

    @property
    def tokens(self) -> int:
        """Number of tokens of all sentences."""
        return sum(self.token_counts)

    @property
    def relevance_probability(self) -> float:
        """The relevance as a probability, even if the model gives a logit."""
        return as_probability(self.relevance, self.relevance_scale)

    @property
    def columns(self) -> Sentences:
        """The sentences as columns, for what looks at all of them."""
        return Sentences.of(self.sentences)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentences", Sentences.of(self.sentences))
        if math.isinf(self.relevance):
            object.__setattr__(self, "relevance", math.copysign(sys.float_info.max, self.relevance))

    def keep(
        self,
        numbers: Iterable[int],
        *,
        omission: str | None = None,
        parts: Mapping[int, SentencePart] | None = None,
    ) -> "PrunedPassage":
        """Return the passage with the sentences of these numbers kept and all others removed.

        Args:
            numbers: Numbers of the kept sentences.
            omission: See `PruningPolicy`.
            parts: The kept parts of sentences that are cut, by number.
        """
        return PrunedPassage(self, frozenset(numbers), parts or {}, omission)


@dataclass(frozen=True, repr=False)  # without slots, because cached_property needs a __dict__
class PrunedPassage:
    """A passage with the decision about each of its sentences.

    Attributes:
        scored: The passage with its scores and without the decisions.
        numbers: Numbers of the kept sentences.
        parts: The kept parts of sentences that were cut to fit a budget, by number.
        omission: Text that marks in `text` where sentences are left out; see `PruningPolicy`.
    """

    scored: ScoredPassage
    numbers: frozenset[int]
    parts: Mapping[int, SentencePart] = field(default_factory=dict)
    omission: str | None = None

    def __hash__(self) -> int:
        return hash((self.scored.index, self.scored.passage, self.numbers, self.omission))

    @property
    def index(self) -> int:
        """Position of the passage in the input."""
        return self.scored.index

    @property
    def passage(self) -> Passage:
        """The passage as it was given."""
        return self.scored.passage

    @property
    def relevance(self) -> float:
        """How well the passage answers the query; -1.0 if the model cannot read it."""
        return self.scored.relevance

    @property
    def is_legible(self) -> bool:
        """Whether the model can read passage and query. If not, the passage is kept as it is."""
        return self.scored.is_legible

    @cached_property
    def sentences(self) -> tuple[ScoredSentence, ...]:
        """Its sentences in reading order; together they cover the text.

        They are made when they are first asked for: a long text has tens of thousands of them.
        """
        scored = self.scored
        rows = zip(scored.sentences, scored.probabilities, scored.token_counts, strict=True)
        return tuple(
            ScoredSentence(
                start=sentence.start,
                end=sentence.end,
                probability=probability,
                kept=number in self.numbers,
                kind=sentence.kind,
                tokens=tokens,
                heading=sentence.heading,
                ties=sentence.ties,
                part=self.parts.get(number),
            )
            for number, (sentence, probability, tokens) in enumerate(rows)
        )

    @cached_property
    def text(self) -> str:
        """The kept text: parts of the original one after another, character for character.

        The `omission` of the policy marks every place where sentences are left out.
        """
        return self._kept_text.join(self.omission)

    @cached_property
    def kept_spans(self) -> tuple[Span, ...]:
        """Spans of the kept parts in the original text; neighbouring sentences form one span.

        White space belongs to the sentence before it. If that sentence is removed, the white space
        stays where kept text would otherwise run into the kept text before it. It is a span of its
        own if sentences on both sides of it are removed.
        """
        return tuple(Span(*bounds) for bounds in self._kept_text.kept_bounds)

    @cached_property
    def _kept_text(self) -> KeptText:
        return KeptText(self.passage.text, self.scored.columns.bounds, self.numbers, self.parts)

    @cached_property
    def tokens_before(self) -> int:
        """Number of tokens of the whole passage."""
        return self.scored.tokens

    @cached_property
    def tokens_after(self) -> int:
        """Number of tokens of the kept sentences, or of their kept parts."""
        counts = self.scored.token_counts
        whole = sum(counts[number] for number in self.numbers.difference(self.parts))
        return whole + sum(part.tokens for part in self.parts.values())

    @property
    def kept_share(self) -> float:
        """Share of the tokens that is kept, from 0 to 1; 1.0 for a passage without tokens."""
        before = self.tokens_before
        return self.tokens_after / before if before else 1.0

    @property
    def kept_ratio(self) -> float:
        """Deprecated name of `kept_share`."""
        warn_renamed("PrunedPassage.kept_ratio", "PrunedPassage.kept_share")
        return self.kept_share

    def __repr__(self) -> str:
        kept, total = len(self.numbers), len(self.scored.sentences)
        title = f" title={shorten(self.passage.title)}" if self.passage.title else ""
        return (
            f"<PrunedPassage {self.index}{title} relevance={self.relevance:.3g} kept {kept} of "
            f"{total} sentences, {self.tokens_after} of {self.tokens_before} tokens: "
            f"{shorten(self.text)}>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class RankedPassage:
    """A passage in the order of relevance.

    Attributes:
        index: Position of the passage in the input.
        passage: The passage as it was given.
        relevance: How well it answers the query.
    """

    index: int
    passage: Passage
    relevance: float

    def __repr__(self) -> str:
        title = f" title={shorten(self.passage.title)}" if self.passage.title else ""
        text = shorten(self.passage.text)
        return f"<RankedPassage {self.index}{title} relevance={self.relevance:.3g}: {text}>"
