"""Labelled examples with the scores that one method gave them, from which metrics are computed."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class JudgedQuestion(Protocol):
    """One question as some method answered it."""

    @property
    def source(self) -> str:
        """Name of the data set that the question comes from."""
        ...

    @property
    def identity(self) -> Hashable:
        """A value that is equal for every method that judged the same question."""
        ...


Q = TypeVar("Q", bound=JudgedQuestion)


@dataclass(frozen=True, slots=True)
class ScoredExample:
    """One question with the sentences of its passages; the three arrays have shape (sentences,).

    The passage that holds the answer comes first, then the negatives, as a retriever would bring
    them together.

    Attributes:
        source: Name of the data set that it comes from.
        question: The question.
        scores: Score of each sentence; only their order need mean anything.
        lengths: Characters of each sentence.
        relevant: Whether each sentence overlaps an annotated span.
        positive_size: Number of sentences of the passage that holds the answer.
        kind: What kind of text the passage is; None where it is unknown.
        question_type: What type of question it is; None where it is unknown.
    """

    source: str
    question: str
    scores: FloatArray
    lengths: FloatArray
    relevant: npt.NDArray[np.bool_]
    positive_size: int
    kind: str | None = None
    question_type: str | None = None

    @property
    def without_negatives(self) -> "ScoredExample":
        """The question with the passage that holds the answer, without negatives."""
        first = slice(self.positive_size)
        return ScoredExample(
            self.source,
            self.question,
            self.scores[first],
            self.lengths[first],
            self.relevant[first],
            self.positive_size,
            self.kind,
            self.question_type,
        )

    @property
    def identity(self) -> tuple[str, str, tuple[float, ...]]:
        """Source, question and lengths of the sentences."""
        return self.source, self.question, tuple(self.lengths.tolist())

    @property
    def best_relevant(self) -> float:
        """The highest threshold that keeps the answer: the score of the best relevant sentence."""
        return float(self.scores[self.relevant].max())

    @property
    def worst_relevant(self) -> float:
        """The highest threshold at which all of the evidence is kept: the score of the worst relevant sentence."""
        return float(self.scores[self.relevant].min())


@dataclass(frozen=True, slots=True)
class RankedQuestion:
    """A question with the relevance of its passages.

    Attributes:
        source: Name of the data set that it comes from.
        positive: Relevance of the passage that answers it.
        negatives: Relevance of the others.
    """

    source: str
    positive: float
    negatives: Sequence[float]

    @property
    def identity(self) -> tuple[str, int]:
        """Source and number of negatives."""
        return self.source, len(self.negatives)

    @property
    def rank(self) -> int:
        """The rank of the positive passage, 1 being the best; ties count against it."""
        return 1 + sum(negative >= self.positive for negative in self.negatives)


@dataclass(frozen=True, slots=True)
class GradedQuestion:
    """A question whose passages people graded.

    Attributes:
        source: Name of the data set that it comes from.
        question: The question.
        relevances: Relevance of each passage, as the method gave it.
        grades: Grade of each passage, as people gave it; 0 is not relevant.
    """

    source: str
    question: str
    relevances: tuple[float, ...]
    grades: tuple[float, ...]

    @property
    def identity(self) -> tuple[str, str, tuple[float, ...]]:
        """Source, question and grades."""
        return self.source, self.question, self.grades


@dataclass(frozen=True, slots=True)
class WordOverlap:
    """How the kept words of a question's passages agree with the annotated ones.

    Attributes:
        source: Name of the data set that the question comes from.
        question: The question.
        words: Words of the passages.
        annotated: Words that overlap an annotated span.
        kept: Words that were kept, words that the passages do not hold included.
        both: Words that are annotated and kept.
    """

    source: str
    question: str
    words: int
    annotated: int
    kept: int
    both: int

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """Source, question and numbers of words."""
        return self.source, self.question, self.words, self.annotated

    def plus(self, other: "WordOverlap") -> "WordOverlap":
        """Add the words of another passage of the same question."""
        return WordOverlap(
            self.source,
            self.question,
            self.words + other.words,
            self.annotated + other.annotated,
            self.kept + other.kept,
            self.both + other.both,
        )


@dataclass(frozen=True, slots=True)
class JudgedExamples:
    """Labelled examples as one method scored them; each metric reads one of the sequences.

    Attributes:
        scored: Questions with annotated sentences.
        ranked: Questions with negatives.
        graded: Questions with graded passages.
        words: Questions with the words that are kept at one threshold; empty before a threshold is
            chosen.
        probabilities: Whether the scores claim to be probabilities.
        fixed: Whether the method gives one output and no scores, so that no threshold can be
            varied.
    """

    scored: Sequence[ScoredExample]
    ranked: Sequence[RankedQuestion] = ()
    graded: Sequence[GradedQuestion] = ()
    words: Sequence[WordOverlap] = ()
    probabilities: bool = False
    fixed: bool = False

    def of_sources(self, sources: Collection[str]) -> "JudgedExamples":
        """Return the examples of some sources."""
        return JudgedExamples(
            _of_sources(self.scored, sources),
            _of_sources(self.ranked, sources),
            _of_sources(self.graded, sources),
            _of_sources(self.words, sources),
            self.probabilities,
            self.fixed,
        )


def require_examples(examples: Sequence[JudgedQuestion]) -> None:
    """Check that there is at least one question to measure.

    Raises:
        InvalidInputError: There are no examples.
    """
    if not examples:
        raise InvalidInputError(
            "There is nothing to measure: no passage of several sentences has annotated evidence. "
            "Give data with answer_spans or relevant_sentences."
        )


def group_by_source(examples: Sequence[Q]) -> list[list[Q]]:
    """Return the examples of each source, in the order in which the sources first appear.

    Raises:
        InvalidInputError: There are no examples.
    """
    return [[examples[place] for place in places] for places in places_by_source(examples)]


def places_by_source(examples: Sequence[JudgedQuestion]) -> list[list[int]]:
    """Return the positions of each source's examples, in the order of the sources.

    Raises:
        InvalidInputError: There are no examples.
    """
    require_examples(examples)
    places: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        places[example.source].append(place)
    return list(places.values())


def _of_sources(examples: Sequence[Q], sources: Collection[str]) -> list[Q]:
    return [example for example in examples if example.source in sources]
