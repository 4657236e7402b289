"""The measures of the experiment, with intervals and tests from the bootstrap that all of evaluation uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, Interval, middle, resample
from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray
from provence_plugins.evaluation.metrics.significance import Comparison, compare
from provence_plugins.evaluation.metrics.statistics import Evaluator, Statistic, compute, mean_of, mean_over_sources
from provence_plugins.evaluation.reading.answers import abstains, matches, token_f1
from provence_plugins.evaluation.reading.asking import ArmAnswer

Value = Callable[[ArmAnswer], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its 95 % interval, and the number of questions behind it."""

    value: float
    interval: Interval
    questions: int


@dataclass(frozen=True, slots=True)
class ReadingMeasure:
    """One way to judge the answer to an answerable question; higher is better.

    Attributes:
        heading: Its name in tables.
        value: The value of one answer.
        is_share: Whether it is a share, shown in per cent.
        margin: How much worse than with the full context still counts as not inferior; None takes the run's own.
    """

    heading: str
    value: Value
    is_share: bool = True
    margin: float | None = None

    def show(self, value: float, *, signed: bool = False) -> str:
        """Return a value for a table."""
        sign = "+" if signed else ""
        return f"{100 * value:{sign}.1f}" if self.is_share else f"{value:{sign}.2f}"


def is_right(answer: ArmAnswer) -> bool:
    """Return whether an answer holds a right one."""
    return matches(answer.answer.text, answer.question.answers)


def _log_probability(answer: ArmAnswer) -> float:
    value = answer.answer.log_probability
    return float("nan") if value is None else value


LOG_PROBABILITY = ReadingMeasure(
    "log-probability of the right answer, nats per token", _log_probability, is_share=False, margin=0.1
)

MEASURES = (
    LOG_PROBABILITY,
    ReadingMeasure("right answers", lambda answer: float(is_right(answer))),
    ReadingMeasure("token F1", lambda answer: token_f1(answer.answer.text, answer.question.answers)),
)


def measure(answers: Sequence[ArmAnswer], value: Value, *, rounds: int = ROUNDS) -> Measured:
    """Return the mean over sources of a value of answers, with its interval."""
    statistic = mean_over_sources(mean_of(value))
    interval = middle(resample(answers, statistic, rounds=rounds))
    return Measured(compute(statistic, answers), interval, len(answers))


def difference(
    first: Sequence[ArmAnswer], second: Sequence[ArmAnswer], value: Value, *, rounds: int = ROUNDS
) -> Comparison:
    """Return how far the first arm is ahead of the second on the same questions, by a paired bootstrap."""
    return compare(first, second, mean_over_sources(mean_of(value)), rounds=rounds)


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """The answers to one question with the full context and in another arm."""

    full: ArmAnswer
    other: ArmAnswer

    @property
    def source(self) -> str:
        """Name of the data set that the question comes from."""
        return self.full.source

    @property
    def identity(self) -> tuple[str, str]:
        """Source and id of the question."""
        return self.full.identity


def pair(full: Sequence[ArmAnswer], other: Sequence[ArmAnswer]) -> list[AnswerPair]:
    """Pair the answers of two arms to the same questions."""
    return [AnswerPair(*answers) for answers in zip(full, other, strict=True)]


def share_that_turned(pairs: Sequence[AnswerPair], *, was_right: bool, rounds: int = ROUNDS) -> Measured | None:
    """Return the share of the answers that were right (or wrong) with the full context and are the opposite now.

    All sources together, because a source may have few such answers; None when there are none at all.
    """
    before = [each for each in pairs if is_right(each.full) == was_right]
    if not before:
        return None
    statistic: Statistic[AnswerPair] = mean_of(lambda each: float(is_right(each.other) != was_right))
    return Measured(compute(statistic, before), middle(resample(before, statistic, rounds=rounds)), len(before))


def ratio(pairs: Sequence[AnswerPair], cost: Value, *, rounds: int = ROUNDS) -> Measured:
    """Return the cost of an arm as a share of the cost of the full context, both summed over questions."""
    statistic = partial(_ratio_of_sums, cost=cost)
    return Measured(compute(statistic, pairs), middle(resample(pairs, statistic, rounds=rounds)), len(pairs))


def share_abstaining(answers: Sequence[ArmAnswer], *, rounds: int = ROUNDS) -> Measured:
    """Return the share of questions to which the reader gives no answer, averaged over sources."""
    return measure(answers, lambda answer: float(abstains(answer.answer.text)), rounds=rounds)


def _ratio_of_sums(pairs: Sequence[AnswerPair], cost: Value) -> Evaluator:
    full = np.array([cost(each.full) for each in pairs])
    other = np.array([cost(each.other) for each in pairs])

    def evaluate(counts: IntArray) -> FloatArray:
        return np.asarray((counts @ other) / (counts @ full), dtype=np.float64)

    return evaluate
