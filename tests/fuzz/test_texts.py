"""Texts of strangers: every splitter cuts them into sentences that tile them."""

import pytest
from hostile_inputs import FRAGMENTS, texts
from hypothesis import example, given
from hypothesis import strategies as st

from provence_plugins.errors import ProvenceError
from provence_plugins.text.sentences import SPLITTERS, SplitterName, split_sentences
from provence_plugins.text.visible import show_controls, show_name, show_on_one_line
from provence_plugins.types import Passage, Sentence

# Long enough for several pieces, short enough for seconds.
LONG = 2_500


def check_sentences(text: str, sentences: list[Sentence]) -> None:
    """Check that sentences tile a text and name only each other."""
    assert "".join(sentence.of(text) for sentence in sentences) == text, ascii(text[:40])
    Passage(text, sentences=sentences)  # checks that they follow each other, and their headings
    for number, sentence in enumerate(sentences):
        assert sentence.start < sentence.end
        assert all(0 <= tie.to < len(sentences) and tie.to != number for tie in sentence.ties)


@pytest.fixture(params=SPLITTERS, scope="module")
def splitter(request: pytest.FixtureRequest) -> SplitterName:
    name: SplitterName = request.param
    if name == "nltk":
        pytest.importorskip("nltk")
    if name == "open-provence":
        pytest.importorskip("fast_bunkai")
    return name


@example(text="a,b,c\n1,2,3\n\ufeff\ufeff")
@given(text=texts())
def test_every_text_is_tiled(text: str, splitter: SplitterName) -> None:
    check_sentences(text, split_sentences(text, splitter))


@pytest.mark.parametrize("opening", ["", "x ", '["'])
def test_huge_runs_of_a_fragment_are_tiled(opening: str) -> None:
    for fragment in FRAGMENTS:
        text = opening + (fragment * LONG)[:LONG]
        check_sentences(text, split_sentences(text))


@given(texts(), st.lists(st.tuples(st.integers(-2, 50), st.integers(-2, 50)), max_size=5))
def test_a_splitter_of_the_caller_tiles_or_is_refused(text: str, spans: list[tuple[int, int]]) -> None:
    try:
        sentences = split_sentences(text, lambda _: spans)
    except ProvenceError:
        starts = [0, *(number for span in spans for number in span), len(text)]
        assert starts != sorted(starts)
    else:
        check_sentences(text, sentences)


@given(texts())
def test_shown_texts_hold_no_control_characters(text: str) -> None:
    one_line = show_on_one_line(text)
    assert len(one_line.splitlines()) <= 1
    for shown in (one_line, show_controls(text), show_name(text)):
        assert not {"\x00", "\x07", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066"}.intersection(shown)
