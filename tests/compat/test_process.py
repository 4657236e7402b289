"""The published calls: which shapes they take, what they return, and what bad ones get."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.compat import process
from provence_plugins.errors import InvalidInputError

Make = Callable[[str], Any]

Q, R = "Where is Paris?", "What is cheese?"
A, B, C = "Paris is in France. The river is old.", "Cheese is old. It is what it is. Not the city.", "The city"


def alone(pruner: Pruner, question: str, context: Any, **options: Any) -> str:
    text: str = process(pruner, question, context, **options)["pruned_context"]
    return text


class TestTitles:
    """Where a title comes from, and where it goes."""

    def test_the_first_sentence_stays_with_any_other(self, naver: Pruner) -> None:
        kept = [process(naver, Q, B, threshold=t, return_sentence_texts=True) for t in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
        for result in kept:
            assert not result["kept_sentences"] or result["kept_sentences"][0] == "Cheese is old."
        assert kept[-1]["pruned_context"] == ""

    def test_open_provence_returns_an_explicit_title_and_leaves_it_out_of_the_text(self, opened: Pruner) -> None:
        result = process(opened, Q, [A, B], title=["Paris", " "], threshold=-1.0, return_sentence_texts=True)
        assert result["title"] == ["Paris\n", None]
        assert result["kept_sentences"][0][0] == "Paris\n"
        assert result["pruned_context"] == [A, B]

    def test_naver_has_it_in_the_text(self, naver: Pruner) -> None:
        assert process(naver, Q, A, title="Paris", threshold=-1.0)["pruned_context"] == f"Paris {A}"

    def test_the_first_line_can_be_taken_off(self, opened: Pruner) -> None:
        result = process(opened, Q, f"\nHeading\n{A}", first_line_as_title=True, threshold=-1.0)
        assert (result["title"], result["pruned_context"]) == ("Heading\n", A)
        with pytest.raises(InvalidInputError, match="leave title out"):
            process(opened, Q, A, first_line_as_title=True, title="Other")

    @pytest.mark.parametrize(
        "title", [["a", ["b"]], [["a"], ["b"], ["c"]], [["a"]], ["a"], ["a", "b", "c"], [["a"], [3]], ["a", 3], 7]
    )
    def test_titles_of_another_shape_are_refused(self, opened: Pruner, title: Any) -> None:
        with pytest.raises(InvalidInputError, match=r"(?i)title must be"):
            process(opened, [Q, R], [[A], [B]], title=title)

    @pytest.mark.parametrize(
        "title", ["a", ["a", "b"], [["a"]], [["a"], ["b"], ["c"]], [["a", "b"], ["c"]], [[3], ["b"]]]
    )
    def test_naver_refuses_titles_that_are_not_shaped_like_the_contexts(self, naver: Pruner, title: Any) -> None:
        with pytest.raises(InvalidInputError, match=r"(?i)title must be"):
            process(naver, [Q, R], [[A], [B]], title=title)

    def test_naver_takes_a_title_for_each_context(self, naver: Pruner) -> None:
        result = process(naver, [Q, R], [[A, B], [C]], title=[["One", None], ["Two"]], threshold=-1.0)
        assert result["pruned_context"] == [[f"One {A}", B], [f"Two {C}"]]

    def test_contexts_without_a_title_get_none_in_open_provence(self, opened: Pruner) -> None:
        assert process(opened, Q, [A, B], title=["One"])["title"] == ["One\n", None]

    def test_a_title_may_be_given_by_position(self, opened: Pruner) -> None:
        assert process(opened, Q, A, "Paris") == process(opened, Q, A, title="Paris")


class TestQuestions:
    """Questions that `Pruner.prune` refuses, and the published code answers."""

    @pytest.mark.parametrize("question", ["", "  ", "?!"])
    def test_a_blank_question_is_answered(self, make_published: Make, question: str) -> None:
        for name in ("provence", "xprovence", "open-xlm-roberta", "open-modernbert"):
            with Pruner(make_published(name).folder) as pruner:
                result = process(pruner, question, A, threshold=-1.0)
                assert result["pruned_context"] == A

    def test_a_model_of_this_package_answers_a_blank_question(self, tiny_folder: Path) -> None:
        with Pruner(tiny_folder) as pruner:
            assert process(pruner, " ", A, threshold=-1.0)["pruned_context"] == A

    def test_naver_reads_the_beginning_of_a_long_question_and_logs_it(
        self, naver: Pruner, caplog: pytest.LogCaptureFixture
    ) -> None:
        long = "the river of the city " * 200
        result = process(naver, long, A, return_sentence_metrics=True)
        assert "reads its first 256, half of a window" in caplog.text
        # 256 tokens are 51 times these five words and one more
        same = process(naver, "the river of the city " * 51 + "the", A, return_sentence_metrics=True)
        assert result == same

    def test_naver_reads_a_question_of_half_a_window_without_a_warning(
        self, naver: Pruner, caplog: pytest.LogCaptureFixture
    ) -> None:
        process(naver, "the " * 256, A)
        assert caplog.text == ""

    def test_open_provence_reads_a_long_question_whole_and_one_token_of_each_piece(
        self, make_published: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        published = make_published("open-modernbert")  # windows of 256 tokens, positions for 1,024
        with Pruner(published.folder) as pruner:
            long = "x" * 300
            result = process(pruner, long, A, return_sentence_metrics=True)
            assert "leaves no room for text in a window of 256" in caplog.text
            first_signs = process(pruner, long, ["PT"[0], "T"], return_sentence_metrics=True)
        assert result["sentence_probabilities"] == pytest.approx(
            [values[0] for values in first_signs["sentence_probabilities"]], abs=1e-5
        )

    def test_a_question_beyond_all_positions_is_cut_and_logged(
        self, make_published: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Pruner(make_published("open-modernbert").folder) as pruner:
            assert isinstance(process(pruner, "x" * 5000, A)["pruned_context"], str)
        assert "The question has 5000 tokens; the model reads its first 1020" in caplog.text

    def test_a_model_of_this_package_cuts_only_a_question_that_leaves_no_room(
        self, tiny_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Pruner(tiny_folder) as pruner:
            process(pruner, "paris " * 40, A)
            assert caplog.text == ""
            long = process(pruner, "paris " * 100, A, return_sentence_metrics=True)
            assert "reads its first 32" in caplog.text
            assert long == process(pruner, "paris " * 32, A, return_sentence_metrics=True)


class TestOptions:
    """What else the published calls can be told."""

    def test_contexts_are_reordered_and_cut(self, naver: Pruner, opened: Pruner) -> None:
        scores = process(opened, Q, [A, B, C], zero_score_when_empty=False)["reranking_score"]
        ordered = process(opened, Q, [A, B, C], reorder=True, top_k=2, zero_score_when_empty=False)["reranking_score"]
        assert ordered == sorted(scores, reverse=True)[:2]
        assert len(process(naver, [Q], [[A] * 8], reorder=True)["pruned_context"][0]) == 5
        assert len(process(naver, [Q], [[A] * 8], top_k=2)["pruned_context"][0]) == 8

    def test_the_rate_is_per_cent_of_characters_and_the_score_of_nothing_is_zero(self, opened: Pruner) -> None:
        everything, nothing = (process(opened, Q, A, threshold=t) for t in (-1.0, 1.0))
        assert (everything["pruned_context"], everything["compression_rate"]) == (A, 0.0)
        assert (nothing["pruned_context"], nothing["compression_rate"], nothing["reranking_score"]) == ("", 100.0, 0.0)
        assert process(opened, Q, A, threshold=1.0, zero_score_when_empty=False)["reranking_score"] > 0

    @pytest.mark.parametrize("context", ["", "  \n"])
    def test_a_text_without_words_is_one_sentence_of_probability_zero(self, opened: Pruner, context: str) -> None:
        result = process(opened, Q, context, return_sentence_metrics=True, return_sentence_texts=True)
        assert result["sentence_probabilities"] == [0.0]
        assert result["removed_sentences"] == [context]
        assert result["reranking_score"] == 0.0

    def test_splitters_of_texts_are_taken(self, opened: Pruner) -> None:
        def halves(text: str) -> list[str]:
            return [text[: len(text) // 2], text[len(text) // 2 :]]

        for options in ({"sentence_splitter": halves}, {"sentence_splitter": {"xx": halves}, "language": "xx"}):
            result = process(opened, Q, A, threshold=-1.0, return_sentence_texts=True, **options)  # type: ignore[arg-type]
            assert result["kept_sentences"] == halves(A)
        with pytest.raises(InvalidInputError, match="language"):
            process(opened, Q, A, sentence_splitter={"xx": halves})
        with pytest.raises(InvalidInputError, match="'auto', 'en' or 'ja'"):
            process(opened, Q, A, language="fr")

    def test_a_threshold_may_be_named(self, opened: Pruner) -> None:
        named, number = (process(opened, Q, A, threshold=t, return_sentence_texts=True) for t in ("short", 0.5))
        assert named == number

    def test_sentences_can_be_stripped(self, opened: Pruner) -> None:
        result = process(opened, Q, "One is. \n Two is. ", strip_sentences=True, threshold=-1.0)
        assert result["pruned_context"] == "One is.Two is."

    def test_the_first_window_may_give_the_score(self, opened: Pruner) -> None:
        text = f"{A} {B} " * 20
        best = process(opened, Q, text, zero_score_when_empty=False)["reranking_score"]
        first = process(opened, Q, text, zero_score_when_empty=False, use_best_reranker_score=False)["reranking_score"]
        assert first <= best

    def test_sentences_that_fit_a_window_may_stay_whole(self, make_published: Make) -> None:
        with Pruner(make_published("open-bert").folder) as pruner:
            text = "paris is in france " * 15  # more than half of a window of 96 tokens
            halves, whole = (
                process(pruner, Q, text, respect_sentence_boundaries=whole, return_sentence_metrics=True)
                for whole in (False, True)
            )
            assert halves["sentence_probabilities"] != whole["sentence_probabilities"]

    @pytest.mark.parametrize(
        ("given", "nearest"),
        [("treshold", "threshold"), ("reoder", "reorder"), ("titles", "title"), ("kept_sentences", "")],
    )
    def test_unknown_keywords_are_refused_and_the_nearest_is_named(
        self, opened: Pruner, given: str, nearest: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=f"Unknown keyword '{given}'.*{nearest}"):
            process(opened, Q, A, **{given: True})

    def test_an_unknown_interface_is_refused(self, opened: Pruner) -> None:
        with pytest.raises(InvalidInputError, match="one of 'provence', 'open-provence'; got 'naver'"):
            process(opened, Q, A, interface="naver")  # type: ignore[arg-type]

    def test_options_without_effect_are_accepted(self, opened: Pruner) -> None:
        expected = process(opened, Q, A)
        assert process(opened, Q, A, batch_size=1, show_progress=True, preprocess_workers=2) == expected


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("threshold", "low", "threshold must be a number, one of the names 'careful'.* got 'low'"),
        ("top_k", "all", "top_k must be an integer, or None for the default; got 'all'"),
        ("sentence_splitter", 3, r"sentence_splitter must be a function.* got 3 \(int\)"),
        ("sentence_splitter", {"en": 3}, r"sentence_splitter must be a function.* got 3 \(int\)"),
    ],
)
def test_an_option_of_another_type_is_refused_by_name(naver: Pruner, option: str, value: object, message: str) -> None:
    given: Any = {option: value, "language": "en" if isinstance(value, dict) else None}
    with pytest.raises(InvalidInputError, match=message):
        process(naver, Q, A, **given)


def test_another_object_in_place_of_the_pruner_is_refused() -> None:
    nothing: Any = None
    with pytest.raises(InvalidInputError, match="pruner must be a Pruner; got None"):
        process(nothing, Q, A)
