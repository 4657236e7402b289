import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.data.examples import Example
from provence_plugins.data.silver import SilverSpan
from provence_plugins.data.structuring import restructure
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage, Span

TEXT = "The flag is red. It flies at night.\nNobody knows who made it! Was it Anna?"


def example(text: str = TEXT, *spans: Span) -> Example:
    return Example("q", "s", "Who made the flag?", Passage(text, "Flags"), spans, bool(spans))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@given(st.randoms(use_true_random=False))
def test_an_annotated_range_holds_the_same_words_in_every_form(random: Random) -> None:
    start = TEXT.index("who made it")
    given = example(TEXT, Span(start, start + 11))
    new = restructure(given, split_sentences(TEXT), random)
    assert " ".join(words("".join(span.of(new.passage.text) + " " for span in new.evidence))) == "who made it"
    assert new.passage.title == "Flags"


@given(st.randoms(use_true_random=False))
def test_silver_labels_hold_the_same_words_in_every_form(random: Random) -> None:
    sentences = split_sentences(TEXT)
    silver = tuple(SilverSpan(sentence, number / 10) for number, sentence in enumerate(sentences))
    given = Example("q", "s", "Who made the flag?", Passage(TEXT), (), False, silver=silver, is_annotated=False)
    new = restructure(given, sentences, random)
    for number, sentence in enumerate(sentences):
        moved = [span.span.of(new.passage.text) for span in new.silver if span.probability == number / 10]
        # A colon takes the place of the verb in `key: value` lines.
        expected = [word for word in words(sentence.of(TEXT)) if word not in ("is", "was")]
        assert [word for word in words(" ".join(moved)) if word not in ("is", "was")] == expected


@given(st.randoms(use_true_random=False))
def test_every_form_holds_the_words_in_their_order(random: Random) -> None:
    new = iter(words(restructure(example(), split_sentences(TEXT), random).passage.text))
    # A colon takes the place of the verb in `key: value` lines.
    assert all(word in new for word in words(TEXT) if word not in ("is", "was"))


def test_forms_differ_from_draw_to_draw() -> None:
    random = Random(1)
    drawn = {restructure(example(), split_sentences(TEXT), random).passage.text for _ in range(40)}
    assert len(drawn) > 10
    assert any(text.startswith(("- ", "* ", "• ", "  - ")) for text in drawn)
    assert any(text == text.lower() for text in drawn)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_text_without_words_stays(text: str) -> None:
    assert restructure(example(text), split_sentences(text), Random(1)).passage.text == text
