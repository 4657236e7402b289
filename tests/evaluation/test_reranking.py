import math

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.reranking import make_ranking_tables, rank_graded
from provence_plugins.types import Passage

GRADES = (3.0, 2.0, 0.0)


def examples() -> list[Example]:
    return [
        Example(f"d{grade}", "s", f"Question {number}?", Passage(f"Grade {grade}."), (), False, grade=grade)
        for number in range(4)
        for grade in GRADES
    ]


def ranking_by(sign: int) -> Method:
    def score(passage: SplitPassage) -> PassageScores:
        return PassageScores(sign * (passage.example.grade or 0.0), [0.0] * len(passage.sentences))

    return one_by_one(score)


def test_methods_are_judged_by_the_order_of_their_passages() -> None:
    methods = {"worst": LoadedMethod(ranking_by(-1)), "best": LoadedMethod(ranking_by(1))}
    values, differences = make_ranking_tables(rank_graded(methods, examples(), "regex"))
    # The gains of the grades 3, 2 and 0 are 7, 3 and 0.
    worst = (3 / math.log2(3) + 7 / math.log2(4)) / (7 + 3 / math.log2(3))
    assert values.columns == ["method", "nDCG@5", "nDCG@10", "nDCG@20"]
    assert values.rows == [
        ["worst", *[f"{worst:.3f} [{worst:.3f}, {worst:.3f}]"] * 3],
        ["best", *["1.000 [1.000, 1.000]"] * 3],
    ]
    assert "4 questions with 12 passages; sources: 1" in values.note
    assert differences.rows[0][:2] == ["best", "worst"]
    assert str(differences.rows[0][2]).startswith(f"{1 - worst:+.3f}")


def test_one_method_has_nothing_to_differ_from() -> None:
    [values] = make_ranking_tables(rank_graded({"best": LoadedMethod(ranking_by(1))}, examples(), "regex"))
    assert values.title == "Graded reranking"


def test_a_system_with_fixed_outputs_ranks_nothing() -> None:
    fixed = LoadedMethod(ranking_by(1), output=lambda passage: FixedOutput([]))
    assert list(rank_graded({"theirs": fixed, "best": LoadedMethod(ranking_by(1))}, examples(), "regex")) == ["best"]
    with pytest.raises(InvalidInputError, match="No method ranks"):
        rank_graded({"theirs": fixed}, examples(), "regex")


def test_questions_of_one_grade_alone_rank_nothing() -> None:
    alike = [example for example in examples() if example.grade == 2.0]
    with pytest.raises(InvalidInputError, match="query_id"):
        rank_graded({"best": LoadedMethod(ranking_by(1))}, alike, "regex")


def test_an_unknown_reference_is_refused() -> None:
    ranked = rank_graded({"best": LoadedMethod(ranking_by(1))}, examples(), "regex")
    with pytest.raises(InvalidInputError, match="against"):
        make_ranking_tables(ranked, "other")
