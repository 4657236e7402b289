"""Needles in a haystack: does a method find the answer wherever it lies?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from statistics import fmean

import numpy as np

from provence_plugins.data.examples import label_sentences
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.evaluation.probes.collage import Piece, put_together, take_apart, unrelated_prose

# Sentences around a needle: with it about as many as the passages of the data have, and ten places to put it.
_HAY = 9

_SIZES = (1, 2)


@dataclass(frozen=True, slots=True)
class Needle:
    """A passage in which one place holds the answer to its question.

    Attributes:
        passage: The passage.
        size: How many sentences the needle has.
        place: How many sentences stand before it.
    """

    passage: SplitPassage
    size: int
    place: int


@dataclass(frozen=True, slots=True)
class NeedleRow:
    """What becomes of the needles of one size at one place.

    Attributes:
        size: Sentences of the needle.
        place: Sentences before it.
        needles: How many there were.
        kept: Share of which a sentence stays.
        whole: Share of which all sentences stay.
        sentences: Mean number of sentences that stay, those of the needle among them.
    """

    size: int
    place: int
    needles: int
    kept: float
    whole: float
    sentences: float


def plant_needles(passages: Sequence[SplitPassage], most: int, *, seed: int = 0) -> list[Needle]:
    """Put the evidence of some questions at every place among sentences that have nothing to do with it.

    A needle is the evidence of a passage when that is one sentence, or two neighbours. The hay is the same at every
    place; see `collage.unrelated_prose` for where it comes from.

    Args:
        passages: Labelled examples with their sentences; needles and hay come from them.
        most: How many needles of each size.
        seed: Which needles, and which hay.
    """
    random = Random(seed)
    shuffled = random.sample(passages, len(passages))
    needles: list[Needle] = []
    for size in _SIZES:
        fitting = ((passage, found) for passage in shuffled if len(found := _needle(passage)) == size)
        for passage, found in islice(fitting, most):
            hay = list(islice(unrelated_prose(random.sample(passages, len(passages)), passage.example), _HAY))
            random.shuffle(hay)
            needles += _at_every_place(passage, found, hay)
    return needles


def find_needles(needles: Sequence[tuple[Needle, PassageScores]], threshold: float) -> list[NeedleRow]:
    """What stays of the needles, for each size and place, when sentences that score at least the threshold stay."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for needle, scores in needles:
        kept = scores.probabilities >= threshold
        own = kept[needle.place : needle.place + needle.size]
        groups[needle.size, needle.place].append((int(own.sum()), int(kept.sum())))
    return [
        NeedleRow(
            size=size,
            place=place,
            needles=len(counts),
            kept=fmean(own > 0 for own, _ in counts),
            whole=fmean(own == size for own, _ in counts),
            sentences=fmean(total for _, total in counts),
        )
        for (size, place), counts in sorted(groups.items())
    ]


def _needle(passage: SplitPassage) -> list[Piece]:
    """The evidence, when it is one stretch of sentences; nothing otherwise."""
    places = np.flatnonzero(label_sentences(passage.example, passage.sentences))
    if not len(places) or places[-1] - places[0] != len(places) - 1:
        return []
    return [piece for piece in take_apart(passage) if piece.relevant]


def _at_every_place(passage: SplitPassage, needle: Sequence[Piece], hay: Sequence[Piece]) -> Iterator[Needle]:
    for place in range(len(hay) + 1):
        pieces = [*hay[:place], *needle, *hay[place:]]
        yield Needle(put_together(passage.example, pieces), len(needle), place)
