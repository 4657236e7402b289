"""A threshold from labelled examples, with a guarantee.

Conformal risk control (arXiv 2208.02814): when the examples are drawn as later questions will be, the answer of a later
question is lost with a probability of at most one minus the target. The guarantee holds for any model and any number of
examples that suffices at all, on average over the draw of the examples.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.errors import InvalidInputError
from provence_plugins.types import Passage, Span


class LabelledPassage(Protocol):
    """A question, a passage and what in it answers the question; `read_examples` gives such."""

    @property
    def question(self) -> str:
        """The question."""

    @property
    def passage(self) -> Passage:
        """The passage."""

    @property
    def evidence(self) -> Sequence[Span]:
        """Character ranges of the passage that answer the question; none for a passage that does not."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold with what stands behind it; use it as `PruningPolicy(threshold=calibration.threshold)`.

    Attributes:
        threshold: The highest at which the guarantee holds.
        target_recall: The guarantee: the least probability that a later question keeps a sentence of its evidence.
        questions: Examples with evidence that it rests on.
        kept: Share of these that keep a sentence of their evidence.
        removed: Share of the characters of all examples that is removed.
    """

    threshold: float
    target_recall: float
    questions: int
    kept: float
    removed: float


def least_examples(target_recall: float) -> int:
    """How many examples with evidence a target needs at least: with fewer not even a threshold of 0 is guaranteed.

    Raises:
        InvalidInputError: The target is no number above 0 and below 1.
    """
    if not isinstance(target_recall, int | float) or not 0 < target_recall < 1:  # NaN fails as well
        raise InvalidInputError(
            f"target_recall must be a number above 0 and below 1, got {target_recall!r}. 1 itself cannot be guaranteed."
        )
    return math.ceil(round(1.0 / (1.0 - target_recall), 9)) - 1


def check_examples(examples: Iterable[LabelledPassage]) -> list[LabelledPassage]:
    """The examples as a list.

    Raises:
        InvalidInputError: One has no question, passage or evidence.
    """
    given = list(examples)
    for number, example in enumerate(given):
        missing = [name for name in ("question", "passage", "evidence") if not hasattr(example, name)]
        if missing:
            raise InvalidInputError(
                f"Example {number} is a {type(example).__name__} without {', '.join(missing)}. Give such as "
                "provence_plugins.data.examples.Example, or read them with read_examples."
            )
    return given


def choose_threshold(
    scored: Sequence[tuple[Sequence[ScoredSentence], Sequence[Span]]], target_recall: float
) -> Calibration:
    """Choose the threshold for sentences with their evidence.

    Args:
        scored: For each example its scored sentences and the ranges that answer the question.
        target_recall: See `Calibration`.

    Raises:
        InvalidInputError: The target cannot be, or the examples are too few for it.
    """
    needed = least_examples(target_recall)
    best = sorted(
        max(sentence.probability for sentence in touched)
        for sentences, evidence in scored
        if (touched := [sentence for sentence in sentences if _touches(sentence, evidence)])
    )
    if len(best) < needed:
        raise InvalidInputError(
            f"A recall of {target_recall:g} needs at least {needed} examples with evidence, got {len(best)}. "
            "Label more, or ask for less."
        )
    # n/(n+1) of the mean loss plus 1/(n+1) must stay within 1 - target: so many of the examples may be lost.
    may_be_lost = math.floor(round((len(best) + 1) * (1.0 - target_recall), 9)) - 1
    threshold = best[may_be_lost]
    sentences = [sentence for row, _ in scored for sentence in row]
    total = sum(sentence.end - sentence.start for sentence in sentences)
    left = sum(sentence.end - sentence.start for sentence in sentences if sentence.probability >= threshold)
    kept = sum(value >= threshold for value in best) / len(best)
    return Calibration(threshold, target_recall, len(best), kept, 1.0 - left / total)


def _touches(sentence: ScoredSentence, evidence: Sequence[Span]) -> bool:
    return any(span.overlaps(sentence) for span in evidence)
