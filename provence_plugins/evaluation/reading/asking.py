"""Ask a reader all questions in all arms, those of one question after another."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from provence_plugins.errors import (
    PromptTooLongError,
    ReaderError,
    ReaderTimeoutError,
    UnreadableAnswerError,
)
from provence_plugins.evaluation.measure import Progress, show_nothing
from provence_plugins.evaluation.reading.answers import matches
from provence_plugins.evaluation.reading.contexts import Context, ContextMaker
from provence_plugins.evaluation.reading.prompts import make_prompt
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.evaluation.reading.record import ReadingRecord, RecordedAnswer, fingerprint
from provence_plugins.readers.reader import Reader

# Failures that concern one prompt; anything else would concern the next prompt too.
_COUNTED: Mapping[type[ReaderError], str] = {
    PromptTooLongError: "prompt too long",
    ReaderTimeoutError: "timeout",
    UnreadableAnswerError: "not an answer",
}

_MOST_IN_A_ROW = 5
"""After this many failures in a row the reader counts as down; prompts that are too long are
not failures."""


@dataclass(frozen=True, slots=True)
class ArmAnswer:
    """One question in one arm.

    Attributes:
        question: The question.
        arm: The name of the arm.
        size: Characters that the reader was shown, white space not counted.
        choosing_seconds: Seconds that it took to choose them.
        answer: What the reader said.
        is_shown: Whether a right answer stands word for word in the context.
    """

    question: ReadingQuestion
    arm: str
    size: int
    choosing_seconds: float
    answer: RecordedAnswer
    is_shown: bool

    @property
    def source(self) -> str:
        """Name of the data set that the question comes from."""
        return self.question.source

    @property
    def identity(self) -> tuple[str, str]:
        """Source and id of the question."""
        return self.question.source, self.question.id


class Interviewer:
    """Asks a reader, records its answers, and stops when the reader is down."""

    def __init__(self, reader: Reader, record: ReadingRecord, *, max_tokens: int) -> None:
        self._reader = reader
        self._record = record
        self._max_tokens = max_tokens
        self._session = uuid.uuid4().hex[:8]
        self._failures = count(1)

    def ask(self, question: ReadingQuestion, arm: str, context: Context) -> ArmAnswer:
        """Ask one question in one arm, unless the answer is recorded.

        Raises:
            ReaderError: The reader is down.
        """
        messages = make_prompt(question.question, context.texts)
        right = next(iter(question.answers), "")
        key = fingerprint(messages, right, self._max_tokens)
        found = self._record.find(key)
        if found is None:
            blank = RecordedAnswer(key, self._session, arm=arm, choosing_seconds=context.seconds)
            try:
                answer = self._reader.answer(messages, max_tokens=self._max_tokens)
                found = replace(
                    blank,
                    text=answer.text,
                    log_probability=self._reader.score(messages, right) if right else None,
                    prompt_tokens=answer.prompt_tokens,
                    answer_tokens=answer.answer_tokens,
                    prefill_seconds=answer.prefill_seconds,
                    seconds=answer.seconds,
                )
                self._failures = count(1)
            except tuple(_COUNTED) as error:
                found = replace(blank, failure=_COUNTED[type(error)])
                if not isinstance(error, PromptTooLongError) and next(self._failures) >= _MOST_IN_A_ROW:
                    raise ReaderError(f"{_MOST_IN_A_ROW} requests in a row failed. The last one: {error}") from error
            about = {"source": question.source, "id": question.id, "question": question.question}
            self._record.add(found, {**about, "right": right})
        chosen_in = context.seconds
        if found.arm == arm and found.choosing_seconds is not None:
            # All times of an answer are those of the session that asked.
            chosen_in = found.choosing_seconds
        is_shown = matches("\n".join(context.texts), question.answers)
        return ArmAnswer(question, arm, context.size, chosen_in, found, is_shown)


def ask_all(
    questions: Sequence[ReadingQuestion],
    contexts: ContextMaker,
    interviewer: Interviewer,
    progress: Progress = show_nothing,
    *,
    seed: int = 0,
) -> list[ArmAnswer]:
    """Ask every question in every arm.

    The arms of a question come one after another in a random order, so that a machine that becomes
    slower or faster meets all of them alike.

    Raises:
        ReaderError: The reader is down; what it said before is recorded.
    """
    random = np.random.default_rng(seed)
    answers: list[ArmAnswer] = []
    for question in progress(questions, "questions"):
        made = contexts.make(question)
        for arm in random.permutation(contexts.arms).tolist():
            answers.append(interviewer.ask(question, arm, made[arm]))
    return answers
