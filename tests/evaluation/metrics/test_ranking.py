import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.evaluation.metrics.ranking import graded_ndcg, ndcg, reciprocal_rank
from provence_plugins.evaluation.metrics.scored_examples import GradedQuestion, RankedQuestion
from provence_plugins.evaluation.metrics.statistics import compute

grades = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=2, max_size=12).filter(lambda row: len(set(row)) > 1)


def test_the_reciprocal_rank_counts_ties_against_the_positive() -> None:
    assert compute(reciprocal_rank, [RankedQuestion("s", 0.5, [0.1, 0.2])]) == 1.0
    assert compute(reciprocal_rank, [RankedQuestion("s", 0.5, [0.5, 0.2])]) == 0.5
    both = [RankedQuestion("s", 0.5, [0.9, 0.5, 0.2]), RankedQuestion("s", 0.9, [])]
    assert compute(reciprocal_rank, both) == pytest.approx((1 / 3 + 1) / 2)


def test_ndcg_of_a_worked_case() -> None:
    questions = [
        RankedQuestion("s", 0.9, [0.1, 0.2]),
        RankedQuestion("s", 0.5, [0.5, 0.9, 0.1]),
        RankedQuestion("s", 0.1, [0.2] * 10),
    ]
    assert compute(ndcg, questions) == pytest.approx((1 + 1 / math.log2(4) + 0) / 3)


def test_the_tenth_rank_counts_and_the_eleventh_does_not() -> None:
    assert compute(ndcg, [RankedQuestion("s", 0.1, [0.2] * 9)]) == pytest.approx(1 / math.log2(11))
    assert compute(ndcg, [RankedQuestion("s", 0.1, [0.2] * 10)]) == 0.0


def test_graded_ndcg_of_a_worked_case() -> None:
    question = GradedQuestion("s", "Who?", relevances=(0.2, 0.9, 0.5), grades=(2.0, 0.0, 1.0))
    expected = (0 / 1 + 1 / math.log2(3) + 3 / math.log2(4)) / (3 / 1 + 1 / math.log2(3) + 0)
    assert compute(graded_ndcg, [question]) == pytest.approx(expected)


def test_ties_count_against_the_higher_grade() -> None:
    tied = GradedQuestion("s", "Who?", relevances=(0.5, 0.5), grades=(1.0, 0.0))
    assert compute(graded_ndcg, [tied]) == pytest.approx(1 / math.log2(3))


@given(grades=grades)
def test_a_ranking_by_grade_is_perfect_and_no_other_is_better(grades: list[float]) -> None:
    perfect = GradedQuestion("s", "Who?", tuple(grades), tuple(grades))
    reverse = GradedQuestion("s", "Who?", tuple(-grade for grade in grades), tuple(grades))
    assert compute(graded_ndcg, [perfect]) == pytest.approx(1.0)
    assert compute(graded_ndcg, [reverse]) < 1.0


def test_two_grades_have_the_ndcg_of_one_relevant_passage() -> None:
    relevances = (0.3, 0.9, 0.1, 0.5)
    graded = GradedQuestion("s", "Who?", relevances, (1.0, 0.0, 0.0, 0.0))
    assert compute(graded_ndcg, [graded]) == compute(ndcg, [RankedQuestion("s", 0.3, [0.9, 0.1, 0.5])])
