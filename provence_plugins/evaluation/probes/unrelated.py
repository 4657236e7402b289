"""Probe passages that have nothing to do with the question, all of which should be removed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import SplitPassage


@dataclass(frozen=True, slots=True)
class UnrelatedRow:
    """The result of a method for one unrelated passage.

    Attributes:
        kept: Sentences kept.
        removed: Characters removed.
        characters: Characters in all.
    """

    kept: int
    removed: int
    characters: int


def pair_unrelated(examples: Sequence[Example]) -> list[Example]:
    """Return the questions, each with a passage that answers a question of another source."""
    answered = [example for example in examples if example.positive]
    half = len(answered) // 2
    unrelated = []
    for question, other in zip(answered, answered[half:] + answered[:half], strict=True):
        if question.source != other.source:
            unrelated.append(replace(question, passage=other.passage, evidence=(), positive=False, grade=None))
    return unrelated


def judge_unrelated(
    passages: Sequence[SplitPassage], scores: Sequence[PassageScores], threshold: float
) -> list[UnrelatedRow]:
    """Count what is kept and removed of unrelated passages at a threshold."""
    rows = []
    for passage, passage_scores in zip(passages, scores, strict=True):
        is_kept = passage_scores.reach(threshold)
        removed = sum(compress(passage.lengths, ~is_kept))
        rows.append(UnrelatedRow(int(is_kept.sum()), removed, sum(passage.lengths)))
    return rows
