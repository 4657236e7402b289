import numpy as np
import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.scored_examples import RankedQuestion
from provence_plugins.evaluation.metrics.statistics import compute, mean_of, mean_over_sources, weighted_mean

POSITIVE = mean_of(lambda question: question.positive)


def questions(*values: float, source: str = "s") -> list[RankedQuestion]:
    return [RankedQuestion(source, value, []) for value in values]


def test_a_mean_weighs_questions_by_how_often_they_are_drawn() -> None:
    evaluate = POSITIVE(questions(1.0, 2.0, 6.0))
    assert evaluate(np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]])).tolist() == pytest.approx([3.0, 2.0, 8 / 3])


def test_every_source_weighs_the_same() -> None:
    given = [*questions(1.0, 1.0, 1.0), *questions(5.0, source="t")]
    assert compute(POSITIVE, given) == 2.0
    assert compute(mean_over_sources(POSITIVE), given) == 3.0


def test_sources_need_not_stand_together() -> None:
    given = [*questions(1.0), *questions(5.0, source="t"), *questions(3.0)]
    assert compute(mean_over_sources(POSITIVE), given) == pytest.approx((2.0 + 5.0) / 2)


def test_a_mean_over_no_sources_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        compute(mean_over_sources(POSITIVE), [])


def test_values_may_differ_from_draw_to_draw() -> None:
    counts = np.array([[1, 3], [1, 1]])
    assert weighted_mean(counts, np.array([1.0, 0.0])).tolist() == [0.25, 0.5]
    assert weighted_mean(counts, np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [0.25, 0.5]
