from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.answers import (
    CurvePoint,
    ThresholdRow,
    area_under_curve,
    at_threshold,
    kept_at_removal,
    mean_at_threshold,
    pareto_curve,
    removed_at_recall,
    threshold_at_recall,
    threshold_at_removal,
)
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample
from provence_plugins.evaluation.metrics.statistics import compute, mean_over_sources


def scored(scores: Sequence[float], relevant: Sequence[int], source: str = "s", length: int = 10) -> ScoredExample:
    lengths = np.full(len(scores), float(length))
    return ScoredExample(
        source, "Who?", np.array(scores), lengths, np.isin(np.arange(len(scores)), relevant), len(scores)
    )


@st.composite
def examples(draw: st.DrawFn) -> ScoredExample:
    size = draw(st.integers(1, 6))
    # Few values, so that ties are common.
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=size, max_size=size))
    lengths = draw(st.lists(st.integers(1, 50), min_size=size, max_size=size))
    relevant = draw(st.sets(st.integers(0, size - 1), min_size=1))
    source = draw(st.sampled_from("abc"))
    marked = np.isin(np.arange(size), list(relevant))
    own = draw(st.integers(int(np.flatnonzero(marked)[-1]) + 1, size))
    return ScoredExample(source, "Who?", np.array(scores), np.array(lengths, float), marked, own)


example_lists = st.lists(examples(), min_size=1, max_size=6)
shares = st.sampled_from([0.0, 0.2, 0.5, 0.6, 0.7, 0.8, 0.97, 1.0])


def all_thresholds(given: Sequence[ScoredExample]) -> list[float]:
    scores = sorted({float(score) for example in given for score in example.scores})
    return [*scores, *(float(np.nextafter(score, np.inf)) for score in scores)]


def test_a_threshold_keeps_the_sentences_that_reach_it() -> None:
    pair = [scored([0.9, 0.5, 0.1], [1]), scored([0.2, 0.8], [0], length=5)]
    assert at_threshold(pair, 0.5) == ThresholdRow(0.5, 0.5, 1 - 25 / 40)
    assert at_threshold(pair, 0.0) == ThresholdRow(0.0, 1.0, 0.0)
    assert at_threshold(pair, 1.0) == ThresholdRow(1.0, 0.0, 1.0)


def test_one_of_several_relevant_sentences_is_enough() -> None:
    assert at_threshold([scored([0.9, 0.1, 0.1], [0, 1, 2])], 0.5).kept == 1.0


def test_removing_four_fifths_of_five_equal_sentences_leaves_the_best() -> None:
    one = [scored([0.5, 0.4, 0.3, 0.2, 0.1], [0])]
    assert at_threshold(one, threshold_at_removal(one, 0.8)).removed == 0.8
    assert compute(kept_at_removal(0.8), one) == 1.0
    assert compute(kept_at_removal(0.81), one) == 0.0


def test_equal_scores_leave_together() -> None:
    assert compute(kept_at_removal(0.6), [scored([0.5, 0.5, 0.1, 0.1], [0])]) == 0.0


@given(given=example_lists, removed=shares)
def test_the_threshold_at_removal_is_the_lowest_that_removes_enough(given: list[ScoredExample], removed: float) -> None:
    found = at_threshold(given, threshold_at_removal(given, removed))
    fitting = [row for t in all_thresholds(given) if (row := at_threshold(given, t)).removed >= removed]
    assert found.removed == min(row.removed for row in fitting)
    assert compute(kept_at_removal(removed), given) == max(row.kept for row in fitting)


@given(given=example_lists, kept=shares)
def test_the_threshold_at_recall_is_the_highest_that_keeps_enough(given: list[ScoredExample], kept: float) -> None:
    fitting = [t for t in all_thresholds(given) if mean_at_threshold(given, t).kept >= kept - 1e-9]
    found = threshold_at_recall(given, kept)
    assert mean_at_threshold(given, found).kept >= kept - 1e-9
    best = max(example.best_relevant for example in given)
    assert found == min(max(fitting), best)


