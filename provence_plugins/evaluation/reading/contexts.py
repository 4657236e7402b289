"""What a reader is shown: the contexts that the arms make of a question's passages."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress

import numpy as np

from provence_plugins.data.examples import label_sentences
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.engine.pruner import Pruner
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.evaluation.metrics.words import find_words
from provence_plugins.evaluation.reading.arms import FULL, GOLD, NO_CONTEXT, MethodArm, PrunedArm
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.types import Span

_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Context:
    """What one arm shows of a question's passages.

    Attributes:
        texts: The kept text of each passage, without passages that are dropped.
        seconds: How long the choice took.
    """

    texts: tuple[str, ...]
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """The number of characters, white space not counted."""
        return sum(map(count_characters, self.texts))


Choose = Callable[[ReadingQuestion], tuple[str, ...]]
"""Returns the kept text of each passage of a question."""


class ContextMaker:
    """Makes the contexts of all arms.

    A method with scores gets as many characters of a question as the pruned arm that it is compared
    with kept.
    """

    def __init__(
        self,
        pruner: Pruner,
        pruned: Sequence[PrunedArm],
        methods: Sequence[MethodArm] = (),
        *,
        ordered: Sequence[PrunedArm] = (),
    ) -> None:
        """Take the arms.

        Args:
            pruner: Prunes.
            pruned: The pruned arms; the first one is the one that all others are compared with.
            methods: The arms of other methods.
            ordered: The same contexts in other orders of the passages.
        """
        self._pruner = pruner
        self._pruned = pruned
        self._methods = methods
        self._ordered = ordered

    @property
    def arms(self) -> list[str]:
        """The names of all arms, in the order of tables."""
        pruned = [arm.name for arm in (*self._pruned, *self._ordered)]
        return [NO_CONTEXT, FULL, *pruned, *(arm.name for arm in self._methods), GOLD]

    @property
    def reference(self) -> str:
        """The pruned arm that the others are compared with."""
        return self._pruned[0].name

    @property
    def equal_sizes(self) -> dict[str, str]:
        """For each method that gets the size of a pruned arm, the name of that arm."""
        return {arm.name: arm.like for arm in self._methods if arm.like is not None}

    def make(self, question: ReadingQuestion) -> dict[str, Context]:
        """Return the context of each arm, by its name."""
        full = tuple(passage.example.passage.text.strip() for passage in question.passages)
        contexts = {NO_CONTEXT: Context(()), FULL: Context(full)}
        for arm in (*self._pruned, *self._ordered):
            contexts[arm.name] = _time(partial(self._prune, arm=arm), question)
        for other in self._methods:
            size = 0 if other.like is None else contexts[other.like].size
            contexts[other.name] = _time(partial(_choose, method=other.method, size=size), question)
        contexts[GOLD] = Context(_gold(question))
        return contexts

    def _prune(self, question: ReadingQuestion, arm: PrunedArm) -> tuple[str, ...]:
        passages = [passage.example.passage for passage in question.passages]
        result = self._pruner.prune(question.question, passages, arm.policy)
        texts = [passage.text for passage in result.passages]
        if arm.is_reversed:
            texts.reverse()
        return _without_empty(texts)


def take_best(
    passages: Sequence[SplitPassage],
    scores: Sequence[PassageScores],
    size: int,
) -> tuple[str, ...]:
    """Return the best sentences of some passages, in reading order, up to a number of characters.

    White space does not count. The last sentence is cut after a word, so what is missing is less
    than a word.
    """
    if not passages:
        return ()
    sentences: list[tuple[int, Span]] = []
    for place, passage in enumerate(passages):
        for sentence in passage.sentences:
            sentences.append((place, sentence))
    flat = np.concatenate([each.probabilities for each in scores])
    kept: list[list[Span]] = [[] for _ in passages]
    left = size
    for number in np.argsort(-flat, kind="stable").tolist():
        place, span = sentences[number]
        text = span.of(passages[place].example.passage.text)
        end = _end_within(text, left)
        left -= count_characters(text[:end])
        if end:
            kept[place].append(Span(span.start, span.start + end))
        if end < len(text.rstrip()):
            break
    return _join(passages, kept)


def count_characters(text: str) -> int:
    """Return the number of characters that are not white space."""
    return len(_SPACE.sub("", text))


def _time(choose: Choose, question: ReadingQuestion) -> Context:
    begin = time.perf_counter()
    texts = choose(question)
    return Context(texts, time.perf_counter() - begin)


def _choose(question: ReadingQuestion, method: LoadedMethod, size: int) -> tuple[str, ...]:
    """Let a method choose: its fixed output if it has one, else its best sentences."""
    if method.output is not None:
        return _join(question.passages, [method.output(passage).spans for passage in question.passages])
    return take_best(question.passages, method.score(question.passages), size)


def _gold(question: ReadingQuestion) -> tuple[str, ...]:
    if not question.is_answerable:
        return ()
    spans: list[list[Span]] = []
    for passage in question.passages:
        relevant: list[Span] = []
        # Passages of other questions have evidence too, for those.
        if passage.example.question_id == question.id:
            labels = label_sentences(passage.example, passage.sentences)
            relevant += compress(passage.sentences, labels)
        spans.append(relevant)
    return _join(question.passages, spans)


def _join(passages: Sequence[SplitPassage], spans: Sequence[Sequence[Span]]) -> tuple[str, ...]:
    texts: list[str] = []
    for passage, kept in zip(passages, spans, strict=True):
        ordered = sorted(kept, key=lambda span: span.start)
        texts.append(" ".join(span.of(passage.example.passage.text).strip() for span in ordered))
    return _without_empty(texts)


def _without_empty(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


def _end_within(text: str, size: int) -> int:
    """Return where the last whole word ends that the first `size` characters hold."""
    if count_characters(text) <= size:
        return len(text)
    words = find_words(text)
    total = np.cumsum(words[:, 1] - words[:, 0])
    fitting = int(np.searchsorted(total, size, side="right"))
    return int(words[fitting - 1, 1]) if fitting else 0
