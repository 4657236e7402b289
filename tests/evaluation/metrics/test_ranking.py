import math

import pytest

from provence_plugins.evaluation.metrics.ranking import Ranked, mean_ndcg, mean_reciprocal_rank


def test_the_reciprocal_rank_counts_ties_against_the_positive() -> None:
    assert mean_reciprocal_rank([Ranked("s", 0.5, [0.1, 0.2])]) == 1.0
    assert mean_reciprocal_rank([Ranked("s", 0.5, [0.5, 0.2])]) == 0.5
    both = [Ranked("s", 0.5, [0.9, 0.5, 0.2]), Ranked("s", 0.9, [])]
    assert mean_reciprocal_rank(both) == pytest.approx((1 / 3 + 1) / 2)


def test_ndcg_of_a_worked_case() -> None:
    questions = [Ranked("s", 0.9, [0.1, 0.2]), Ranked("s", 0.5, [0.5, 0.9, 0.1]), Ranked("s", 0.1, [0.2] * 10)]
    assert mean_ndcg(questions) == pytest.approx((1 + 1 / math.log2(4) + 0) / 3)
    assert mean_ndcg(questions, at=2) == pytest.approx(1 / 3)


def test_the_tenth_rank_counts_and_the_eleventh_does_not() -> None:
    assert mean_ndcg([Ranked("s", 0.1, [0.2] * 9)]) == pytest.approx(1 / math.log2(11))
    assert mean_ndcg([Ranked("s", 0.1, [0.2] * 10)]) == 0.0
