from random import Random

import numpy as np
import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.bootstrap import Interval
from provence_plugins.evaluation.metrics.ranking import reciprocal_rank
from provence_plugins.evaluation.metrics.scored_examples import RankedQuestion, ScoredExample
from provence_plugins.evaluation.metrics.sentences import average_precision
from provence_plugins.evaluation.metrics.significance import Comparison, compare
from provence_plugins.evaluation.metrics.statistics import mean_over_sources

PRECISION = mean_over_sources(average_precision)
RECIPROCAL_RANK = mean_over_sources(reciprocal_rank)


def first_or_not(first: bool, question: str = "Who?", source: str = "s") -> ScoredExample:
    """The answer in the better sentence (average precision 1) or in the worse one (1/2)."""
    scores = np.array([0.9, 0.1]) if first else np.array([0.1, 0.9])
    return ScoredExample(source, question, scores, np.ones(2), np.array([True, False]), 2)


def test_a_method_does_not_differ_from_itself() -> None:
    given = [first_or_not(number % 2 == 0) for number in range(20)]
    assert compare(given, given, PRECISION, rounds=50) == Comparison(0.0, Interval(0.0, 0.0), 1.0)


def test_a_method_that_is_always_better_has_the_least_p_value_that_the_rounds_allow() -> None:
    better, worse = [first_or_not(True)] * 10, [first_or_not(False)] * 10
    assert compare(better, worse, PRECISION, rounds=99) == Comparison(0.5, Interval(0.5, 0.5), pytest.approx(0.02))
    assert compare(worse, better, PRECISION, rounds=99) == Comparison(-0.5, Interval(-0.5, -0.5), pytest.approx(0.02))


def test_pairing_sees_a_difference_that_the_spread_over_questions_hides() -> None:
    # The questions differ much, the methods little but always in the same direction on those where they do.
    first = [first_or_not(number % 2 == 0 or number < 10) for number in range(40)]
    second = [first_or_not(number % 2 == 0) for number in range(40)]
    found = compare(first, second, PRECISION, rounds=1000)
    assert found.difference == pytest.approx(5 * 0.5 / 40)
    assert found.interval.low > 0
    assert found.p_value < 0.05


def test_chance_differences_are_seldom_significant() -> None:
    random = Random(5)
    significant = 0
    for trial in range(60):
        first, second = ([first_or_not(random.random() < 0.6) for _ in range(60)] for _ in range(2))
        significant += compare(first, second, PRECISION, rounds=200, seed=trial).p_value < 0.05
    assert significant <= 8


def test_rankings_can_be_compared_too() -> None:
    first, second = [RankedQuestion("s", 0.9, [0.1])] * 5, [RankedQuestion("s", 0.1, [0.9])] * 5
    assert compare(first, second, RECIPROCAL_RANK, rounds=19).difference == 0.5


@pytest.mark.parametrize(
    "other",
    [[first_or_not(True)], [first_or_not(True, "What?")] * 2, [first_or_not(True, source="t")] * 2],
    ids=["number", "question", "source"],
)
def test_methods_that_judged_other_questions_are_refused(other: list[ScoredExample]) -> None:
    with pytest.raises(InvalidInputError, match="judged the same questions"):
        compare([first_or_not(True)] * 2, other, PRECISION)


def test_methods_that_saw_other_sentences_are_refused() -> None:
    three = ScoredExample("s", "Who?", np.zeros(3), np.ones(3), np.array([True, False, False]), 3)
    with pytest.raises(InvalidInputError, match="same splitter"):
        compare([first_or_not(True)], [three], PRECISION)
