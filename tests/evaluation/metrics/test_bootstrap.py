from collections.abc import Sequence
from itertools import chain
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.answers import area_under_curve, kept_at_removal, removed_at_recall
from provence_plugins.evaluation.metrics.bootstrap import Interval, middle, resample
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample
from provence_plugins.evaluation.metrics.sentences import average_precision, calibration_error
from provence_plugins.evaluation.metrics.statistics import Statistic, compute, inside_passages, mean_over_sources

KEPT = mean_over_sources(kept_at_removal(0.5))
PRECISION = mean_over_sources(average_precision)


def scored(scores: Sequence[float], relevant: Sequence[int], source: str = "s") -> ScoredExample:
    marked = np.isin(np.arange(len(scores)), relevant)
    return ScoredExample(source, "Who?", np.array(scores), np.full(len(scores), 10.0), marked, len(scores))


@st.composite
def examples(draw: st.DrawFn) -> ScoredExample:
    size = draw(st.integers(1, 6))
    scores = draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=size, max_size=size))
    lengths = draw(st.lists(st.integers(1, 50), min_size=size, max_size=size))
    relevant = draw(st.sets(st.integers(0, size - 1), min_size=1))
    marked = np.isin(np.arange(size), list(relevant))
    source = draw(st.sampled_from("ab"))
    return ScoredExample(source, "Who?", np.array(scores), np.array(lengths, float), marked, size)


STATISTICS: dict[str, Statistic[ScoredExample]] = {
    **{f"kept at {share}": kept_at_removal(share) for share in (0.0, 0.5, 0.7, 1.0)},
    **{f"removed at {share}": removed_at_recall(share) for share in (0.5, 0.95, 1.0)},
    "area": area_under_curve,
    "average precision": average_precision,
    "calibration error": calibration_error,
    "inside passages": inside_passages(kept_at_removal(0.7)),
    "mean over sources": mean_over_sources(kept_at_removal(0.7)),
}


@given(data=st.data())
def test_a_draw_has_the_value_of_the_questions_drawn(data: st.DataObject) -> None:
    given = data.draw(st.lists(examples(), min_size=1, max_size=5))
    counts = data.draw(
        st.lists(st.lists(st.integers(1, 3), min_size=len(given), max_size=len(given)), min_size=1, max_size=3)
    )
    drawn = [list(chain.from_iterable([one] * count for one, count in zip(given, row, strict=True))) for row in counts]
    for name, statistic in STATISTICS.items():
        values = [compute(statistic, questions) for questions in drawn]
        assert statistic(given)(np.array(counts)) == pytest.approx(values), name


@given(given=st.lists(examples(), min_size=2, max_size=5))
def test_a_question_that_is_not_drawn_does_not_count(given: list[ScoredExample]) -> None:
    counts = np.ones((1, len(given)), dtype=np.int64)
    counts[0, 0] = 0
    for name, statistic in STATISTICS.items():
        if name != "mean over sources":
            assert statistic(given)(counts) == pytest.approx([compute(statistic, given[1:])]), name


def test_the_interval_is_the_same_each_time_and_holds_the_figure() -> None:
    given = [scored([0.9, 0.5, 0.1], [number % 3], "ab"[number % 2]) for number in range(40)]
    drawn = resample(given, KEPT, rounds=120)
    assert drawn.tolist() == resample(given, KEPT, rounds=120).tolist()
    assert drawn.tolist() != resample(given, KEPT, rounds=120, seed=1).tolist()
    assert len(drawn) == 120
    interval = middle(drawn)
    assert interval.low < compute(KEPT, given) < interval.high


def test_draws_of_data_too_large_to_be_remembered_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [scored([0.9, 0.5, 0.1], [number % 3], "ab"[number % 2]) for number in range(40)]
    remembered = resample(given, KEPT, rounds=120)
    monkeypatch.setattr("provence_plugins.evaluation.metrics.bootstrap._MAX_REMEMBERED", 0)
    assert resample(given, KEPT, rounds=120).tolist() == remembered.tolist()


def test_the_spread_is_that_of_a_mean() -> None:
    # Of 100 questions half have the answer first: the standard error of the mean precision is known.
    given = [scored([0.9, 0.1], [number % 2]) for number in range(100)]
    drawn = resample(given, PRECISION, rounds=4000)
    assert drawn.mean() == pytest.approx(0.75, abs=0.005)
    assert drawn.std() == pytest.approx(0.25 / 10, rel=0.1)


def test_every_source_weighs_the_same_in_a_draw() -> None:
    given = [scored([0.9, 0.1], [0], "large")] * 9 + [scored([0.9, 0.1], [1], "small")]
    assert set(resample(given, PRECISION, rounds=7)) == {fmean([1.0, 0.5])}


def test_passages_that_are_all_alike_leave_no_doubt() -> None:
    given = [scored([0.9, 0.1], [0], source) for source in chain("aaa", "bb")]
    assert middle(resample(given, area_under_curve, rounds=10)) == Interval(0.5, 0.5)


def test_nothing_to_draw_from_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        resample([], area_under_curve)
