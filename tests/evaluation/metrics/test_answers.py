from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.answers import (
    ScoredExample,
    SentenceQuality,
    ThresholdRow,
    at_threshold,
    average_precision,
    calibration_error,
    kept_at_removal,
    mean_at_threshold,
    mean_over_sources,
    sentence_quality,
    threshold_at_removal,
    threshold_for_kept,
)


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
    assert kept_at_removal(one, 0.8) == 1.0
    assert kept_at_removal(one, 0.81) == 0.0


def test_equal_scores_leave_together() -> None:
    assert kept_at_removal([scored([0.5, 0.5, 0.1, 0.1], [0])], 0.6) == 0.0


@given(given=example_lists, removed=shares)
def test_the_threshold_at_removal_is_the_lowest_that_removes_enough(given: list[ScoredExample], removed: float) -> None:
    found = at_threshold(given, threshold_at_removal(given, removed))
    fitting = [row for t in all_thresholds(given) if (row := at_threshold(given, t)).removed >= removed]
    assert found.removed == min(row.removed for row in fitting)
    assert kept_at_removal(given, removed) == max(row.kept for row in fitting)


@given(given=example_lists, kept=shares)
def test_the_threshold_for_kept_is_the_highest_that_keeps_enough(given: list[ScoredExample], kept: float) -> None:
    fitting = [t for t in all_thresholds(given) if mean_at_threshold(given, t).kept >= kept - 1e-9]
    found = threshold_for_kept(given, kept)
    assert mean_at_threshold(given, found).kept >= kept - 1e-9
    best = max(example.best_relevant for example in given)
    assert found == min(max(fitting), best)


@given(given=example_lists)
def test_average_precision_is_that_of_its_definition(given: list[ScoredExample]) -> None:
    values = []
    for example in given:
        ranked = sorted(range(example.own), key=lambda place: -example.scores[place])
        ranks = [rank for rank, place in enumerate(ranked, start=1) if example.relevant[place]]
        values.append(fmean(hit / rank for hit, rank in enumerate(ranks, start=1)))
    assert average_precision(given) == pytest.approx(fmean(values))


def test_average_precision_of_a_worked_case() -> None:
    assert average_precision([scored([0.1, 0.9, 0.5, 0.3], [0, 1])]) == pytest.approx((1 / 1 + 2 / 4) / 2)


def test_average_precision_ranks_the_sentences_of_the_passage_with_the_evidence_alone() -> None:
    with_negative = ScoredExample("s", "Who?", np.array([0.5, 0.1, 0.9]), np.ones(3), np.array([True, False, False]), 2)
    assert average_precision([with_negative]) == 1.0


def test_every_source_weighs_the_same() -> None:
    many = [scored([0.9, 0.1], [0], "large")] * 9 + [scored([0.9, 0.1], [1], "small")]
    assert mean_over_sources(many, lambda group: at_threshold(group, 0.5).kept) == 0.5
    assert mean_at_threshold(many, 0.5) == ThresholdRow(0.5, 0.5, 0.5)
    assert threshold_for_kept(many, 0.5) == 0.9
    assert threshold_for_kept(many, 0.51) == 0.1


@pytest.mark.parametrize(
    "metric",
    [
        partial(mean_over_sources, metric=average_precision),
        partial(mean_at_threshold, threshold=0.5),
        partial(threshold_for_kept, kept=0.9),
    ],
    ids=["mean", "threshold row", "threshold"],
)
def test_nothing_to_measure_is_an_error_that_says_so(metric: Callable[[list[ScoredExample]], object]) -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        metric([])


def test_calibration_error_of_a_worked_case() -> None:
    # Half of what has 0.5 is relevant, nothing of what has 0.9, all of what has 1.
    right = scored([0.5, 0.5], [0])
    wrong = scored([0.9, 1.0], [1])
    assert calibration_error([right]) == 0.0
    assert calibration_error([wrong], bins=15) == pytest.approx(0.9 / 2)
    assert calibration_error([right, wrong]) == pytest.approx(0.9 / 4)
    # One bin sees only the means: 2.9 of 4 expected, 2 found.
    assert calibration_error([right, wrong], bins=1) == pytest.approx(0.9 / 4)


def test_scores_that_are_no_probabilities_have_no_calibration_error() -> None:
    assert calibration_error([scored([0.5, 1.5], [0])]) is None


def test_sentences_found_by_a_threshold() -> None:
    pair = [scored([0.9, 0.5, 0.1], [0, 2]), scored([0.2, 0.8], [1])]
    # Kept are 0.9, 0.5 and 0.8, of which two are relevant; one relevant sentence is lost.
    assert sentence_quality(pair, 0.5) == SentenceQuality(2 / 3, 2 / 3, pytest.approx(2 / 3))
    assert sentence_quality(pair, 0.85) == SentenceQuality(1.0, 1 / 3, pytest.approx(5 / 3 / (4 + 1 / 3)))
    assert sentence_quality(pair, 0.95) == SentenceQuality(0.0, 0.0, 0.0)


def test_a_sentence_kept_of_a_negative_is_a_false_one() -> None:
    both = ScoredExample("s", "Who?", np.array([0.9, 0.1, 0.9]), np.ones(3), np.array([True, False, False]), 2)
    assert sentence_quality([both], 0.5) == SentenceQuality(0.5, 1.0, pytest.approx(2.5 / 3))
    assert sentence_quality([both.alone], 0.5) == SentenceQuality(1.0, 1.0, 1.0)


@given(given=example_lists, threshold=st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_f2_weighs_recall_four_times(given: list[ScoredExample], threshold: float) -> None:
    quality = sentence_quality(given, threshold)
    if quality.f2:
        assert 5 / quality.f2 == pytest.approx(1 / quality.precision + 4 / quality.recall)
    else:
        assert quality.precision == quality.recall == 0.0
