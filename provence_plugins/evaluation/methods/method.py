"""The seam of the evaluation: whatever scores sentences can be judged beside the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.engine.pruner import Pruner
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import Passage, Sentence

# Enough windows for a method to sort by length, and few enough for a progress bar to move.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class SplitPassage:
    """An example and the sentences of its passage, which tile the text; all methods see the same ones."""

    example: Example
    sentences: Sequence[Sentence]

    @property
    def texts(self) -> list[str]:
        """The sentences themselves, white space behind them included."""
        return [sentence.of(self.example.passage.text) for sentence in self.sentences]

    @property
    def lengths(self) -> list[int]:
        """Characters of each sentence."""
        return [sentence.end - sentence.start for sentence in self.sentences]


Method = Callable[[Sequence[SplitPassage]], Sequence[PassageScores]]
"""Scores the sentences of some passages, and each passage as a whole; higher stays longer."""


def one_by_one(score: Callable[[SplitPassage], PassageScores]) -> Method:
    """The method that looks at each passage on its own."""
    return lambda passages: [score(passage) for passage in passages]


def split(examples: Iterable[Example], splitter: SplitterName) -> Iterator[SplitPassage]:
    """The examples with their sentences, as they are asked for."""
    for example in examples:
        yield SplitPassage(example, split_sentences(example.passage.text, splitter))


def score_all(method: Method, passages: Iterable[SplitPassage]) -> Iterator[tuple[SplitPassage, PassageScores]]:
    """Each passage with its scores, some dozens being scored at a time."""
    waiting = iter(passages)
    while some := list(islice(waiting, _TOGETHER)):
        yield from zip(some, method(some), strict=True)


def from_sentence_scores(passages: Sequence[SplitPassage], flat: npt.ArrayLike) -> list[PassageScores]:
    """Scores that were worked out for the sentences of all passages in a row, given back to the passages.

    The best sentence gives the relevance, which is 0 for a passage without sentences.
    """
    ends = np.cumsum([len(passage.sentences) for passage in passages])[:-1]
    rows = np.split(np.asarray(flat, dtype=np.float32), ends)
    return [PassageScores(float(row.max(initial=-np.inf)) if len(row) else 0.0, row) for row in rows]


def pruner_method(pruner: Pruner) -> Method:
    """The method that a pruner is, whatever layout its model has."""
    everything = PruningPolicy(threshold=0.0)

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        results = pruner.prune_many(map(pruning_request, passages), everything)
        return [
            PassageScores(row.relevance, np.array([sentence.probability for sentence in row.sentences], np.float32))
            for result in results
            for row in (*result.passages, *result.dropped)
        ]

    return score


def sentence_by_sentence(method: Method) -> Method:
    """A method's relevance of each sentence alone, as if it were a passage, the title with it.

    That is DSLR (arXiv 2407.03627) with one's own reranker.
    """

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        alone = [
            SplitPassage(
                replace(passage.example, passage=Passage(text, passage.example.passage.title), evidence=()),
                [Sentence(0, len(text))],
            )
            for passage in passages
            for text in passage.texts
        ]
        return from_sentence_scores(passages, [scores.relevance for scores in method(alone)])

    return score


def pruning_request(passage: SplitPassage) -> tuple[str, list[Passage]]:
    """What the engine is asked: the question, and the passage with these very sentences."""
    sentences = [Sentence(sentence.start, sentence.end) for sentence in passage.sentences]
    given = passage.example.passage
    return passage.example.question, [Passage(given.text, given.title, sentences)]
