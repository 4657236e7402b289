"""One context of a published call: its sentences, and the decision about it."""

from dataclasses import replace

import numpy as np
import pytest

from provence_plugins.compat.contexts import ContextReader, decide, take_first_line
from provence_plugins.compat.interfaces import OPEN_PROVENCE, PROVENCE, Interface
from provence_plugins.engine.pooling import PassageScores

TEXT = "One is. Two is."


def reader(interface: Interface, *, strip: bool = False) -> ContextReader:
    return ContextReader(interface, lambda text: [(0, 7), (8, len(text))], strip)


def test_a_title_stands_in_front_with_the_separator_of_the_interface() -> None:
    assert reader(PROVENCE).read(TEXT, "Title").passage.text == f"Title {TEXT}"
    assert reader(OPEN_PROVENCE).read(TEXT, "Title").passage.text == f"Title\n{TEXT}"
    assert reader(PROVENCE).read(TEXT, None).title == ""


def test_the_model_reads_the_spans_and_the_sentences_cover_the_text() -> None:
    context = reader(PROVENCE).read(TEXT, None)
    assert context.model_texts == ["One is.", "Two is."]
    assert context.full_texts == ["One is. ", "Two is."]


def test_a_context_of_sentences_is_their_text_and_blank_ones_are_dropped() -> None:
    context = reader(OPEN_PROVENCE).read(["One. ", "  ", "Two."], None)
    assert (context.text, context.model_texts) == ("One. Two.", ["One. ", "Two."])


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_context_without_words_is_one_sentence(text: str) -> None:
    context = ContextReader(PROVENCE, "lines", strip=True).read(text, None)
    assert len(context.model_texts) == 1
    assert "".join(sentence.of(text) for sentence in context.passage.sentences or ()) == text


def test_the_first_line_with_text_is_taken_off() -> None:
    assert take_first_line("\n Title \nText\nMore") == ("Text\nMore", "Title")
    assert take_first_line(["", "Title", "Text"]) == (["Text"], "Title")
    assert take_first_line(" \n") == (" \n", None)


@pytest.mark.parametrize(
    ("interface", "pruned", "rate"), [(PROVENCE, "Title Two is.", 2 / 15), (OPEN_PROVENCE, "Two is.", 8 / 15)]
)
def test_a_decision_follows_the_rules_of_the_interface(interface: Interface, pruned: str, rate: float) -> None:
    context = reader(interface).read(TEXT, "Title")
    keeping = replace(interface, always_select_title=True, zero_score_when_empty=True)
    scores = PassageScores(0.7, np.array([0.1, 0.5, 0.9], dtype=np.float32))
    decision = decide(context, scores, keeping, threshold=0.5, first_is_title=False)
    assert decision.pruned_context == pruned
    assert decision.compression_rate == pytest.approx(100 * rate)
    assert (decision.reranking_score, len(decision.kept_sentences), len(decision.removed_sentences)) == (0.7, 2, 1)


def test_nothing_kept_scores_zero_where_the_rules_say_so() -> None:
    context = reader(OPEN_PROVENCE).read(TEXT, None)
    scores = PassageScores(0.7, np.zeros(2, dtype=np.float32))
    for zero, score in ((True, 0.0), (False, 0.7)):
        rules = replace(OPEN_PROVENCE, always_select_title=True, zero_score_when_empty=zero)
        assert decide(context, scores, rules, threshold=0.5, first_is_title=True).reranking_score == score
