from collections.abc import Sequence

import numpy as np
import pytest

from provence_plugins.evaluation.metrics.answers import answers_kept_by_kind
from provence_plugins.evaluation.metrics.question_kinds import evidence_place, question_word
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample


def scored(scores: Sequence[float], relevant: Sequence[int], question: str = "Who?", size: int = 0) -> ScoredExample:
    marked = np.isin(np.arange(len(scores)), relevant)
    return ScoredExample("s", question, np.array(scores), np.ones(len(scores)), marked, size or len(scores))


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who wrote it?", "who"),
        ("To whom was it sent?", "who"),
        ("In which year did it start?", "which"),
        ("Is cheese good?", "yes/no"),
        ("The moon is made of cheese.", "other"),
        ("Whatever.", "other"),
        ("", "other"),
    ],
)
def test_the_question_word(question: str, word: str) -> None:
    assert question_word(scored([0.5], [0], question)) == word


def test_answers_kept_by_question_word() -> None:
    asked = [("Who?", 0.9), ("who", 0.2), ("How", 0.9)]
    given = [scored([score, 0.1], [0], question) for question, score in asked]
    assert answers_kept_by_kind(given, 0.5, question_word) == {"how": (1, 1.0), "who": (2, 0.5)}


@pytest.mark.parametrize(
    ("relevant", "place"), [([0], "first"), ([2], "last"), ([1], "between"), ([0, 2], "between"), ([1, 2], "between")]
)
def test_the_place_of_the_evidence_is_that_in_its_own_passage(relevant: list[int], place: str) -> None:
    assert evidence_place(scored([0.1, 0.2, 0.3, 0.9], relevant, size=3)) == place
