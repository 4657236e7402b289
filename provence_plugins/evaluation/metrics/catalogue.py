"""The metrics that are reported, a row for each.

Summaries, intervals, tests, tables, the training log and the model card read the rows. A new metric
is a statistic in this folder and a row here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from provence_plugins.evaluation.metrics.answers import (
    area_under_curve,
    kept_at_removal,
    removed_at_recall,
)
from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, Interval, middle, resample
from provence_plugins.evaluation.metrics.ranking import graded_ndcg, ndcg, reciprocal_rank
from provence_plugins.evaluation.metrics.scored_examples import (
    GradedQuestion,
    JudgedExamples,
    Q,
    RankedQuestion,
    ScoredExample,
    WordOverlap,
)
from provence_plugins.evaluation.metrics.sentences import (
    are_probabilities,
    average_precision,
    calibration_error,
)
from provence_plugins.evaluation.metrics.significance import Comparison, compare
from provence_plugins.evaluation.metrics.statistics import (
    Statistic,
    compute,
    inside_passages,
    mean_over_sources,
)
from provence_plugins.evaluation.metrics.words import (
    word_f1,
    word_precision,
    word_recall,
    words_kept,
)

REMOVED_SHARES = (0.6, 0.7, 0.8)
"""Shares of removed characters at which the answers that are kept are counted."""

COMPARED_AT = 0.7
"""The one of these at which methods are compared, and at which those get a threshold that have none
of their own."""

RECALLS = (0.97, 0.95)
"""Shares of kept answers at which removed characters are counted inside passages that hold the
answer."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """The value of a metric, with its 95 % interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Metric(Generic[Q]):
    """A metric that is reported.

    Attributes:
        name: Its key in result files and in the training log.
        title: Its name in tables.
        table: The table that shows it.
        select: The questions that it is computed from; none where it means nothing for a method.
        statistic: How it is computed.
        higher_is_better: Its direction.
        percent: Whether it is shown in per cent.
        compared: Whether methods are tested for a difference in it.
    """

    name: str
    title: str
    table: str
    select: Callable[[JudgedExamples], Sequence[Q]]
    statistic: Statistic[Q]
    higher_is_better: bool = True
    percent: bool = False
    compared: bool = False

    @property
    def heading(self) -> str:
        """The title, with the direction where lower is better."""
        if self.higher_is_better:
            return self.title
        return f"{self.title} (lower is better)"

    def value(self, judged: JudgedExamples) -> float | None:
        """Return the value; None when there are no questions for it."""
        questions = self.select(judged)
        return compute(self.statistic, questions) if questions else None

    def measure(self, judged: JudgedExamples, *, rounds: int = ROUNDS) -> MetricValue | None:
        """Return the value with its interval; None when there are no questions for it."""
        questions = self.select(judged)
        if not questions:
            return None
        drawn = resample(questions, self.statistic, rounds=rounds)
        return MetricValue(compute(self.statistic, questions), middle(drawn))

    def compare(
        self, first: JudgedExamples, second: JudgedExamples, *, rounds: int = ROUNDS, seed: int = 0
    ) -> Comparison | None:
        """Test two methods for a difference; None if one has no questions for the metric.

        Raises:
            InvalidInputError: They did not judge the same questions.
        """
        one, other = self.select(first), self.select(second)
        if not one or not other:
            return None
        return compare(one, other, self.statistic, rounds=rounds, seed=seed)

    def show(self, value: float) -> str:
        """Return a value as tables show it."""
        return f"{100 * value:.1f}" if self.percent else f"{value:.3f}"

    def show_measured(self, measured: MetricValue) -> str:
        """Return a value and its interval as tables show them."""
        low, high = self.show(measured.interval.low), self.show(measured.interval.high)
        return f"{self.show(measured.value)} [{low}, {high}]"


def metric_values(judged: JudgedExamples) -> dict[str, float | None]:
    """Return the value of every metric by its name; None for those that have no questions."""
    return {metric.name: metric.value(judged) for metric in METRICS}


def measure_metrics(judged: JudgedExamples, *, rounds: int = ROUNDS) -> dict[str, MetricValue]:
    """Return every metric that has questions, with its interval, by its name."""
    measured = {metric.name: metric.measure(judged, rounds=rounds) for metric in METRICS}
    return {name: value for name, value in measured.items() if value is not None}


