"""The measures of the experiment, with intervals and tests."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, Interval, middle, resample
from provence_plugins.evaluation.metrics.proportions import PairedCounts, newcombe, outer, wilson
from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray
from provence_plugins.evaluation.metrics.significance import Comparison, compare
from provence_plugins.evaluation.metrics.statistics import (
    Evaluator,
    compute,
    mean_of,
    mean_over_sources,
)
from provence_plugins.evaluation.reading.answers import abstains, matches, token_f1
from provence_plugins.evaluation.reading.asking import ArmAnswer

Value = Callable[[ArmAnswer], float]

VERDICTS = {True: "yes", False: "not shown"}
"""What tables say of a claim, by whether the answers show that it holds."""


@dataclass(frozen=True, slots=True)
class MeasuredValue:
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
        is_yes_or_no: Whether an answer has either 0 or 1.
        margin: How much worse than with the full context still counts as not inferior; None takes
            the run's own.
    """

    heading: str
    value: Value
    is_share: bool = True
    is_yes_or_no: bool = False
    margin: float | None = None

    def show(self, value: float, *, signed: bool = False) -> str:
        """Return a value for a table."""
        sign = "+" if signed else ""
        return f"{100 * value:{sign}.1f}" if self.is_share else f"{value:{sign}.2f}"

    def show_measured(self, measured: MeasuredValue) -> str:
        """Return a value and its interval for a table."""
        low, high = self.show(measured.interval.low), self.show(measured.interval.high)
        return f"{self.show(measured.value)} [{low}, {high}]"

    def show_difference(self, found: Comparison) -> str:
        """Return a difference and its interval, with their signs, for a table."""
        low = self.show(found.interval.low, signed=True)
        high = self.show(found.interval.high, signed=True)
        return f"{self.show(found.difference, signed=True)} [{low}, {high}]"

    def measure(self, answers: Sequence[ArmAnswer], *, rounds: int = ROUNDS) -> MeasuredValue:
        """Return the mean over sources, with its interval.

        That of a yes or no reaches at least as far as Wilson's for all questions together.
        """
        statistic = mean_over_sources(mean_of(self.value))
        interval = middle(resample(answers, statistic, rounds=rounds))
        if self.is_yes_or_no:
            interval = outer(interval, wilson(int(sum(map(self.value, answers))), len(answers)))
        return MeasuredValue(compute(statistic, answers), interval, len(answers))

    def difference(
        self, first: Sequence[ArmAnswer], second: Sequence[ArmAnswer], *, rounds: int = ROUNDS
    ) -> Comparison:
        """Return how far the first arm is ahead of the second, by a paired bootstrap.

        The interval of a yes or no reaches at least as far as Newcombe's for all questions
        together.
        """
        found = compare(first, second, mean_over_sources(mean_of(self.value)), rounds=rounds)
        if not self.is_yes_or_no:
            return found
        cells: Counter[tuple[bool, bool]] = Counter()
        for one, other in zip(first, second, strict=True):
            cells[bool(self.value(one)), bool(self.value(other))] += 1
        counts = PairedCounts(cells[True, True], cells[True, False], cells[False, True], cells[False, False])
        return replace(found, interval=outer(found.interval, newcombe(counts)))


def is_right(answer: ArmAnswer) -> bool:
    """Return whether an answer holds a right one."""
    return matches(answer.answer.text, answer.question.answers)


def number_or_nan(value: float | None) -> float:
    """Return a number; NaN where the reader does not tell it."""
    return math.nan if value is None else float(value)


def _log_probability(answer: ArmAnswer) -> float:
    return number_or_nan(answer.answer.log_probability)


LOG_PROBABILITY = ReadingMeasure(
    "log-probability of the right answer, nats per token", _log_probability, is_share=False, margin=0.1
)

RIGHT_ANSWERS = ReadingMeasure("right answers", lambda answer: float(is_right(answer)), is_yes_or_no=True)

MEASURES = (
    LOG_PROBABILITY,
    RIGHT_ANSWERS,
    ReadingMeasure("token F1", lambda answer: token_f1(answer.answer.text, answer.question.answers)),
)

ABSTENTION = ReadingMeasure("abstention", lambda answer: float(abstains(answer.answer.text)), is_yes_or_no=True)


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


def turned(pairs: Sequence[AnswerPair], *, was_right: bool) -> list[AnswerPair]:
    """Return the pairs whose answer is right (or wrong) with the full context alone."""
    return [each for each in pairs if is_right(each.full) == was_right != is_right(each.other)]


def share_that_turned(pairs: Sequence[AnswerPair], *, was_right: bool) -> MeasuredValue | None:
    """Return the share of answers, right (or wrong) with the full context, that changed.

    All sources together, because a source may have few such answers, with Wilson's interval, which
    is valid even when there are few in all. None when there are none.
    """
    total = sum(is_right(each.full) == was_right for each in pairs)
    if not total:
        return None
    changed = len(turned(pairs, was_right=was_right))
    return MeasuredValue(changed / total, wilson(changed, total), total)


def share_shown(answers: Sequence[ArmAnswer]) -> MeasuredValue:
    """Return the share of questions with a right answer in the context, with Wilson's interval."""
    shown = sum(answer.is_shown for answer in answers)
    return MeasuredValue(shown / len(answers), wilson(shown, len(answers)), len(answers))


def ratio(pairs: Sequence[AnswerPair], cost: Value, *, rounds: int = ROUNDS) -> MeasuredValue:
    """Return the cost of an arm as a share of that of the full context, over all questions."""
    statistic = partial(_ratio_of_sums, cost=cost)
    interval = middle(resample(pairs, statistic, rounds=rounds))
    return MeasuredValue(compute(statistic, pairs), interval, len(pairs))


def _ratio_of_sums(pairs: Sequence[AnswerPair], cost: Value) -> Evaluator:
    full = np.array([cost(each.full) for each in pairs])
    other = np.array([cost(each.other) for each in pairs])

    def evaluate(counts: IntArray) -> FloatArray:
        return np.asarray((counts @ other) / (counts @ full), dtype=np.float64)

    return evaluate
