"""Long texts go to the sentence libraries in short pieces: the work is counted here, and timed in benchmarks/."""

import re
from collections.abc import Callable, Iterable

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.text import open_provence
from provence_plugins.text.pieces import PIECE_CHARACTERS, ends_by_pieces
from provence_plugins.text.sentences import split_sentences

# Each is repeated up to the length that is asked for. The first ones made the library quadratic.
SHAPES = [
    "“", "«", "`", "''", '"', "这是一个普通的中文句子，没有空格。", "これは「本。」です。", "か。", "字", "(", "[",
    "<a ", "a", ".", "A. ", "a@", "(J, K) = ", "no end ", "\n", "a\n", "One. Two! ", "«a. ", "1. x ", "ไทย", "J.R.",
    "\u2028", "\ud800", "Ann: I see. So.\n", "10:02 It. Is.\n", "<p>A. B.</p>", "(1) A. ", "Q: A. B?\nA: C.\n",
    "- A. B.\nC:\n", "A?\nB. C.\n", "<div>\n", "</div>\n", "Ann 10:02 AM\nHi. So.\n",
]  # fmt: skip


class Recorder:
    """A sentence library that remembers how many characters each of its calls was given."""

    def __init__(self, find: Callable[..., Iterable[str]]) -> None:
        self.find = find
        self.lengths: list[int] = []

    def __call__(self, *arguments: str) -> Iterable[str]:
        self.lengths.append(len(arguments[-1]))
        return self.find(*arguments)


def repeated(shape: str, characters: int) -> str:
    return (shape * (characters // len(shape) + 1))[:characters]


@pytest.mark.parametrize("shape", SHAPES, ids=ascii)
def test_no_call_is_long_and_the_work_grows_with_the_text(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(sentencex.segment)
    monkeypatch.setattr(sentencex, "segment", recorder)
    for characters in (5_000, 20_000):
        recorder.lengths.clear()
        split_sentences(repeated(shape, characters))
        assert max(recorder.lengths, default=0) <= PIECE_CHARACTERS
        assert sum(recorder.lengths) <= 2 * characters + PIECE_CHARACTERS


def test_japanese_goes_to_its_library_in_pieces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(open_provence._load_bunkai())
    monkeypatch.setattr(open_provence, "_load_bunkai", lambda: recorder)
    split_sentences("これは「本。」です。" * 2_000, "open-provence")
    assert max(recorder.lengths) <= PIECE_CHARACTERS


def cut_at_dots(text: str) -> list[str]:
    return re.findall(r"[^.]*\.+\s*|[^.]+", text)


@given(st.text(alphabet="ab. \n", max_size=400), st.integers(2, 60))
def test_the_last_end_is_the_length_of_the_text_and_ends_increase(text: str, longest: int) -> None:
    ends = list(ends_by_pieces(text, cut_at_dots, longest))
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([len(text)] if text else [])


@given(st.lists(st.text(alphabet="ab ", min_size=1, max_size=18), max_size=40), st.integers(40, 90))
def test_sentences_shorter_than_half_a_piece_are_found_as_in_one_call(words: list[str], longest: int) -> None:
    text = "".join(f"x{word}." for word in words)
    whole = cut_at_dots(text)
    assert list(ends_by_pieces(text, cut_at_dots, longest)) == list(ends_by_pieces(text, cut_at_dots, len(text) + 1))
    assert len(list(ends_by_pieces(text, cut_at_dots, longest))) == len(whole)


def test_a_sentence_longer_than_a_piece_is_not_cut_where_a_piece_ends() -> None:
    text = "One. " + "word " * 3_000 + "end. Two."
    assert [text[:end].count(".") for end in ends_by_pieces(text, cut_at_dots)] == [1, 2, 3]
