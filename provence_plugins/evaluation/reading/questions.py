"""Questions with several passages, as a retriever would bring them to a language model."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from provence_plugins.data.examples import Example
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.text.sentences import SplitterName

_LONGEST_ANSWER = 10
"""Words. Longer answers are sentences, which a reader words in its own way and which no string
comparison can judge."""


@dataclass(frozen=True, slots=True)
class ReadingQuestion:
    """One question as a reader gets it.

    Attributes:
        source: Name of the data set.
        id: Unique in the data set.
        question: The question.
        answers: Right answers; empty when the passages do not hold one.
        passages: What the retriever brings, in its order.
    """

    source: str
    id: str
    question: str
    answers: tuple[str, ...]
    passages: tuple[SplitPassage, ...]

    @property
    def is_answerable(self) -> bool:
        """Whether the passages hold an answer."""
        return bool(self.answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOptions:
    """How questions are chosen and what they come with.

    Attributes:
        passages: Number of passages of a question.
        answerable: Number of answerable questions of each source; None takes all.
        unanswerable: Number of unanswerable questions of each source.
        splitter: How passages are split for the methods that choose sentences.
        seed: Seed of every random choice.
    """

    passages: int = 5
    answerable: int | None = None
    unanswerable: int = 0
    splitter: SplitterName = "sentencex"
    seed: int = 0


def make_questions(examples: Sequence[Example], options: QuestionOptions) -> list[ReadingQuestion]:
    """Choose questions with short answers, and give each its passages in a random order.

    The passages are the one with the answer, its negatives, then passages of other questions of the
    same source in which no right answer occurs. An unanswerable question is one whose passage
    people marked as not answering it. The sources take turns, so that a run that is stopped has
    seen all of them.

    Raises:
        InvalidInputError: No example has a short answer.
    """
    by_source: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_source[example.source].append(example)
    rows = [list(_questions_of_source(group, options)) for group in by_source.values()]
    questions: list[ReadingQuestion] = []
    for turn in zip_longest(*rows):
        questions += filter(None, turn)
    if not any(question.is_answerable for question in questions):
        raise InvalidInputError(
            f"No example has an answer of at most {_LONGEST_ANSWER} words. Give answers (a list of "
            f"strings) or answer_spans in the data."
        )
    return questions


def _questions_of_source(
    examples: Sequence[Example],
    options: QuestionOptions,
) -> Iterator[ReadingQuestion]:
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.question_id].append(example)
    random = np.random.default_rng(options.seed)
    limits = {True: options.answerable, False: options.unanswerable}
    taken = {True: 0, False: 0}
    for name in random.permutation(sorted(groups)).tolist():
        group = groups[name]
        answers = _short_answers(group)
        is_answerable = any(example.positive for example in group)
        limit = limits[is_answerable]
        # Mined negatives without the example that they were found for tell nothing.
        is_asked = bool(answers) if is_answerable else not all(example.is_mined for example in group)
        if is_asked and (limit is None or taken[is_answerable] < limit):
            taken[is_answerable] += 1
            # Seeded by the question, so that a run with more or fewer questions shows each the same
            # passages.
            own_random = np.random.default_rng((options.seed, zlib.crc32(name.encode())))
            chosen = _fill(group, examples, answers, options.passages, own_random)
            passages = tuple(split(chosen, options.splitter))
            yield ReadingQuestion(group[0].source, name, group[0].question, answers, passages)


def _short_answers(group: Iterable[Example]) -> tuple[str, ...]:
    """Return the right answers of a question's positives, if the first one is short."""
    for example in group:
        if example.positive:
            texts = [span.of(example.passage.text).strip() for span in example.evidence]
            answers = tuple(dict.fromkeys(example.answers or texts))
            if answers and len(answers[0].split()) <= _LONGEST_ANSWER:
                return answers
            return ()
    return ()


def _fill(
    group: Sequence[Example],
    pool: Sequence[Example],
    answers: Sequence[str],
    size: int,
    random: np.random.Generator,
) -> list[Example]:
    """Return a question's passages, then those of others, in a random order."""
    own = sorted(group, key=lambda example: not example.positive)[:size]
    texts = {example.passage.text for example in own}
    lowered = [answer.lower() for answer in answers]
    for place in random.permutation(len(pool)).tolist():
        if len(own) == size:
            break
        text = pool[place].passage.text
        if text not in texts and not any(answer in text.lower() for answer in lowered):
            texts.add(text)
            own.append(pool[place])
    return [own[place] for place in random.permutation(len(own)).tolist()]
