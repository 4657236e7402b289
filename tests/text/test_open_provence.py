"""Sentences as OpenProvence cuts them; the expectations are worked out by hand from its published rules."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.text.open_provence import is_japanese, loose_lines, open_provence_spans
from provence_plugins.text.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in open_provence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", ["One. ", "Two."]),
        ("  One.  \n\nTwo.\n", ["  One.  \n\n", "Two.\n"]),
        ("Intro.\n- first item. Yes.\n- second", ["Intro.\n", "- first item. ", "Yes.\n", "- second"]),
        ("1. First step\n2. Second\n\nThen. That.", ["1. ", "First step\n", "2. ", "Second\n", "Then. ", "That."]),
        ("Title\n\nItem one\nItem two\n", ["Title\n", "Item one\n", "Item two\n"]),
        ("A line. B line.\nC line.", ["A line. ", "B line.\n", "C line."]),
        ("\n\nTitle\nItem", ["Title\n", "Item"]),
        ("   ", []),
        ("", []),
    ],
    ids=["prose", "white space stays", "list items", "numbers", "loose lines", "prose in lines", "blank start", "blank",
         "empty"],
)  # fmt: skip
def test_english_is_cut_as_published(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_sentence_is_cut_at_its_last_terminator_in_reach() -> None:
    text = "a" * 700 + ";" + "b" * 700
    assert [len(part) for part in sentences(text)] == [701, 700]


def test_a_long_sentence_is_cut_at_a_line_end_first() -> None:
    text = "a" * 300 + "\n" + "b" * 300 + ";" + "c" * 900
    assert [len(part) for part in sentences(text)] == [301, 301, 900]


def test_a_long_sentence_without_either_is_cut_where_the_reach_ends() -> None:
    assert [len(part) for part in sentences("a" * 2500)] == [1200, 1200, 100]


def test_lines_with_as_many_terminators_stay_together() -> None:
    assert list(loose_lines("Yes!\nNo?\n", [(0, 9)])) == [(0, 9)]


def test_japanese_is_told_by_its_kana() -> None:
    assert is_japanese("これは本です。")
    assert not is_japanese("这是一本书。")
    assert not is_japanese("The word の stands here. " + "Plain text follows it. " * 60)
    assert not is_japanese("")


def test_japanese_is_cut_by_its_own_splitter() -> None:
    assert sentences("これはペンです。それは本です。") == ["これはペンです。", "それは本です。"]


def test_japanese_with_half_a_surrogate_pair_is_cut_like_any_other() -> None:
    pytest.importorskip("fast_bunkai")
    assert list(open_provence_spans("これはペン\ud800です。あれもです。")) == [(0, 9), (9, 15)]


def test_what_the_model_reads_leaves_blank_lines_out_and_the_tiling_keeps_them() -> None:
    text = "Title\n\nItem one\n"
    found = split_sentences(text, "open-provence")
    assert [sentence.model_text(text) for sentence in found] == ["Title\n", "Item one\n"]
    assert [sentence.of(text) for sentence in found] == ["Title\n\n", "Item one\n"]


@given(st.text(st.sampled_from("ab. !?;\n-1)•*é\t\r"), max_size=300))
def test_sentences_are_in_order_and_leave_out_white_space_only(text: str) -> None:
    spans = list(open_provence_spans(text))
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    covered = "".join(text[start:end] for start, end in spans)
    assert "".join(covered.split()) == "".join(text.split())
    if text.strip():
        assert "".join(s.of(text) for s in split_sentences(text, "open-provence")) == text
