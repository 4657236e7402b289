from collections.abc import Callable

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import Method, SplitPassage, split
from provence_plugins.evaluation.probes.needles import Needle, NeedleRow, judge_needles, plant_needles
from provence_plugins.evaluation.probes.synthetic_passages import take_apart


@pytest.fixture
def passages(make_example: Callable[..., Example]) -> list[SplitPassage]:
    hay = [
        make_example(*(f"Hay {number} of {name}." for number in range(6)), id=name, source="t")
        for name in ("some", "more", "all")
    ]
    return list(
        split(
            [
                make_example("Before it.", "*A needle.", "After it.", id="one"),
                make_example("*A first half.", "*A second half.", "Nothing.", id="two"),
                make_example("*Apart.", "Between.", "*Far apart.", id="apart"),
                make_example("*One.", "*Two.", "*Three.", id="three"),
                make_example("Before it.", "Nothing at all.", id="one#n0"),
                *hay,
            ],
            "sentencex",
        )
    )


def test_each_needle_is_put_at_every_place_of_the_same_hay(passages: list[SplitPassage]) -> None:
    needles = plant_needles(passages, 5)
    assert [(needle.size, needle.place) for needle in needles] == [(size, n) for size in (1, 2) for n in range(10)]
    for needle in needles:
        pieces = take_apart(needle.passage)
        assert [n for n, piece in enumerate(pieces) if piece.relevant] == [needle.place + n for n in range(needle.size)]
        hay = [piece.text for piece in pieces if not piece.relevant]
        assert len(hay) == 9
        assert all(text.startswith("Hay") for text in hay)
    assert needles[3].passage.texts[3] == "A needle. "
    for size in (1, 2):
        own = [needle for needle in needles if needle.size == size]
        assert len({tuple(p.text for p in take_apart(n.passage) if not p.relevant) for n in own}) == 1


def test_needles_are_as_many_as_asked_for_and_the_same_each_time(passages: list[SplitPassage]) -> None:
    assert plant_needles(passages, 1) == plant_needles(passages, 1)
    assert plant_needles(passages, 0) == []


def test_the_seed_chooses_the_hay(passages: list[SplitPassage]) -> None:
    assert plant_needles(passages, 1) != plant_needles(passages, 1, seed=1)


def test_the_figures_of_a_worked_case(make_example: Callable[..., Example]) -> None:
    def needle(size: int, place: int) -> Needle:
        [passage] = split([make_example("One.", "Two.", "Three.")], "sentencex")
        return Needle(passage, size, place)

    needles = [needle(1, 0), needle(1, 0), needle(2, 1), needle(2, 1)]
    values = ([0.9, 0.1, 0.5], [0.1, 0.1, 0.1], [0.9, 0.5, 0.1], [0.1, 0.6, 0.7])
    scores = [PassageScores(0.0, np.array(row, np.float32)) for row in values]
    assert judge_needles(needles, scores, 0.5) == [
        NeedleRow(size=1, place=0, needles=2, kept=0.5, whole=0.5, sentences=1.0),
        NeedleRow(size=2, place=1, needles=2, kept=1.0, whole=0.5, sentences=2.0),
    ]


def test_a_method_that_looks_at_sentences_alone_finds_a_needle_at_every_place_alike(
    passages: list[SplitPassage], written: Method
) -> None:
    needles = plant_needles(passages, 5)
    scores = written([needle.passage for needle in needles])
    assert {row.kept for row in judge_needles(needles, scores, 0.0)} == {1.0}
    assert {row.kept for row in judge_needles(needles, scores, 0.1)} == {0.0}
