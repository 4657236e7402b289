from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.passages import PrunedPassage, ScoredPassage
from provence_plugins.types import Passage, Sentence, Span


def pruned(*pieces: tuple[str, bool], tokens: int = 10) -> PrunedPassage:
    """A passage whose text is these pieces, each kept or not."""
    sentences: list[Sentence] = []
    for text, _ in pieces:
        start = sentences[-1].end if sentences else 0
        sentences.append(Sentence(start, start + len(text)))
    counts, chances = [tokens] * len(pieces), [0.5] * len(pieces)
    passage = Passage("".join(text for text, _ in pieces))
    scored = ScoredPassage(0, passage, 0.5, sentences, chances, counts)
    return scored.keep(number for number, (_, kept) in enumerate(pieces) if kept)


def test_the_text_is_the_kept_slices_of_the_original() -> None:
    assert pruned(("One.  ", True), ("Two. ", False), ("Three. ", True)).text == "One.  Three. "


def test_neighbouring_kept_sentences_are_one_span() -> None:
    passage = pruned(("ab", True), ("cd", True), ("ef", False), ("gh", True))
    assert passage.kept_spans == (Span(0, 4), Span(6, 8))


def test_spans_count_code_points() -> None:
    passage = pruned(("😀😀", False), ("שלום", True))
    assert passage.kept_spans == (Span(2, 6),)
    assert passage.text == "שלום"


def test_tokens_are_counted_before_and_after() -> None:
    passage = pruned(("a", True), ("b", False), ("c", False), ("d", False), tokens=3)
    assert (passage.tokens_before, passage.tokens_after, passage.kept_share) == (12, 3, 0.25)


@pytest.mark.parametrize("passage", [pruned(), pruned((" \n", True), tokens=0)], ids=["empty", "blank"])
def test_a_passage_without_tokens_is_kept_whole(passage: PrunedPassage) -> None:
    assert passage.kept_share == 1.0
    assert passage.text == passage.passage.text


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("One. ", True), ("Two.\n\n", False), ("# Heading\n\n", True)], "One. \n\n# Heading\n\n"),
        ([("# Heading\n\n", True), ("Two.\n\n", False), ("Three.", True)], "# Heading\n\nThree."),
        ([("One. ", True), ("Two. ", False), ("Three.", True)], "One. Three."),
        ([("**One.**", True), ("Two. ", False), ("Three.", True)], "**One.** Three."),
        ([("One.\n\n", False), ("Two.", True)], "Two."),
        ([("One. ", True), ("Two.\n", False), ("Three.\n\n", False), ("- item", True)], "One. \n\n- item"),
    ],
    ids=["heading", "behind a heading", "prose", "no blank", "at the start", "over two"],
)
def test_what_stays_does_not_run_together(pieces: list[tuple[str, bool]], text: str) -> None:
    assert pruned(*pieces).text == text


def test_a_text_with_a_hundred_thousand_sentences_is_put_together_in_a_moment() -> None:
    sentences = [("One. ", True), ("Two.\n", False), (" " * 50, True), ("\n", False), ("Three. ", True)] * 20_000
    passage = pruned(*sentences)
    start = process_time()
    assert passage.text is passage.text
    assert process_time() - start < 5


def test_kept_ratio_is_a_deprecated_name() -> None:
    with pytest.warns(DeprecationWarning, match="kept_ratio is deprecated.*kept_share") as warned:
        assert pruned(("a", True), ("b", False)).kept_ratio == 0.5
    assert warned[0].filename == __file__


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
        ([("One.", False)], ""),
    ],
    ids=["prose", "headings", "no white space", "a break that is kept", "nothing but white space", "nothing kept"],
)
def test_a_mark_stands_where_sentences_are_left_out(pieces: list[tuple[str, bool]], text: str) -> None:
    passage = replace(pruned(*pieces), omission="[{count}]")
    assert passage.text == text
    assert passage.kept_spans == pruned(*pieces).kept_spans


@given(st.lists(st.tuples(st.text(st.sampled_from("ab. \n"), min_size=1, max_size=5), st.booleans())))
def test_spans_and_text_say_the_same_as_the_sentences(pieces: list[tuple[str, bool]]) -> None:
    passage = pruned(*pieces)
    kept = "".join(text for text, kept in pieces if kept)
    assert "".join(passage.text.split()) == "".join(kept.split())
    assert len(passage.text) >= len(kept)
    assert passage.text == "".join(span.of(passage.passage.text) for span in passage.kept_spans)
    assert all(left.end < right.start for left, right in zip(passage.kept_spans, passage.kept_spans[1:], strict=False))
