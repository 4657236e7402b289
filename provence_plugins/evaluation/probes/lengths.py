"""Probe the same answers in shorter and longer passages."""

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
from provence_plugins.evaluation.probes.synthetic_passages import (
    LabelledSentence,
    put_together,
    take_apart,
    unrelated_prose,
)

_SENTENCES = (2, 6, 10)
_WORDS = 100

# With this many sentences even short ones have a hundred words.
_LONGEST = 50

AS_IT_IS = "as it is"


@dataclass(frozen=True, slots=True)
class ResizedPassage:
    """A passage that holds an answer, brought to one length.

    Attributes:
        passage: The passage.
        length: The length in words: "2 sentences", "about 100 words" or `AS_IT_IS`.
    """

    passage: SplitPassage
    length: str


@dataclass(frozen=True, slots=True)
class LengthRow:
    """The results of a method at one length.

    Attributes:
        length: The length, as in `ResizedPassage`.
        passages: Number of passages.
        sentences: Mean number of sentences of the passages.
        kept: Share of the passages for which a sentence with the answer is kept.
        removed: Share of the characters that are removed.
    """

    length: str
    passages: int
    sentences: float
    kept: float
    removed: float


def resize_passages(
    passages: Sequence[SplitPassage],
    count: int,
    *,
    seed: int = 0,
) -> list[ResizedPassage]:
    """Bring passages to several lengths: cut them around the answer, or add other text.

    A shorter one is always part of a longer one. Added text comes first from the negatives of the
    question, then from unrelated passages. A passage is left out if its evidence spans more than
    two sentences, so that it cannot be cut to two, or if there is not enough text to add.

    Args:
        passages: Labelled examples with their sentences, negatives among them.
        count: Maximum number of passages.
        seed: Chooses the passages, and what is added before and after the answers.
    """
    random = Random(seed)
    negatives: dict[tuple[str, str], list[LabelledSentence]] = defaultdict(list)
    for passage in passages:
        if not passage.example.positive:
            negatives[passage.example.source, passage.example.question_id] += take_apart(passage)
    resized: list[ResizedPassage] = []
    chosen = 0
    for passage in random.sample(passages, len(passages)):
        if chosen == count:
            break
        more = negatives[passage.example.source, passage.example.id]
        others = unrelated_prose(random.sample(passages, len(passages)), passage.example)
        versions = _at_every_length(passage, chain(more, others), random)
        resized += versions
        chosen += bool(versions)
    return resized


def judge_lengths(
    resized: Sequence[ResizedPassage], scores: Sequence[PassageScores], threshold: float
) -> list[LengthRow]:
    """Return what is kept and removed at each length by a threshold."""
    groups: dict[str, list[tuple[SplitPassage, PassageScores]]] = {}
    for version, passage_scores in zip(resized, scores, strict=True):
        groups.setdefault(version.length, []).append((version.passage, passage_scores))
    return [_row(length, group, threshold) for length, group in groups.items()]


def _row(
    length: str,
    group: Sequence[tuple[SplitPassage, PassageScores]],
    threshold: float,
) -> LengthRow:
    answers_kept: list[bool] = []
    characters_kept, characters = 0, 0
    for passage, scores in group:
        is_kept = scores.reach(threshold)
        labels = label_sentences(passage.example, passage.sentences)
        answers_kept.append(bool(np.any(is_kept & labels)))
        lengths = np.array(passage.lengths)
        characters_kept += int(lengths[is_kept].sum())
        characters += int(lengths.sum())
    sentences = fmean(len(passage.sentences) for passage, _ in group)
    removed = 1.0 - characters_kept / characters
    return LengthRow(length, len(group), sentences, fmean(answers_kept), removed)


def _at_every_length(
    passage: SplitPassage,
    more: Iterator[LabelledSentence],
    random: Random,
) -> list[ResizedPassage]:
    """Return the passage at all lengths, or nothing when it cannot be brought to one of them."""
    sentences = take_apart(passage)
    places = [place for place, sentence in enumerate(sentences) if sentence.relevant]
    if not places or places[-1] - places[0] + 1 > min(_SENTENCES):
        return []
    grown = list(islice(_grow(sentences, places, more, random), _LONGEST))
    cuts: dict[str, Sequence[LabelledSentence] | None] = {}
    for count in _SENTENCES:
        cuts[f"{count} sentences"] = next((cut for cut in grown if len(cut) == count), None)
    cuts[f"about {_WORDS} words"] = next((cut for cut in grown if _count_words(cut) >= _WORDS), None)
    cuts[AS_IT_IS] = sentences
    resized: list[ResizedPassage] = []
    for length, cut in cuts.items():
        if cut is None:
            return []
        whole = put_together(passage.example, cut, title=passage.example.passage.title)
        resized.append(ResizedPassage(whole, length))
    return resized


def _grow(
    sentences: Sequence[LabelledSentence],
    evidence: Sequence[int],
    more: Iterator[LabelledSentence],
    random: Random,
) -> Iterator[list[LabelledSentence]]:
    """Yield the evidence, then a sentence more each time: of the passage, then of `more`."""
    before, behind = list(sentences[: evidence[0]]), list(sentences[evidence[-1] + 1 :])
    window = list(sentences[evidence[0] : evidence[-1] + 1])
    while True:
        yield window
        first = random.random() < 0.5
        if before and (first or not behind):
            window = [before.pop(), *window]
        elif behind:
            window = [*window, behind.pop(0)]
        elif (sentence := next(more, None)) is not None:
            window = [sentence, *window] if first else [*window, sentence]
        else:
            return


def _count_words(sentences: Sequence[LabelledSentence]) -> int:
    return sum(len(sentence.text.split()) for sentence in sentences)
