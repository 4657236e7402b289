"""Metrics of ranking: how well a method ranks passages with the answer above others."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from provence_plugins.evaluation.metrics.scored_examples import (
    FloatArray,
    GradedQuestion,
    RankedQuestion,
)
from provence_plugins.evaluation.metrics.statistics import Evaluator, Statistic, mean_of

# Number of ranks that nDCG looks at.
_RANKS = 10


def reciprocal_rank(questions: Sequence[RankedQuestion]) -> Evaluator:
    """Return the mean reciprocal rank of a question's positive among its negatives."""
    return mean_of(_reciprocal_rank)(questions)


def ndcg(questions: Sequence[RankedQuestion]) -> Evaluator:
    """Return the mean nDCG@10 with one relevant passage for each question."""
    return mean_of(_ndcg)(questions)


def graded_ndcg(questions: Sequence[GradedQuestion]) -> Evaluator:
    """Return the mean nDCG of ten ranks, where a passage of grade g has the gain 2**g - 1."""
    return graded_ndcg_at(_RANKS)(questions)


def graded_ndcg_at(ranks: int) -> Statistic[GradedQuestion]:
    """Return the statistic `graded_ndcg` with another number of ranks."""
    return mean_of(partial(_graded_ndcg, ranks=ranks))


def _reciprocal_rank(question: RankedQuestion) -> float:
    return 1.0 / question.rank


def _ndcg(question: RankedQuestion) -> float:
    if question.rank > _RANKS:
        return 0.0
    return 1.0 / math.log2(1 + question.rank)


def _graded_ndcg(question: GradedQuestion, ranks: int) -> float:
    relevances, grades = np.array(question.relevances), np.array(question.grades)
    # The last key sorts first; of passages with equal relevance the one with the lower grade comes
    # first, as ties count against the method.
    ranked = grades[np.lexsort((grades, -relevances))]
    ideal = -np.sort(-grades)
    return _discounted_gain(ranked, ranks) / _discounted_gain(ideal, ranks)


def _discounted_gain(grades: FloatArray, ranks: int) -> float:
    gains = np.exp2(grades[:ranks]) - 1.0
    return float(np.sum(gains / np.log2(np.arange(2, len(gains) + 2))))
