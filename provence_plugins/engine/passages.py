"""Sentences with their probabilities, and the passage that they make up."""

from dataclasses import dataclass

from provence_plugins.types import Kind, Passage, Span


@dataclass(frozen=True, slots=True)
class ScoredSentence(Span):
    """A sentence with its probability, and whether it is kept.

    Attributes:
        start: First character in the passage.
        end: One past the last character.
        probability: Probability that the sentence helps to answer the query.
        kept: Whether it is kept.
        kind: Its role in the structure of the text.
        tokens: Its length in tokens of the model.
        heading: Number of the sentence that this one stands under, always smaller than its own; None if there is none.
    """

    probability: float
    kept: bool
    kind: Kind
    tokens: int
    heading: int | None = None


@dataclass(frozen=True, slots=True)
class PrunedPassage:
    """A passage with the decision about each of its sentences.

    Attributes:
        index: Place of the passage in the input.
        passage: The passage as it was given.
        relevance: How well it answers the query.
        sentences: Its sentences in reading order; together they tile the text.
    """

    index: int
    passage: Passage
    relevance: float
    sentences: tuple[ScoredSentence, ...]

    @property
    def text(self) -> str:
        """What is left of the text: its kept parts one after another, character for character."""
        return "".join(span.of(self.passage.text) for span in self.kept_spans)

    @property
    def kept_spans(self) -> tuple[Span, ...]:
        """Where the kept parts lie in the original text; neighbouring sentences are one span.

        White space goes with the sentence in front of it. Where that one is removed, a kept sentence behind it takes
        the white space along if it would otherwise run into what is kept before it: paragraphs, headings and list items
        stay apart.
        """
        spans: list[Span] = []
        for sentence in self.sentences:
            if not sentence.kept:
                continue
            start = sentence.start - (self._break_between(spans[-1], sentence) if spans else 0)
            if spans and spans[-1].end == start:
                start = spans.pop().start
            spans.append(Span(start, sentence.end))
        return tuple(spans)

    def _break_between(self, kept: Span, sentence: ScoredSentence) -> int:
        """How many characters of the white space in front of a sentence part it from what is kept before it."""
        before, removed = kept.of(self.passage.text), self.passage.text[kept.end : sentence.start]
        ending, gap = before[len(before.rstrip()) :], removed[len(removed.rstrip()) :]
        is_apart = "\n" in ending if "\n" in gap else bool(ending)
        return 0 if is_apart else len(gap)

    @property
    def tokens_before(self) -> int:
        """How many tokens the passage has."""
        return sum(sentence.tokens for sentence in self.sentences)

    @property
    def tokens_after(self) -> int:
        """How many tokens stay."""
        return sum(sentence.tokens for sentence in self.sentences if sentence.kept)

    @property
    def kept_ratio(self) -> float:
        """Share of the tokens that stay; 1.0 for a passage without tokens."""
        before = self.tokens_before
        return self.tokens_after / before if before else 1.0


@dataclass(frozen=True, slots=True)
class RankedPassage:
    """A passage in the order of relevance.

    Attributes:
        index: Place of the passage in the input.
        passage: The passage as it was given.
        relevance: How well it answers the query.
    """

    index: int
    passage: Passage
    relevance: float
