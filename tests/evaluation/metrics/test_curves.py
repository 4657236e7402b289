from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.evaluation.metrics.answers import ScoredExample, calibration_error, kept_at_removal
from provence_plugins.evaluation.metrics.curves import (
    CurvePoint,
    ReliabilityBin,
    area_under_curve,
    count_map,
    pareto_curve,
    reliability,
    sentence_counts,
)


def scored(scores: Sequence[float], relevant: Sequence[int], source: str = "s", own: int = 0) -> ScoredExample:
    marked = np.isin(np.arange(len(scores)), relevant)
    return ScoredExample(source, "Who?", np.array(scores), np.full(len(scores), 10.0), marked, own or len(scores))


@st.composite
def examples(draw: st.DrawFn) -> ScoredExample:
    size = draw(st.integers(1, 6))
    # Few values, so that ties are common.
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=size, max_size=size))
    lengths = draw(st.lists(st.integers(1, 50), min_size=size, max_size=size))
    relevant = draw(st.sets(st.integers(0, size - 1), min_size=1))
    marked = np.isin(np.arange(size), list(relevant))
    return ScoredExample("s", "Who?", np.array(scores), np.array(lengths, float), marked, size)


example_lists = st.lists(examples(), min_size=1, max_size=6)


def test_the_curve_has_the_figures_of_the_tables() -> None:
    given = [scored([0.5, 0.4, 0.3, 0.2], [0]), scored([0.5, 0.4, 0.3, 0.2], [2], "other")]
    # In "other" the answer is lost once less than three of four sentences stay.
    assert pareto_curve(given, [0.0, 0.25, 0.5]) == [CurvePoint(0.0, 1.0), CurvePoint(0.25, 1.0), CurvePoint(0.5, 0.5)]


def test_the_area_of_worked_cases() -> None:
    assert area_under_curve([scored([0.9, 0.1, 0.1, 0.1], [0])]) == 0.75
    assert area_under_curve([scored([0.9, 0.8, 0.1, 0.0], [2])]) == 0.25
    assert area_under_curve([scored([0.5, 0.5, 0.5, 0.5], [2])]) == 0.0
    both = [scored([0.9, 0.1], [0]), scored([0.5, 0.0], [1])]
    # The best of four sentences, and the worst.
    assert area_under_curve(both) == pytest.approx((0.75 + 0.0) / 2)


@given(given=example_lists)
def test_the_area_is_the_integral_of_the_answers_kept(given: list[ScoredExample]) -> None:
    total = sum(float(example.lengths.sum()) for example in given)
    # With whole lengths every step of the curve lies at a whole number of characters.
    steps = [kept_at_removal(given, (removed + 0.5) / total) for removed in range(int(total))]
    assert area_under_curve(given) == pytest.approx(sum(steps) / total)


def test_reliability_of_a_worked_case() -> None:
    given = [scored([0.05, 0.08, 0.55, 1.0], [1, 2, 3])]
    assert reliability(given) == [
        ReliabilityBin(0.0, 0.1, 2, pytest.approx(0.065), 0.5),
        ReliabilityBin(0.5, 0.6, 1, 0.55, 1.0),
        ReliabilityBin(0.9, 1.0, 1, 1.0, 1.0),
    ]


def test_scores_that_are_no_probabilities_have_no_reliability() -> None:
    assert reliability([scored([0.5, 1.5], [0])]) == []


@given(given=example_lists)
def test_the_calibration_error_is_the_mean_distance_of_the_bins(given: list[ScoredExample]) -> None:
    bins = reliability(given, bins=15)
    total = sum(each.sentences for each in bins)
    assert total == sum(len(example.scores) for example in given)
    expected = sum(each.sentences * abs(each.probability - each.relevant) for each in bins) / total
    assert calibration_error(given) == pytest.approx(expected)


def test_the_count_map_of_a_worked_case() -> None:
    counts = count_map([(0, 0), (0, 0), (0, 2), (1, 1), (2, 9), (7, 0)], most=2)
    assert counts.tolist() == [[2, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_sentences_are_counted_in_the_passage_with_the_evidence_alone() -> None:
    with_negative = scored([0.9, 0.1, 0.5, 0.9, 0.9], [0, 2], own=3)
    assert sentence_counts([with_negative], 0.5) == [(2, 2)]
    assert sentence_counts([with_negative], 0.6) == [(2, 1)]
