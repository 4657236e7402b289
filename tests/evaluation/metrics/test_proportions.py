import pytest

from provence_plugins.evaluation.metrics.bootstrap import Interval
from provence_plugins.evaluation.metrics.proportions import PairedCounts, newcombe, outer, wilson


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # The examples of Newcombe, Statistics in Medicine 17 (1998), pages 857 to 872, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_published_one(count: int, total: int, low: float, high: float) -> None:
    found = wilson(count, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilsons_interval_is_never_a_point() -> None:
    assert wilson(13, 13) == Interval(pytest.approx(0.7719, abs=5e-5), 1.0)
    assert wilson(0, 0) == Interval(0.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    # The examples of Newcombe, Statistics in Medicine 17 (1998), pages 2635 to 2650, table II, method 10.
    [
        (PairedCounts(36, 12, 2, 0), 0.0569, 0.3404),
        (PairedCounts(20, 12, 2, 16), 0.0562, 0.3292),
        (PairedCounts(0, 0, 0, 50), -0.0713, 0.0713),
    ],
)
def test_newcombes_interval_is_the_published_one(counts: PairedCounts, low: float, high: float) -> None:
    found = newcombe(counts)
    difference = (counts.first - counts.second) / counts.total
    assert found.low < difference < found.high
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_answers_that_never_change_still_leave_a_doubt() -> None:
    found = newcombe(PairedCounts(15, 0, 0, 15))
    assert found.low == pytest.approx(-found.high)
    assert 0.03 < found.high < 0.12


def test_without_questions_nothing_is_known() -> None:
    assert newcombe(PairedCounts(0, 0, 0, 0)) == Interval(-1.0, 1.0)


def test_the_outer_interval_holds_both() -> None:
    assert outer(Interval(0.1, 0.2), Interval(0.0, 0.15)) == Interval(0.0, 0.2)
