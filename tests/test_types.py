"""Spans, sentences and passages: what they accept, and what they give back."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.errors import InvalidInputError, SplitterError
from provence_plugins.types import Passage, Sentence, Span, Tie


@pytest.mark.parametrize(
    "make",
    [Span, Sentence, lambda start, end: ScoredSentence(start, end, 0.5, True, "sentence", 3)],
    ids=["Span", "Sentence", "ScoredSentence"],
)
def test_every_kind_of_span_gives_its_characters_and_tells_overlaps(make: Callable[[int, int], Span]) -> None:
    span = make(4, 7)
    assert span.of("one two three") == "two"
    assert span.overlaps(Span(6, 9))
    assert span.overlaps(Sentence(0, 5))
    assert not span.overlaps(Span(7, 9))
    assert not span.overlaps(Span(0, 4))


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
@pytest.mark.parametrize("kind", [Span, Sentence])
def test_a_range_that_runs_backwards_is_refused(kind: type[Span], start: int, end: int) -> None:
    with pytest.raises(InvalidInputError, match=f"start={start}, end={end}"):
        kind(start, end)


@pytest.mark.parametrize("kind", [Span, Sentence])
def test_an_array_is_not_a_bound_of_a_range(kind: type[Span]) -> None:
    with pytest.raises(InvalidInputError, match=f"start of a {kind.__name__} must be an integer"):
        kind(np.array([0, 1]), 2)  # type: ignore[arg-type]


def test_an_array_is_neither_a_kind_of_a_sentence_nor_one_of_a_tie() -> None:
    array: Any = np.array(["sentence", "code"])
    for sentence in (Sentence(0, 1, array), Sentence(0, 1, ties=(Tie(array, 0),))):
        with pytest.raises(InvalidInputError, match="sentence 0 must be"):
            Passage("x", sentences=[sentence])


def test_the_model_reads_the_whole_sentence_unless_a_span_says_less() -> None:
    text = "One.\n\nTwo."
    assert Sentence(0, 6).model_text(text) == "One.\n\n"
    assert Sentence(0, 6, model_span=Span(0, 4)).model_text(text) == "One."


def test_the_model_cannot_read_beyond_the_sentence() -> None:
    with pytest.raises(InvalidInputError, match="model_span must lie inside"):
        Sentence(0, 6, model_span=Span(4, 8))


@given(text=st.text(), cuts=st.lists(st.integers(0, 30), max_size=8))
def test_spans_with_gaps_become_sentences_without_gaps(text: str, cuts: list[int]) -> None:
    edges = sorted(min(cut, len(text)) for cut in cuts)
    spans = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    sentences = Sentence.tile(text, spans)
    bounds = [0, *(sentence.end for sentence in sentences)]
    assert [(sentence.start, sentence.end) for sentence in sentences] == list(pairwise(bounds))
    assert bounds[-1] == len(text)
    assert Passage(text, sentences=sentences).sentences == tuple(sentences)


def test_gaps_go_to_the_sentence_before_and_blank_spans_are_ignored() -> None:
    text = "  one, two. "
    sentences = Sentence.tile(text, [Span(2, 5), Span(5, 5), Span(6, 7), Span(7, 11)])
    assert [sentence.of(text) for sentence in sentences] == ["  one, ", "two. "]
    assert Sentence.tile("text", []) == [Sentence(0, 4)]


def test_spans_out_of_order_are_refused() -> None:
    with pytest.raises(SplitterError, match="must be in order"):
        Sentence.tile("abc", [Span(2, 3), Span(0, 1)])


@pytest.mark.parametrize(
    ("sentences", "named"),
    [
        ([Sentence(1, 3)], "sentence 0 must start at 0"),
        ([Sentence(0, 1), Sentence(2, 3)], "sentence 1 must start at 1"),
        ([Sentence(0, 2)], "must end at 3"),
        ([Sentence(0, 4)], "must end at 3"),
        ([], "must end at 3"),
        ([Span(0, 3)], r"Sentence\.tile"),
        ([Sentence(0, 3, heading=0)], "heading of sentence 0"),
        ([Sentence(0, 1), Sentence(1, 3, heading=2)], "heading of sentence 1"),
        ([Sentence(0, 1), Sentence(1, 3, heading=-1)], "heading of sentence 1"),
        ([Sentence(0, 3, ties=(Tie("label", 1),))], "ties of sentence 0"),
    ],
    ids=["late", "gap", "short", "long", "none", "spans", "own heading", "later heading", "negative heading", "tie"],
)
def test_sentences_that_do_not_cover_the_text_are_refused(sentences: list[Sentence], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        Passage("abc", sentences=sentences)


def test_a_passage_is_not_changed_by_later_changes_to_the_list() -> None:
    sentences = [Sentence(0, 3)]
    passage = Passage("abc", sentences=sentences)
    sentences.clear()
    assert passage.sentences == (Sentence(0, 3),)
    assert hash(passage) == hash(Passage("abc", sentences=[Sentence(0, 3)]))
    assert replace(passage, title="T").sentences == passage.sentences


def test_spans_of_a_passage_are_deprecated_and_become_sentences() -> None:
    with pytest.warns(DeprecationWarning, match=r"sentences=Sentence\.tile"):
        passage = Passage("one two", spans=[Span(0, 3), Span(4, 7)])
    assert passage == Passage("one two", sentences=[Sentence(0, 4), Sentence(4, 7)])


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["text"]])
def test_a_passage_without_text_is_refused(text: object) -> None:
    with pytest.raises(InvalidInputError, match="must be a string; got"):
        Passage(text)  # type: ignore[arg-type]


def test_a_title_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="title of a Passage must be a string or None; got list"):
        Passage("text", ["title"])  # type: ignore[arg-type]


def test_bounds_that_are_not_integers_are_refused() -> None:
    for bound in [0.0, "0", None, [0]]:
        for kind in [Span, Sentence]:
            with row(bound, kind):
                with pytest.raises(InvalidInputError, match="must be an integer"):
                    kind(bound, 5)
                with pytest.raises(InvalidInputError, match="must be an integer"):
                    kind(0, bound)


def test_integers_of_numpy_become_plain_ones() -> None:
    start, end = np.arange(2)
    [sentence] = Sentence.tile("a", [(start, end)])
    for span in (sentence, Span(start, end)):
        assert json.dumps([span.start, span.end]) == "[0, 1]"


def test_a_sentence_that_names_what_is_not_there_is_refused() -> None:
    for values, named in [
        ({"kind": "prose"}, "kind"),
        ({"kind": ["heading"]}, "kind"),
        ({"heading": "0"}, "heading"),
        ({"heading": 0.0}, "heading"),
        ({"ties": None}, "ties"),
        ({"ties": [Tie("label", 0)]}, "ties"),
        ({"ties": ("label",)}, "ties"),
        ({"ties": (("label", 0),)}, "ties"),
        ({"ties": (Tie("label", 2),)}, "ties"),
        ({"ties": (Tie("label", -1),)}, "ties"),
        ({"ties": (Tie("friend", 0),)}, "ties"),  # type: ignore[arg-type]
    ]:
        with row(values, named), pytest.raises(InvalidInputError, match=rf"The {named} of sentence 1 must be"):
            Passage("ab", sentences=[Sentence(0, 1), Sentence(1, 2, **values)])


def test_anything_but_a_list_of_sentences_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="sentences must hold"):
        Passage("ab", sentences=5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="model_span must be a Span"):
        Sentence(0, 2, model_span=(0, 1))  # type: ignore[arg-type]
    for spans in (None, 5):
        with pytest.raises(SplitterError, match="must be an iterable"):
            Sentence.tile("ab", spans)  # type: ignore[arg-type]
