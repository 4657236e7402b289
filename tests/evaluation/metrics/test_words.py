import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.data.examples import Example
from provence_plugins.evaluation.metrics.scored_examples import WordOverlap
from provence_plugins.evaluation.metrics.statistics import compute
from provence_plugins.evaluation.metrics.words import (
    count_words,
    find_words,
    word_f1,
    word_precision,
    word_recall,
    words_kept,
)
from provence_plugins.types import Passage, Span


def overlap(words: int, annotated: int, kept: int, both: int) -> WordOverlap:
    return WordOverlap("s", "Who?", words, annotated, kept, both)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't panic, it's  6.5\nor so.", ["Don't", "panic,", "it's", "6.5", "or", "so."]),
        ("東京は日本 2020年", ["東", "京", "は", "日", "本", "2020", "年"]),
        (" \n", []),
        ("", []),
    ],
)
def test_words_are_separated_by_whitespace_and_ideographs_stand_alone(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in find_words(text).tolist()] == words


@given(text=st.text("ab 東京\n.", max_size=20))
def test_every_character_but_whitespace_belongs_to_one_word(text: str) -> None:
    found = "".join(text[start:end] for start, end in find_words(text).tolist())
    assert found == "".join(text.split())


def test_a_word_counts_when_a_span_touches_it() -> None:
    passage = Passage("One two three four.")
    example = Example("q", "s", "Who?", passage, (Span(5, 6), Span(8, 13)), True)
    assert count_words(example, [Span(0, 5)]) == overlap(4, annotated=2, kept=2, both=1)
    assert count_words(example, [Span(3, 4), Span(6, 6)]) == overlap(4, annotated=2, kept=0, both=0)
    assert count_words(example, [Span(0, 19)], foreign=3) == overlap(4, annotated=2, kept=7, both=2)


def test_precision_recall_and_f1_of_a_worked_case() -> None:
    passages = [overlap(10, 4, 3, 2), overlap(10, 0, 3, 0)]
    assert compute(word_precision, passages) == pytest.approx(2 / 6)
    assert compute(word_recall, passages) == pytest.approx(2 / 4)
    assert compute(word_f1, passages) == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert compute(words_kept, passages) == pytest.approx(6 / 20)


def test_nothing_kept_and_nothing_annotated_is_zero() -> None:
    for statistic in (word_precision, word_recall, word_f1):
        assert compute(statistic, [overlap(10, 0, 0, 0)]) == 0.0
