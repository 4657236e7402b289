import pytest

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


def test_kept_ratio_is_a_deprecated_name() -> None:
    with pytest.warns(DeprecationWarning, match="kept_ratio is deprecated.*kept_share") as warned:
        assert pruned(("a", True), ("b", False)).kept_ratio == 0.5
    assert warned[0].filename == __file__
