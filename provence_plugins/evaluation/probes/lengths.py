"""The same answer in shorter and longer passages: does a method need a certain length?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from random import Random
from statistics import fmean

import numpy as np

from provence_plugins.data.examples import label_sentences
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.evaluation.probes.collage import Piece, put_together, take_apart, unrelated_prose

_SENTENCES = (2, 6, 10)
_WORDS = 100

# With so many sentences even short ones have a hundred words.
_LONGEST = 50

AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class Resized:
    """A passage with the answer at one length.

    Attributes:
        passage: The passage.
        length: What it was brought to, in words: "2 sentences", "about 100 words" or `AS_IT_IS`.
    """

    passage: SplitPassage
    length: str


@dataclass(frozen=True, slots=True)
class LengthRow:
    """How a method does at one length.

    Attributes:
        length: The length, as in `Resized`.
        passages: How many there were.
        sentences: Mean number of sentences of the passages.
        kept: Share of the passages of which a sentence with the answer stays.
        removed: Share of the characters that go.
    """

    length: str
    passages: int
    sentences: float
    kept: float
    removed: float


def resize_passages(passages: Sequence[SplitPassage], most: int, *, seed: int = 0) -> list[Resized]:
    """Show passages with an answer at several lengths: cut around the answer, or with more text around it.

    A shorter one is always part of a longer one. What is missing comes from the negatives of the question first and
    from unrelated passages then. A passage whose evidence takes more than two sentences cannot be cut to two; it is
    left out, and so is one for which there is not enough text.

    Args:
        passages: Labelled examples with their sentences, negatives among them.
        most: How many passages.
        seed: Which passages, and what is added before and behind them.
    """
    random = Random(seed)
    negatives: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for passage in passages:
        if not passage.example.positive:
            negatives[passage.example.source, passage.example.question_id] += take_apart(passage)
    found: list[list[Resized]] = []
    for passage in random.sample(passages, len(passages)):
        if len(found) == most:
            break
        more = negatives[passage.example.source, passage.example.id]
        others = unrelated_prose(random.sample(passages, len(passages)), passage.example)
        if shown := _at_every_length(passage, chain(more, others), random):
            found.append(shown)
    return [resized for shown in found for resized in shown]


def judge_lengths(resized: Sequence[tuple[Resized, PassageScores]], threshold: float) -> list[LengthRow]:
    """What stays of the passages, for each length, when sentences that score at least the threshold stay."""
    groups: dict[str, list[tuple[SplitPassage, PassageScores]]] = {}
    for shown, scores in resized:
        groups.setdefault(shown.length, []).append((shown.passage, scores))
    return [_row(length, group, threshold) for length, group in groups.items()]


def _row(length: str, group: Sequence[tuple[SplitPassage, PassageScores]], threshold: float) -> LengthRow:
    survived, left, total = [], 0, 0
    for passage, scores in group:
        stays = scores.probabilities >= threshold
        survived.append(bool(np.any(stays & label_sentences(passage.example, passage.sentences))))
        lengths = np.array(passage.lengths)
        left += int(lengths[stays].sum())
        total += int(lengths.sum())
    sentences = fmean(len(passage.sentences) for passage, _ in group)
    return LengthRow(length, len(group), sentences, fmean(survived), 1.0 - left / total)


def _at_every_length(passage: SplitPassage, more: Iterator[Piece], random: Random) -> list[Resized]:
    """The passage at all lengths, or nothing when it cannot be brought to one of them."""
    pieces = take_apart(passage)
    places = [place for place, piece in enumerate(pieces) if piece.relevant]
    if not places or places[-1] - places[0] + 1 > min(_SENTENCES):
        return []
    grown = list(islice(_grow(pieces, places, more, random), _LONGEST))
    wanted = {f"{count} sentences": [cut for cut in grown if len(cut) == count] for count in _SENTENCES}
    wanted[f"about {_WORDS} words"] = [cut for cut in grown if _words(cut) >= _WORDS]
    if not all(wanted.values()):
        return []
    cuts = {length: fitting[0] for length, fitting in wanted.items()} | {AS_IT_IS: pieces}
    title = passage.example.passage.title
    return [Resized(put_together(passage.example, cut, title=title), length) for length, cut in cuts.items()]


def _grow(
    pieces: Sequence[Piece], evidence: Sequence[int], more: Iterator[Piece], random: Random
) -> Iterator[list[Piece]]:
    """The evidence alone, then always one sentence more: of the passage while it has any, then of other text."""
    before, behind = list(pieces[: evidence[0]]), list(pieces[evidence[-1] + 1 :])
    window = list(pieces[evidence[0] : evidence[-1] + 1])
    while True:
        yield window
        first = random.random() < 0.5
        if before and (first or not behind):
            window = [before.pop(), *window]
        elif behind:
            window = [*window, behind.pop(0)]
        elif (piece := next(more, None)) is not None:
            window = [piece, *window] if first else [*window, piece]
        else:
            return


def _words(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.text.split()) for piece in pieces)
