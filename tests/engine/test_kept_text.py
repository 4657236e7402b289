from itertools import accumulate, pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.kept_text import KeptText
from provence_plugins.types import Span


def kept(*pieces: tuple[str, bool], parts: dict[int, Span] | None = None) -> KeptText:
    """A text of these pieces, each kept or not."""
    bounds = [0, *accumulate(len(text) for text, _ in pieces)]
    numbers = {number for number, (_, is_kept) in enumerate(pieces) if is_kept}
    return KeptText("".join(text for text, _ in pieces), bounds, numbers, parts or {})


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("One. ", True), ("Two.\n\n", False), ("# Heading\n\n", True)], "One. \n\n# Heading\n\n"),
        ([("# Heading\n\n", True), ("Two.\n\n", False), ("Three.", True)], "# Heading\n\nThree."),
        ([("One. ", True), ("Two. ", False), ("Three.", True)], "One. Three."),
        ([("**One.**", True), ("Two. ", False), ("Three.", True)], "**One.** Three."),
        ([("One.\n\n", False), ("Two.", True)], "Two."),
        ([("One. ", True), ("Two.\n", False), ("Three.\n\n", False), ("- item", True)], "One. \n\n- item"),
        ([("One. ", True), ("Two.\n\n", False), ("Three. ", False), ("Four.", True)], "One. \n\nFour."),
        ([("- One. ", True), ("Two.\n", False), ("- Three. ", False), ("Four.", True)], "- One. \nFour."),
        ([("One. ", True), ("Two.\n\n", False), ("Three.\n", False), ("Four.", True)], "One. \n\nFour."),
        ([("- One.\n", True), ("- Two.\n\n", False), ("Three. ", False), ("Four.", True)], "- One.\n\n\nFour."),
        ([("One.\n\n", True), ("Two.\n\n", False), ("Three. ", False), ("Four.", True)], "One.\n\nFour."),
        ([("One. ", True), ("Two\nand Three. ", False), ("Four. ", False), ("Five.", True)], "One. Five."),
    ],
    ids=[
        "heading", "behind a heading", "prose", "no blank", "at the start", "over two", "a paragraph further above",
        "an item further above", "a line behind a paragraph", "a paragraph behind an item", "a paragraph that is kept",
        "a line inside of a sentence",
    ],
)  # fmt: skip
def test_what_stays_does_not_run_together(pieces: list[tuple[str, bool]], text: str) -> None:
    assert kept(*pieces).join(None) == text


def test_a_text_with_a_hundred_thousand_sentences_is_put_together_in_a_moment() -> None:
    sentences = [("One. ", True), ("Two.\n", False), (" " * 50, True), ("\n", False), ("Three. ", True)] * 20_000
    kept_text = kept(*sentences)
    start = process_time()
    assert kept_text.join(None)
    assert process_time() - start < 5


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("One. ", True), ("Two. ", False), ("Three. ", True), ("Four.", False)], "One. [1] Three. [1]"),
        (
            [("# A\n\n", False), ("Two.\n\n", False), ("# C\n\n", True), ("Four. ", False)],
            "[2]\n\n# C\n\n[1]",
        ),
        ([("**One.**", True), ("Two", False), ("Three", True)], "**One.** [1] Three"),
        ([("One. ", True), ("Two.\n\n", False), ("# Three\n", True)], "One. [1]\n\n# Three\n"),
        ([("One.", True), (" \n", False), ("Two.", True)], "One. \nTwo."),
        ([("One. ", True), ("Two.\n\n", False), ("Three. ", False), ("Four.", True)], "One. [2]\n\nFour."),
        ([("One.", False)], ""),
    ],
    ids=[
        "prose", "headings", "no white space", "a break that is kept", "nothing but white space",
        "a break further above", "nothing kept",
    ],
)  # fmt: skip
def test_a_mark_stands_where_sentences_are_left_out(pieces: list[tuple[str, bool]], text: str) -> None:
    assert kept(*pieces).join("[{count}]") == text


def test_a_break_between_removed_sentences_is_a_span_of_its_own() -> None:
    kept_text = kept(("One. ", True), ("Two.\n\n", False), ("Three. ", False), ("Four.", True))
    assert kept_text.kept_bounds == [(0, 5), (9, 11), (18, 23)]


@given(st.lists(st.tuples(st.text(st.sampled_from("ab. \n"), min_size=1, max_size=5), st.booleans())))
def test_spans_and_text_say_the_same_as_the_sentences(pieces: list[tuple[str, bool]]) -> None:
    kept_text = kept(*pieces)
    joined = kept_text.join(None)
    expected = "".join(text for text, is_kept in pieces if is_kept)
    assert "".join(joined.split()) == "".join(expected.split())
    assert len(joined) >= len(expected)
    assert joined == "".join(kept_text.text[start:end] for start, end in kept_text.kept_bounds)
    assert all(left[1] < right[0] for left, right in pairwise(kept_text.kept_bounds))


def test_a_sentence_that_is_cut_counts_as_left_out_after_its_part() -> None:
    pieces = (("One is here. ", True), ("Two. ", True))
    assert kept(*pieces, parts={0: Span(0, 3)}).join("[{count}]") == "One [1] Two. "
    assert kept(*pieces, parts={0: Span(0, 3)}).join(None) == "One Two. "
