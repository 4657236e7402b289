"""`Method`, the interface of everything that scores sentences and can be judged beside a model."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import PassageScores, compare_passages
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import InvalidInputError, QueryTooLongError
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import Passage, Sentence

# Enough windows for a method to sort by length, and few enough for a progress bar to move.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class SplitPassage:
    """An example and the sentences that tile its passage; all methods see the same ones."""

    example: Example
    sentences: Sequence[Sentence]

    @property
    def texts(self) -> list[str]:
        """The text of each sentence, with the whitespace after it."""
        return [sentence.of(self.example.passage.text) for sentence in self.sentences]

    @property
    def lengths(self) -> list[int]:
        """The number of characters of each sentence."""
        return [sentence.end - sentence.start for sentence in self.sentences]


Method = Callable[[Sequence[SplitPassage]], Sequence[PassageScores]]
"""Scores the sentences of some passages, and each passage as a whole; the higher, the better."""


def one_by_one(score: Callable[[SplitPassage], PassageScores]) -> Method:
    """Return the method that scores each passage by itself."""
    return lambda passages: [score(passage) for passage in passages]


def split(examples: Iterable[Example], splitter: SplitterName) -> Iterator[SplitPassage]:
    """Yield the examples with their sentences."""
    for example in examples:
        yield SplitPassage(example, split_sentences(example.passage.text, splitter))


def score_all(method: Method, passages: Iterable[SplitPassage]) -> list[PassageScores]:
    """Score all passages, some dozens at a time, and return their scores.

    Raises:
        InvalidInputError: The method returned more or fewer scores than it was given passages.
        QueryTooLongError: A question leaves no room for text; the message names its example.
    """
    scores: list[PassageScores] = []
    waiting = iter(passages)
    while batch := list(islice(waiting, _TOGETHER)):
        try:
            found = method(batch)
        except QueryTooLongError:
            _name_too_long(method, batch)
            raise
        if len(found) != len(batch):
            raise InvalidInputError(
                f"A method must return one PassageScores for each passage; got {len(found)} for {len(batch)} passages."
            )
        scores += found
    return scores


def _name_too_long(method: Method, passages: Sequence[SplitPassage]) -> None:
    """Raise the error of the first passage whose question is too long, with the name of its example."""
    for passage in passages:
        try:
            method([passage])
        except QueryTooLongError as error:
            example = passage.example
            raise QueryTooLongError(f"The example {example.id!r} of the source {example.source!r}: {error}") from error


def compare_by_question(
    passages: Sequence[SplitPassage], scores: Sequence[PassageScores], weight: float
) -> list[PassageScores]:
    """Return the scores after a comparison of the passages of each question, as the engine decides.

    Only `PassageScores.probabilities` change. Passages of one question are those with its text;
    those that the model cannot read do not compete.

    Args:
        passages: Passages of any number of questions.
        scores: The scores of each passage.
        weight: See `engine.pooling.compare_passages`.
    """
    compared = list(scores)
    if not weight:
        return compared
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, passage in enumerate(passages):
        if scores[place].is_legible:
            places[passage.example.source, passage.example.question].append(place)
    for of_question in places.values():
        probabilities = [scores[place].probabilities.astype(np.float64) for place in of_question]
        relevances = [scores[place].relevance_probability for place in of_question]
        for place, lowered in zip(of_question, compare_passages(probabilities, relevances, weight), strict=True):
            compared[place] = replace(scores[place], probabilities=lowered.astype(np.float32))
    return compared


def from_sentence_scores(
    passages: Sequence[SplitPassage],
    flat: npt.ArrayLike,
) -> list[PassageScores]:
    """Split scores that were computed for the sentences of all passages together by passage.

    The best sentence gives the relevance, which is 0 for a passage without sentences.
    """
    ends = np.cumsum([len(passage.sentences) for passage in passages])[:-1]
    rows = np.split(np.asarray(flat, dtype=np.float32), ends)
    scores: list[PassageScores] = []
    for row in rows:
        relevance = 0.0
        if len(row):
            relevance = float(row.max())
        scores.append(PassageScores(relevance, row))
    return scores


def pruner_method(pruner: Pruner) -> Method:
    """Return the method that scores with a pruner, whatever format its model has."""
    everything = PruningPolicy(threshold=0.0)

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        results = pruner.prune_many(map(pruning_request, passages), everything)
        scores: list[PassageScores] = []
        for result in results:
            # Each request has one passage, which is either kept or dropped.
            [pruned] = (*result.passages, *result.dropped)
            probabilities = np.array([sentence.probability for sentence in pruned.sentences], np.float32)
            scale = pruned.scored.relevance_scale
            scores.append(PassageScores(pruned.relevance, probabilities, scale, pruned.is_legible))
        return scores

    return score


def sentence_by_sentence(method: Method) -> Method:
    """Return the method that scores each sentence as a passage of its own by another method.

    The title goes with each sentence. This is DSLR (arXiv 2407.03627) with another reranker.
    """

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        alone: list[SplitPassage] = []
        for passage in passages:
            title = passage.example.passage.title
            for text in passage.texts:
                example = replace(passage.example, passage=Passage(text, title), evidence=())
                alone.append(SplitPassage(example, [Sentence(0, len(text))]))
        return from_sentence_scores(passages, [scores.relevance for scores in method(alone)])

    return score


def pruning_request(passage: SplitPassage) -> tuple[str, list[Passage]]:
    """Return the question, and the passage with these very sentences, as the engine takes them."""
    sentences = [Sentence(sentence.start, sentence.end) for sentence in passage.sentences]
    original = passage.example.passage
    return passage.example.question, [Passage(original.text, original.title, sentences)]
