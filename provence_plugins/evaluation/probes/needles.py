"""Probe answers at every place of a passage (needles in a haystack)."""

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
from provence_plugins.evaluation.probes.synthetic_passages import (
    LabelledSentence,
    put_together,
    take_apart,
    unrelated_prose,
)

# Sentences around a needle: with it about as many as the passages of the data have, and ten places
# to put it.
_HAY = 9

_SIZES = (1, 2)


@dataclass(frozen=True, slots=True)
class Needle:
    """A passage that holds the answer to its question at one place.

    Attributes:
        passage: The passage.
        size: Number of sentences of the needle.
        place: Number of sentences before it.
    """

    passage: SplitPassage
    size: int
    place: int


@dataclass(frozen=True, slots=True)
class NeedleRow:
    """The results of a method for the needles of one size at one place.

    Attributes:
        size: Sentences of the needle.
        place: Sentences before it.
        needles: Number of needles.
        kept: Share for which a sentence is kept.
        whole: Share for which all sentences are kept.
        sentences: Mean number of sentences that are kept, those of the needle among them.
    """

    size: int
    place: int
    needles: int
    kept: float
    whole: float
    sentences: float


def plant_needles(passages: Sequence[SplitPassage], count: int, *, seed: int = 0) -> list[Needle]:
    """Put the evidence of some questions at every place among unrelated sentences.

    A needle is the evidence of a passage when that is one sentence, or two neighbours. The hay is
    the same at every place; see `unrelated_prose` for where it comes from.

    Args:
        passages: Labelled examples with their sentences; needles and hay come from them.
        count: Maximum number of needles of each size.
        seed: Chooses needles and hay.
    """
    random = Random(seed)
    shuffled = random.sample(passages, len(passages))
    needles: list[Needle] = []
    for size in _SIZES:
        fitting = (passage for passage in shuffled if len(_needle(passage)) == size)
        for passage in islice(fitting, count):
            others = unrelated_prose(random.sample(passages, len(passages)), passage.example)
            hay = list(islice(others, _HAY))
            random.shuffle(hay)
            needles += _at_every_place(passage, _needle(passage), hay)
    return needles


def judge_needles(
    needles: Sequence[Needle],
    scores: Sequence[PassageScores],
    threshold: float,
) -> list[NeedleRow]:
    """Return what is kept of the needles, for each size and place, by a threshold."""
    groups: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for needle, passage_scores in zip(needles, scores, strict=True):
        is_kept = passage_scores.reach(threshold)
        of_needle = is_kept[needle.place : needle.place + needle.size]
        groups[needle.size, needle.place].append((int(of_needle.sum()), int(is_kept.sum())))
    rows: list[NeedleRow] = []
    for (size, place), counts in sorted(groups.items()):
        kept = fmean(of_needle > 0 for of_needle, _ in counts)
        whole = fmean(of_needle == size for of_needle, _ in counts)
        sentences = fmean(total for _, total in counts)
        rows.append(NeedleRow(size, place, len(counts), kept, whole, sentences))
    return rows


def _needle(passage: SplitPassage) -> list[LabelledSentence]:
    """Return the evidence when it is one run of sentences; nothing otherwise."""
    places = np.flatnonzero(label_sentences(passage.example, passage.sentences))
    if not len(places) or places[-1] - places[0] != len(places) - 1:
        return []
    return [sentence for sentence in take_apart(passage) if sentence.relevant]


def _at_every_place(
    passage: SplitPassage, needle: Sequence[LabelledSentence], hay: Sequence[LabelledSentence]
) -> Iterator[Needle]:
    for place in range(len(hay) + 1):
        sentences = [*hay[:place], *needle, *hay[place:]]
        yield Needle(put_together(passage.example, sentences), len(needle), place)
