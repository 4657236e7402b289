from collections.abc import Callable

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.evaluation.probes.lengths import (
    AS_IT_IS,
    LengthRow,
    ResizedPassage,
    judge_lengths,
    resize_passages,
)
from provence_plugins.evaluation.probes.synthetic_passages import take_apart

LENGTHS = ["2 sentences", "6 sentences", "10 sentences", "about 100 words", AS_IT_IS]


def sentences(name: str, count: int) -> list[str]:
    return [f"Sentence {number} of {name} has eight words." for number in range(count)]


@pytest.fixture
def passages(make_example: Callable[..., Example]) -> list[SplitPassage]:
    short = make_example("A beginning.", "*The answer.", "An end.", id="short")
    negative = make_example(*sentences("the negative", 4), id="short#n0")
    other = make_example(*sentences("another source", 20), id="x#n0", source="t")
    return list(split([short, negative, other], "sentencex"))


def test_one_passage_at_every_length(passages: list[SplitPassage]) -> None:
    resized = resize_passages(passages, 5)
    assert [shown.length for shown in resized] == LENGTHS
    two, six, ten, words, whole = (take_apart(shown.passage) for shown in resized)
    assert (len(two), len(six), len(ten)) == (2, 6, 10)
    # The sentence that fills it up has eight words.
    assert 100 <= sum(len(piece.text.split()) for piece in words) < 108
    assert [piece.text for piece in whole] == ["A beginning.", "The answer.", "An end."]
    for pieces in (two, six, ten, words, whole):
        assert [piece.text for piece in pieces if piece.relevant] == ["The answer."]


def test_the_passage_itself_comes_first_then_its_negatives_then_other_text(passages: list[SplitPassage]) -> None:
    for seed in range(5):
        two, six, ten, *_ = (
            {piece.text for piece in take_apart(shown.passage)} for shown in resize_passages(passages, 1, seed=seed)
        )
        assert two < six < ten
        assert two < {"A beginning.", "The answer.", "An end."}
        assert {"A beginning.", "The answer.", "An end."} < six
        assert all("negative" in text for text in six - {"A beginning.", "The answer.", "An end."})
        assert sum("another source" in text for text in ten) == 3


def test_the_answer_does_not_always_stand_at_the_same_place(passages: list[SplitPassage]) -> None:
    places = {
        next(n for n, piece in enumerate(take_apart(shown.passage)) if piece.relevant)
        for seed in range(20)
        for shown in resize_passages(passages, 1, seed=seed)
        if shown.length == "10 sentences"
    }
    assert len(places) > 4


def test_long_evidence_and_too_little_text_leave_a_passage_out(make_example: Callable[..., Example]) -> None:
    spread = make_example("*One.", "Two.", "*Three.", *sentences("it", 20), id="spread")
    lonely = make_example("*One.", "Two.", id="lonely")
    none = make_example(*sentences("it", 20), id="none")
    assert resize_passages(list(split([spread], "sentencex")), 5) == []
    assert resize_passages(list(split([lonely], "sentencex")), 5) == []
    assert resize_passages(list(split([none], "sentencex")), 5) == []


def test_as_many_passages_as_asked_for(make_example: Callable[..., Example]) -> None:
    given = [make_example("*The answer.", *sentences(name, 20), id=name) for name in "abc"]
    assert len(resize_passages(list(split(given, "sentencex")), 2)) == 2 * len(LENGTHS)


def test_the_figures_of_a_worked_case(make_example: Callable[..., Example]) -> None:
    [pair, triple] = split([make_example("*Four.", "Nine."), make_example("Two.", "*Six.", "Ten.")], "sentencex")
    resized = [ResizedPassage(pair, "a"), ResizedPassage(triple, "a"), ResizedPassage(pair, "b")]
    scores = [PassageScores(0.0, np.array(values, np.float32)) for values in ([0.9, 0.1], [0.9, 0.1, 0.9], [0.5, 0.9])]
    # Of "Four. Nine. " six characters go, of "Two. Six. Ten. " five.
    assert judge_lengths(resized, scores, 0.5) == [
        LengthRow("a", 2, 2.5, 0.5, pytest.approx(11 / 27)),
        LengthRow("b", 1, 2.0, 1.0, 0.0),
    ]
