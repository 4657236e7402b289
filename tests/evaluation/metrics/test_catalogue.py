import numpy as np
import pytest

from provence_plugins.evaluation.metrics.bootstrap import Interval
from provence_plugins.evaluation.metrics.catalogue import METRICS, MetricValue, measure_metrics, metric_values
from provence_plugins.evaluation.metrics.scored_examples import (
    GradedQuestion,
    JudgedExamples,
    RankedQuestion,
    ScoredExample,
    WordOverlap,
)

BY_NAME = {metric.name: metric for metric in METRICS}

JUDGED = JudgedExamples(
    scored=[
        ScoredExample(source, "Who?", np.array([0.9, 0.2, 0.5]), np.ones(3), np.array([True, False, False]), 2)
        for source in "ab"
    ],
    ranked=[RankedQuestion("a", 0.9, [0.1])],
    graded=[GradedQuestion("a", "Who?", (0.9, 0.1), (1.0, 0.0))],
    words=[WordOverlap("a", "Who?", 9, 3, 3, 3)],
    probabilities=True,
)


def test_names_and_headings_are_unique() -> None:
    assert len({metric.name for metric in METRICS}) == len({metric.heading for metric in METRICS}) == len(METRICS)


def test_every_metric_has_a_value_and_an_interval_that_holds_it() -> None:
    values, measured = metric_values(JUDGED), measure_metrics(JUDGED, rounds=50)
    assert list(values) == list(measured) == list(BY_NAME)
    for name, found in measured.items():
        assert found.value == values[name]
        assert found.interval.low - 1e-12 <= found.value <= found.interval.high + 1e-12
    assert values["kept_at_60"] == values["reciprocal_rank"] == values["graded_ndcg"] == values["word_f1"] == 1.0
    assert values["removed_inside_at_97"] == values["removed_inside_at_97_pooled"] == 0.5


def test_a_metric_without_questions_has_no_value() -> None:
    few = JudgedExamples(JUDGED.scored)
    values = metric_values(few)
    assert {name for name, value in values.items() if value is None} == {
        "calibration_error",
        "reciprocal_rank",
        "ndcg",
        "graded_ndcg",
        "word_precision",
        "word_recall",
        "word_f1",
        "words_kept",
    }
    assert set(measure_metrics(few, rounds=5)) == {name for name, value in values.items() if value is not None}
    assert BY_NAME["reciprocal_rank"].compare(JUDGED, few) is None


def test_fixed_outputs_have_metrics_of_words_alone() -> None:
    fixed = JudgedExamples(JUDGED.scored, JUDGED.ranked, JUDGED.graded, JUDGED.words, fixed=True)
    values = {name for name, value in metric_values(fixed).items() if value is not None}
    assert values == {"word_precision", "word_recall", "word_f1", "words_kept"}


def test_methods_are_compared_with_themselves() -> None:
    for metric in METRICS:
        comparison = metric.compare(JUDGED, JUDGED, rounds=20)
        assert comparison is not None
        assert (comparison.difference, comparison.p_value) == (0.0, 1.0)


def test_a_pooled_metric_has_one_threshold_for_all_sources() -> None:
    def one(source: str, scores: list[float]) -> ScoredExample:
        return ScoredExample(source, "Who?", np.array(scores), np.ones(2), np.array([True, False]), 2)

    # Each source by itself can do without the second sentence; one threshold for both cannot.
    judged = JudgedExamples([one("a", [0.9, 0.5]), one("b", [0.4, 0.1])])
    values = metric_values(judged)
    assert values["removed_inside_at_97"] == 0.5
    assert values["removed_inside_at_97_pooled"] == 0.25


@pytest.mark.parametrize(
    ("name", "shown"), [("kept_at_70", "91.3 [90.0, 92.5]"), ("average_precision", "0.913 [0.900, 0.925]")]
)
def test_values_are_shown_with_their_intervals(name: str, shown: str) -> None:
    assert BY_NAME[name].show_measured(MetricValue(0.9134, Interval(0.9, 0.925))) == shown


def test_the_direction_is_shown_where_lower_is_better() -> None:
    assert BY_NAME["calibration_error"].heading == "calibration error (lower is better)"
    assert BY_NAME["area"].heading == "area under the curve"
