import numpy as np
import pytest

from provence_plugins.evaluation.metrics.breakdown import BREAKDOWNS, BreakdownRow, break_down
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample


def example(scores: list[float], relevant: list[bool], kind: str | None, question_type: str | None) -> ScoredExample:
    """A question whose sentences have ten characters each."""
    return ScoredExample(
        source="mine",
        question="Which?",
        scores=np.array(scores),
        lengths=np.full(len(scores), 10.0),
        relevant=np.array(relevant),
        positive_size=len(scores),
        kind=kind,
        question_type=question_type,
    )


EXAMPLES = [
    example([0.9, 0.1, 0.1, 0.1], [True, False, False, False], "table", "range"),
    example([0.9, 0.1, 0.1, 0.1], [True, True, False, False], "table", "fact"),
    example([0.1, 0.9], [True, False], "chat", None),
]


def test_each_group_has_its_answers_kept_in_part_and_in_whole_and_its_text_removed() -> None:
    assert break_down(EXAMPLES, "kind", 0.5) == [
        BreakdownRow("table", 2, kept=1.0, whole=0.5, removed=0.75),
        BreakdownRow("chat", 1, kept=0.0, whole=0.0, removed=0.5),
    ]


def test_questions_whose_data_do_not_tell_are_a_group_of_their_own() -> None:
    rows = break_down(EXAMPLES, "question-type", 0.5)
    assert [(row.group, row.questions) for row in rows] == [("fact", 1), ("not named", 1), ("range", 1)]


@pytest.mark.parametrize("by", BREAKDOWNS)
def test_no_question_is_lost(by: str) -> None:
    rows = break_down(EXAMPLES, by, 0.5)  # type: ignore[arg-type]  # any of the names
    assert sum(row.questions for row in rows) == len(EXAMPLES)
