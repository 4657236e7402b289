"""How well a method puts the passage that answers a question before its negatives."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple


class Ranked(NamedTuple):
    """A question with the relevance of its passages.

    Attributes:
        source: Name of the data set that it comes from.
        positive: Relevance of the passage that answers it.
        negatives: Relevance of the others.
    """

    source: str
    positive: float
    negatives: Sequence[float]

    @property
    def identity(self) -> tuple[str, int]:
        """What is the same for every method that judged the question."""
        return self.source, len(self.negatives)

    @property
    def rank(self) -> int:
        """The place that the positive reaches, 1 being the best; ties count against it."""
        return 1 + sum(negative >= self.positive for negative in self.negatives)


def mean_reciprocal_rank(questions: Iterable[Ranked]) -> float:
    """Mean of one over the rank that a question's positive reaches among its negatives."""
    return fmean(1.0 / question.rank for question in questions)


def mean_ndcg(questions: Iterable[Ranked], *, at: int = 10) -> float:
    """Mean normalised discounted cumulative gain of the first ranks, with one relevant passage for each question."""
    ranks = [question.rank for question in questions]
    return fmean(1.0 / math.log2(1 + rank) if rank <= at else 0.0 for rank in ranks)
