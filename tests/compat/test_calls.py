"""Shapes of the published calls: which are taken, what they mean, and what others get."""

from collections.abc import Callable
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.compat import process
from provence_plugins.compat.calls import Call, Request, open_provence_titles, provence_titles
from provence_plugins.errors import InvalidInputError

Make = Callable[[str], Any]

Q, R = "Where is Paris?", "What is cheese?"
A, B, C = "Paris is in France. The river is old.", "Cheese is old. It is what it is. Not the city.", "The city"

NESTED = Call([Request(Q, [A, B]), Request(R, [C])], "nested")
PAIR = Call([Request(Q, [A])], "single")


def alone(pruner: Pruner, question: str, context: Any, **options: Any) -> str:
    text: str = process(pruner, question, context, **options)["pruned_context"]
    return text


def test_a_field_is_laid_out_in_the_shape_of_the_call() -> None:
    assert PAIR.lay_out([[1]]) == 1
    assert Call([Request(Q, [A, B])], "contexts").lay_out([[1, 2]]) == [1, 2]
    assert Call([Request(Q, [A]), Request(R, [B])], "questions").lay_out([[1], [2]]) == [1, 2]
    assert NESTED.lay_out([[1, 2], [3]]) == [[1, 2], [3]]


def test_titles_of_naver_are_shaped_like_the_contexts() -> None:
    assert provence_titles("One ", PAIR) == [["One"]]
    assert provence_titles([["One", None], [" "]], NESTED) == [["One", None], [None]]


def test_titles_of_open_provence_are_one_text_or_lists_and_missing_ones_are_none() -> None:
    assert open_provence_titles("One", NESTED) == [["One", "One"], ["One"]]
    assert open_provence_titles(["One", "Two"], NESTED) == [["One", "One"], ["Two"]]
    assert open_provence_titles([["One"], []], NESTED) == [["One", None], [None]]
    assert open_provence_titles(["One", "Two"], Call([Request(Q, [A, B])], "contexts")) == [["One", "Two"]]


class TestShapes:
    """Every row of the published tables of shapes, by what comes out for each text on its own."""

    def test_naver_takes_one_pair(self, naver: Pruner) -> None:
        result = process(naver, Q, A)
        assert set(result) == {"pruned_context", "reranking_score", "compression_rate"}
        assert isinstance(result["pruned_context"], str)
        assert isinstance(result["reranking_score"], float)

    def test_naver_takes_lists_of_lists(self, naver: Pruner) -> None:
        result = process(naver, [Q, R], [[A, B], [C]])
        assert result["pruned_context"] == [[alone(naver, Q, A), alone(naver, Q, B)], [alone(naver, R, C)]]
        assert [len(row) for row in result["reranking_score"]] == [2, 1]

    def test_naver_reads_an_inner_list_as_texts_and_open_provence_as_sentences(
        self, naver: Pruner, opened: Pruner
    ) -> None:
        assert len(process(naver, [Q], [["a", "b"]])["pruned_context"][0]) == 2
        assert len(process(opened, [Q], [["a", "b"]])["pruned_context"]) == 1

    @pytest.mark.parametrize("question", [Q, [Q]])
    def test_open_provence_takes_one_question_with_one_or_several_texts(self, opened: Pruner, question: Any) -> None:
        assert process(opened, question, A)["pruned_context"] == alone(opened, Q, A)
        assert process(opened, question, [A, B])["pruned_context"] == [alone(opened, Q, A), alone(opened, Q, B)]

    def test_open_provence_takes_pairs_and_lists_of_lists(self, opened: Pruner) -> None:
        assert process(opened, [Q, R], [A, B])["pruned_context"] == [alone(opened, Q, A), alone(opened, R, B)]
        nested = process(opened, [Q, R], [[A, B], [C]])["pruned_context"]
        assert nested == [[alone(opened, Q, A), alone(opened, Q, B)], [alone(opened, R, C)]]
        cut = process(opened, [Q, R], [[["a", "b"]], [["c"], ["d"]]], threshold=-1.0)["pruned_context"]
        assert cut == [["ab"], ["c", "d"]]

    def test_no_contexts_give_empty_lists(self, naver: Pruner, opened: Pruner) -> None:
        assert process(naver, [], [])["pruned_context"] == []
        assert process(opened, Q, [])["pruned_context"] == []
        assert process(opened, [Q, R], [[], []])["reranking_score"] == [[], []]

    @pytest.mark.parametrize("top_k", [0, -1])
    def test_no_contexts_to_return_give_empty_lists_as_published(
        self, naver: Pruner, opened: Pruner, top_k: int
    ) -> None:
        nested = process(naver, [Q, R], [[A, B], [C]], reorder=True, top_k=top_k)
        assert (nested["pruned_context"], nested["reranking_score"]) == ([[], []], [[], []])
        assert process(opened, Q, [A, B], reorder=True, top_k=top_k)["pruned_context"] == []

    @pytest.mark.parametrize("top_k", [0, -1])
    def test_a_context_that_is_returned_as_one_value_is_not_left_out(
        self, naver: Pruner, opened: Pruner, top_k: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert process(naver, Q, A, top_k=top_k) == process(naver, Q, A)

        def refuse(*_: object) -> None:
            raise AssertionError("the contexts were scored first")

        monkeypatch.setattr(Pruner, "score_as_published", refuse)
        with pytest.raises(InvalidInputError, match=r"top_k must be at least 1 .* one context"):
            process(naver, Q, A, reorder=True, top_k=top_k)
        with pytest.raises(InvalidInputError, match=r"top_k must be at least 1 .* one context"):
            process(opened, [Q, R], [A, B], reorder=True, top_k=top_k)

    @pytest.mark.parametrize(
        ("interface", "question", "context", "message"),
        [
            ("provence", Q, [A], r"as \[question\], \[contexts\]"),
            ("provence", [Q], [A], "list of lists"),
            ("provence", [Q, R], [[A]], "2 questions need as many entries of context; got 1"),
            ("provence", [Q], [[3]], "texts; got a value of type int"),
            ("open-provence", [Q, R], A, "2 questions need as many entries of context; got 1"),
            ("open-provence", [Q, R], [A, [B]], "got a mixture"),
            ("open-provence", Q, [[["a"]]], "nested too deep"),
            ("open-provence", Q, 5, "type str and a value of type int"),
        ],
    )
    def test_other_shapes_are_refused_with_those_that_fit(
        self, naver: Pruner, interface: Any, question: Any, context: Any, message: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=message):
            process(naver, question, context, interface=interface)
