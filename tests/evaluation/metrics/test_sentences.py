from collections.abc import Sequence
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.evaluation.metrics.scored_examples import ScoredExample
from provence_plugins.evaluation.metrics.sentences import (
    ReliabilityBin,
    SentenceQuality,
    are_probabilities,
    average_precision,
    calibration_error,
    count_map,
    reliability,
    sentence_counts,
    sentence_quality,
)
from provence_plugins.evaluation.metrics.statistics import compute


def scored(scores: Sequence[float], relevant: Sequence[int], source: str = "s", size: int = 0) -> ScoredExample:
    marked = np.isin(np.arange(len(scores)), relevant)
    return ScoredExample(source, "Who?", np.array(scores), np.full(len(scores), 10.0), marked, size or len(scores))


@st.composite
def examples(draw: st.DrawFn) -> ScoredExample:
    size = draw(st.integers(1, 6))
    # Few values, so that ties are common.
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=size, max_size=size))
    lengths = draw(st.lists(st.integers(1, 50), min_size=size, max_size=size))
    relevant = draw(st.sets(st.integers(0, size - 1), min_size=1))
    marked = np.isin(np.arange(size), list(relevant))
    positive_size = draw(st.integers(int(np.flatnonzero(marked)[-1]) + 1, size))
    return ScoredExample("s", "Who?", np.array(scores), np.array(lengths, float), marked, positive_size)


example_lists = st.lists(examples(), min_size=1, max_size=6)


def test_reliability_of_a_worked_case() -> None:
    given = [scored([0.05, 0.08, 0.55, 1.0], [1, 2, 3])]
    assert reliability(given) == [
        ReliabilityBin(0.0, 0.1, 2, pytest.approx(0.065), 0.5),
        ReliabilityBin(0.5, 0.6, 1, 0.55, 1.0),
        ReliabilityBin(0.9, 1.0, 1, 1.0, 1.0),
    ]


def test_scores_that_are_not_probabilities_have_no_reliability() -> None:
    assert reliability([scored([0.5, 1.5], [0])]) == []


@given(given=example_lists)
def test_the_calibration_error_is_the_mean_distance_of_the_bins(given: list[ScoredExample]) -> None:
    bins = reliability(given, bins=15)
    total = sum(each.sentences for each in bins)
    assert total == sum(len(example.scores) for example in given)
    expected = sum(each.sentences * abs(each.probability - each.relevant) for each in bins) / total
    assert compute(calibration_error, given) == pytest.approx(expected)


def test_the_count_map_of_a_worked_case() -> None:
    counts = count_map([(0, 0), (0, 0), (0, 2), (1, 1), (2, 9), (7, 0)], highest=2)
    assert counts.tolist() == [[2, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_sentences_are_counted_in_the_passage_with_the_evidence_alone() -> None:
    with_negative = scored([0.9, 0.1, 0.5, 0.9, 0.9], [0, 2], size=3)
    assert sentence_counts([with_negative], 0.5) == [(2, 2)]
    assert sentence_counts([with_negative], 0.6) == [(2, 1)]


@given(given=example_lists)
def test_average_precision_is_that_of_its_definition(given: list[ScoredExample]) -> None:
    values = []
    for example in given:
        ranked = sorted(range(example.positive_size), key=lambda place: -example.scores[place])
        ranks = [rank for rank, place in enumerate(ranked, start=1) if example.relevant[place]]
        values.append(fmean(hit / rank for hit, rank in enumerate(ranks, start=1)))
    assert compute(average_precision, given) == pytest.approx(fmean(values))


def test_average_precision_of_a_worked_case() -> None:
    assert compute(average_precision, [scored([0.1, 0.9, 0.5, 0.3], [0, 1])]) == pytest.approx((1 / 1 + 2 / 4) / 2)


def test_average_precision_ranks_the_sentences_of_the_passage_with_the_evidence_alone() -> None:
    with_negative = ScoredExample("s", "Who?", np.array([0.5, 0.1, 0.9]), np.ones(3), np.array([True, False, False]), 2)
    assert compute(average_precision, [with_negative]) == 1.0


def test_calibration_error_of_a_worked_case() -> None:
    # Half of what has 0.5 is relevant, nothing of what has 0.9, all of what has 1.
    right = scored([0.5, 0.5], [0])
    wrong = scored([0.9, 1.0], [1])
    assert compute(calibration_error, [right]) == 0.0
    assert compute(calibration_error, [wrong]) == pytest.approx(0.9 / 2)
    assert compute(calibration_error, [right, wrong]) == pytest.approx(0.9 / 4)


def test_probabilities_lie_between_0_and_1() -> None:
    assert are_probabilities([scored([0.0, 1.0], [0])])
    assert not are_probabilities([scored([0.0, 1.0], [0]), scored([0.5, 1.5], [0])])
    assert not are_probabilities([scored([-0.1, 0.5], [0])])


def test_sentences_found_by_a_threshold() -> None:
    pair = [scored([0.9, 0.5, 0.1], [0, 2]), scored([0.2, 0.8], [1])]
    # Kept are 0.9, 0.5 and 0.8, of which two are relevant; one relevant sentence is lost.
    assert sentence_quality(pair, 0.5) == SentenceQuality(2 / 3, 2 / 3, pytest.approx(2 / 3))
    assert sentence_quality(pair, 0.85) == SentenceQuality(1.0, 1 / 3, pytest.approx(5 / 3 / (4 + 1 / 3)))
    assert sentence_quality(pair, 0.95) == SentenceQuality(0.0, 0.0, 0.0)


def test_a_sentence_kept_of_a_negative_is_a_false_one() -> None:
    both = ScoredExample("s", "Who?", np.array([0.9, 0.1, 0.9]), np.ones(3), np.array([True, False, False]), 2)
    assert sentence_quality([both], 0.5) == SentenceQuality(0.5, 1.0, pytest.approx(2.5 / 3))
    assert sentence_quality([both.without_negatives], 0.5) == SentenceQuality(1.0, 1.0, 1.0)


@given(given=example_lists, threshold=st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]))
def test_f2_weighs_recall_four_times(given: list[ScoredExample], threshold: float) -> None:
    quality = sentence_quality(given, threshold)
    if quality.f2:
        assert 5 / quality.f2 == pytest.approx(1 / quality.precision + 4 / quality.recall)
    else:
        assert quality.precision == quality.recall == 0.0