def test_every_source_weighs_the_same() -> None:
    many = [scored([0.9, 0.1], [0], "large")] * 9 + [scored([0.9, 0.1], [1], "small")]
    assert mean_at_threshold(many, 0.5) == ThresholdRow(0.5, 0.5, 0.5)
    assert threshold_at_recall(many, 0.5) == 0.9
    assert threshold_at_recall(many, 0.51) == 0.1


@pytest.mark.parametrize(
    "metric",
    [
        partial(pareto_curve, removed=[0.5]),
        partial(mean_at_threshold, threshold=0.5),
        partial(threshold_at_recall, recall=0.9),
    ],
    ids=["curve", "threshold row", "threshold"],
)
def test_nothing_to_measure_is_an_error_that_says_so(metric: Callable[[list[ScoredExample]], object]) -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        metric([])


def test_text_removed_at_a_recall_of_worked_cases() -> None:
    # Five equal sentences each; the answers have rank 1, 2 and 4.
    given = [scored([0.9, 0.4, 0.3, 0.2, 0.1], [0]), scored([0.9, 0.8, 0.3, 0.2, 0.1], [1])]
    given.append(scored([0.9, 0.8, 0.7, 0.6, 0.1], [3]))
    assert compute(removed_at_recall(1 / 3), given) == pytest.approx(1 - 3 / 15)
    assert compute(removed_at_recall(2 / 3), given) == pytest.approx(1 - 5 / 15)
    assert compute(removed_at_recall(0.67), given) == compute(removed_at_recall(1.0), given)
    assert compute(removed_at_recall(1.0), given) == pytest.approx(1 - 7 / 15)


@given(given=example_lists, recall=shares)
def test_text_removed_at_a_recall_is_the_most_that_a_threshold_removes(
    given: list[ScoredExample], recall: float
) -> None:
    fitting = [row for t in all_thresholds(given) if (row := at_threshold(given, t)).kept >= recall - 1e-9]
    # Above the best answer nothing is kept, which only a recall of 0 allows; the metric keeps one answer at least.
    best = max(example.best_relevant for example in given)
    expected = max(row.removed for row in fitting if row.threshold <= best)
    assert compute(removed_at_recall(recall), given) == pytest.approx(expected)


@given(given=example_lists, removed=shares)
def test_removal_and_recall_agree(given: list[ScoredExample], removed: float) -> None:
    kept = compute(kept_at_removal(removed), given)
    if kept:
        assert compute(removed_at_recall(kept), given) >= removed - 1e-9


def test_the_curve_has_the_values_of_the_tables() -> None:
    given = [scored([0.5, 0.4, 0.3, 0.2], [0]), scored([0.5, 0.4, 0.3, 0.2], [2], "other")]
    # In "other" the answer is lost once less than three of four sentences are kept.
    assert pareto_curve(given, [0.0, 0.25, 0.5]) == [CurvePoint(0.0, 1.0), CurvePoint(0.25, 1.0), CurvePoint(0.5, 0.5)]


def test_the_area_of_worked_cases() -> None:
    assert compute(area_under_curve, [scored([0.9, 0.1, 0.1, 0.1], [0])]) == 0.75
    assert compute(area_under_curve, [scored([0.9, 0.8, 0.1, 0.0], [2])]) == 0.25
    assert compute(area_under_curve, [scored([0.5, 0.5, 0.5, 0.5], [2])]) == 0.0
    both = [scored([0.9, 0.1], [0]), scored([0.5, 0.0], [1])]
    # The best of four sentences, and the worst.
    assert compute(area_under_curve, both) == pytest.approx((0.75 + 0.0) / 2)


@given(given=example_lists)
def test_the_area_is_the_integral_of_the_answers_kept(given: list[ScoredExample]) -> None:
    total = sum(float(example.lengths.sum()) for example in given)
    # With whole lengths every step of the curve lies at a whole number of characters.
    steps = [compute(kept_at_removal((removed + 0.5) / total), given) for removed in range(int(total))]
    assert compute(area_under_curve, given) == pytest.approx(sum(steps) / total)


def test_kept_at_removal_is_averaged_over_sources() -> None:
    given = [scored([0.9, 0.1], [0], "large")] * 9 + [scored([0.9, 0.1], [1], "small")]
    assert compute(mean_over_sources(kept_at_removal(0.5)), given) == 0.5
    assert compute(kept_at_removal(0.5), given) == pytest.approx(0.9)
