"""All that is measured of one method: the same material for every method, each passage scored once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.judging import Judged, judge, unrelated
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import SplitPassage, score_all, split
from provence_plugins.evaluation.metrics.answers import threshold_at_removal
from provence_plugins.evaluation.probes.lengths import LengthRow, Resized, judge_lengths, resize_passages
from provence_plugins.evaluation.probes.needles import Needle, NeedleRow, find_needles, plant_needles
from provence_plugins.text.sentences import SplitterName

T = TypeVar("T")

# At which share of removed characters methods are compared that have no threshold of their own.
COMPARED_AT = 0.7


class Watch(Protocol):
    """Shows how far a method has come."""

    def __call__(self, items: Sequence[T], what: str, /) -> Iterable[T]:
        """The items themselves, counted as they are taken."""
        ...


@dataclass(frozen=True, slots=True)
class Material:
    """What methods are judged on.

    Attributes:
        examples: Questions with passages, positives and negatives.
        unrelated: The questions with passages that answer others.
        needles: Answers among sentences that have nothing to do with them.
        resized: Answers in passages of several lengths.
        splitter: How passages are split into sentences.
    """

    examples: Sequence[Example]
    unrelated: Sequence[Example]
    needles: Sequence[Needle]
    resized: Sequence[Resized]
    splitter: SplitterName


@dataclass(frozen=True, slots=True)
class UnrelatedPassage:
    """What a method leaves of a passage that has nothing to do with the question.

    Attributes:
        kept: Sentences that stay.
        removed: Characters that go.
        characters: Characters in all.
    """

    kept: int
    removed: int
    characters: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One method on all of the material.

    Attributes:
        name: What it is called in tables.
        threshold: The method's own default, or that which removes `COMPARED_AT` of all characters.
        has_default: Which of the two.
        probabilities: Whether its scores claim to be probabilities.
        judged: Its scores of the examples.
        unrelated: At the threshold.
        needles: At the threshold.
        lengths: At the threshold.
    """

    name: str
    threshold: float
    has_default: bool
    probabilities: bool
    judged: Judged
    unrelated: Sequence[UnrelatedPassage]
    needles: Sequence[NeedleRow]
    lengths: Sequence[LengthRow]


def gather(examples: Sequence[Example], splitter: SplitterName, *, most: int, seed: int = 0) -> Material:
    """Prepare what methods are judged on.

    Args:
        examples: Labelled examples.
        splitter: How passages are split into sentences.
        most: Needles of each size, and passages that are shown at several lengths; 0 leaves both tests out.
        seed: Of what is drawn.
    """
    passages = list(split(examples, splitter)) if most else []
    needles = plant_needles(passages, most, seed=seed)
    return Material(examples, unrelated(examples), needles, resize_passages(passages, most, seed=seed), splitter)


def measure(name: str, method: LoadedMethod, material: Material, watch: Watch) -> Measured:
    """Judge one method on all of the material.

    Raises:
        InvalidInputError: There is nothing to measure.
    """
    judged = judge(watch(material.examples, name), method.score, splitter=material.splitter)
    if not judged.scored:
        raise InvalidInputError(
            "There is nothing to measure: no passage of several sentences has marked evidence. Give data with "
            "answer_spans or relevant_sentences."
        )
    has_default = method.threshold is not None
    threshold = method.threshold if method.threshold is not None else threshold_at_removal(judged.scored, COMPARED_AT)
    strangers = score_all(method.score, split(watch(material.unrelated, f"{name}, unrelated"), material.splitter))

    def scores(passages: Sequence[SplitPassage], what: str) -> list[PassageScores]:
        return [scores for _, scores in score_all(method.score, watch(passages, f"{name}, {what}"))]

    needles = scores([needle.passage for needle in material.needles], "needles")
    resized = scores([shown.passage for shown in material.resized], "lengths")
    return Measured(
        name=name,
        threshold=threshold,
        has_default=has_default,
        probabilities=method.probabilities,
        judged=judged,
        unrelated=[_left(passage, scores, threshold) for passage, scores in strangers],
        needles=find_needles(list(zip(material.needles, needles, strict=True)), threshold),
        lengths=judge_lengths(list(zip(material.resized, resized, strict=True)), threshold),
    )


def _left(passage: SplitPassage, scores: PassageScores, threshold: float) -> UnrelatedPassage:
    stays = scores.probabilities >= threshold
    removed = sum(length for length, kept in zip(passage.lengths, stays, strict=True) if not kept)
    return UnrelatedPassage(int(stays.sum()), removed, sum(passage.lengths))
