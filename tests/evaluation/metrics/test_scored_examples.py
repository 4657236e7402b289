import numpy as np
import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.metrics.scored_examples import (
    JudgedExamples,
    RankedQuestion,
    ScoredExample,
    WordOverlap,
    group_by_source,
    require_examples,
)


def scored(source: str) -> ScoredExample:
    return ScoredExample(source, "Who?", np.array([0.1, 0.9, 0.5]), np.ones(3), np.array([True, False, False]), 2)


def test_without_negatives_the_passage_with_the_answer_is_left() -> None:
    alone = scored("s").without_negatives
    assert alone.scores.tolist() == [0.1, 0.9]
    assert alone.relevant.tolist() == [True, False]
    assert (alone.positive_size, len(alone.lengths)) == (2, 2)


def test_groups_follow_the_order_in_which_sources_appear() -> None:
    given = [RankedQuestion(source, float(number), []) for number, source in enumerate("baab")]
    assert [[question.positive for question in group] for group in group_by_source(given)] == [[0, 3], [1, 2]]


def test_no_examples_are_refused_in_plain_words() -> None:
    with pytest.raises(InvalidInputError, match=r"nothing to measure: .* annotated evidence\. Give data with"):
        require_examples([])


def test_the_examples_of_some_sources() -> None:
    judged = JudgedExamples(
        [scored("a"), scored("b")],
        [RankedQuestion("a", 1.0, []), RankedQuestion("c", 1.0, [])],
        words=[WordOverlap("b", "Who?", 1, 1, 1, 1)],
        probabilities=True,
    )
    part = judged.of_sources({"a", "c"})
    assert [example.source for example in part.scored] == ["a"]
    assert [question.source for question in part.ranked] == ["a", "c"]
    assert part.words == []
    assert part.probabilities