def _answers(judged: JudgedExamples) -> Sequence[ScoredExample]:
    return _unless_fixed(judged, judged.scored)


def _probabilities(judged: JudgedExamples) -> Sequence[ScoredExample]:
    if judged.probabilities and are_probabilities(judged.scored):
        return judged.scored
    return ()


def _ranked(judged: JudgedExamples) -> Sequence[RankedQuestion]:
    return _unless_fixed(judged, judged.ranked)


def _graded(judged: JudgedExamples) -> Sequence[GradedQuestion]:
    return _unless_fixed(judged, judged.graded)


def _unless_fixed(judged: JudgedExamples, questions: Sequence[Q]) -> Sequence[Q]:
    """Return the questions; none for a method with fixed outputs, which ranks nothing."""
    if judged.fixed:
        return ()
    return questions


def _words(judged: JudgedExamples) -> Sequence[WordOverlap]:
    return judged.words


_ALL_TEXT = "Answers kept"
_INSIDE = "Inside passages that hold the answer"
_SCORES = "Sentences and ranking"
_WORDS = "Words at one threshold"


def _answer_metric(
    name: str,
    title: str,
    table: str,
    statistic: Statistic[ScoredExample],
    *,
    compared: bool = False,
) -> Metric[ScoredExample]:
    return Metric(name, title, table, _answers, statistic, percent=True, compared=compared)


def _kept(removed: float) -> Metric[ScoredExample]:
    share = f"{100 * removed:.0f}"
    return _answer_metric(
        f"kept_at_{share}",
        f"answers kept at {share} % removed",
        _ALL_TEXT,
        mean_over_sources(kept_at_removal(removed)),
        compared=removed == COMPARED_AT,
    )


def _kept_inside(removed: float) -> Metric[ScoredExample]:
    share = f"{100 * removed:.0f}"
    statistic = inside_passages(kept_at_removal(removed))
    title = f"inside passages: answers kept at {share} % removed"
    return _answer_metric(f"kept_inside_at_{share}", title, _INSIDE, mean_over_sources(statistic))


def _removed_inside(recall: float) -> list[Metric[ScoredExample]]:
    """Return the metric as a mean over sources, and over all questions pooled."""
    share = f"{100 * recall:.0f}"
    statistic = inside_passages(removed_at_recall(recall))
    name, title = f"removed_inside_at_{share}", f"inside passages: text removed at {share} % of answers kept"
    is_compared = recall == RECALLS[0]
    return [
        _answer_metric(name, title, _INSIDE, mean_over_sources(statistic), compared=is_compared),
        _answer_metric(f"{name}_pooled", f"{title}, pooled", _INSIDE, statistic),
    ]


def _word_metric(
    name: str,
    title: str,
    statistic: Statistic[WordOverlap],
    *,
    compared: bool = False,
) -> Metric[Any]:
    return Metric(name, title, _WORDS, _words, mean_over_sources(statistic), percent=True, compared=compared)


_BY_SOURCE, _POOLED = zip(*map(_removed_inside, RECALLS), strict=True)

# Any: the rows are computed from different kinds of questions.
METRICS: tuple[Metric[Any], ...] = (
    *map(_kept, REMOVED_SHARES),
    Metric("area", "area under the curve", _ALL_TEXT, _answers, mean_over_sources(area_under_curve), compared=True),
    *map(_kept_inside, REMOVED_SHARES),
    *_BY_SOURCE,
    *_POOLED,
    Metric(
        "average_precision",
        "average precision of sentences",
        _SCORES,
        _answers,
        mean_over_sources(average_precision),
        compared=True,
    ),
    Metric(
        "calibration_error", "calibration error", _SCORES, _probabilities, calibration_error, higher_is_better=False
    ),
    Metric("reciprocal_rank", "MRR", _SCORES, _ranked, mean_over_sources(reciprocal_rank), compared=True),
    Metric("ndcg", "nDCG@10", _SCORES, _ranked, mean_over_sources(ndcg)),
    Metric("graded_ndcg", "nDCG@10, graded", _SCORES, _graded, mean_over_sources(graded_ndcg), compared=True),
    _word_metric("word_precision", "word precision", word_precision),
    _word_metric("word_recall", "word recall", word_recall),
    _word_metric("word_f1", "word F1", word_f1, compared=True),
    _word_metric("words_kept", "words kept", words_kept),
)
