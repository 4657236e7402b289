"""Choose a threshold on annotated examples, with a guarantee.

Conformal risk control (arXiv 2208.02814): if the examples are drawn as later questions will be, the
answer of a later question is lost with a probability of at most one minus the target. The guarantee
holds on average over random sets of examples, for any model, provided there are at least the
minimum number of examples.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from provence_plugins.data.examples import Example
from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult
from provence_plugins.errors import InvalidInputError
from provence_plugins.types import Passage, Span

PruneMany = Callable[[Iterable[tuple[str, Sequence[Passage]]], PruningPolicy], Iterable[PruneResult]]
"""Prunes many requests, each a question with its passages, as `Pruner.prune_many` does."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold with its guarantee; use it as `PruningPolicy(threshold=calibration.threshold)`.

    Attributes:
        threshold: The highest one for which the guarantee holds.
        target_recall: The guarantee: the minimum probability that a later question keeps a sentence
            of its evidence.
        questions: Number of examples with evidence that it is based on.
        kept: Share of these that keep a sentence of their evidence.
        removed: Share of the characters of all examples that is removed.
    """

    threshold: float
    target_recall: float
    questions: int
    kept: float
    removed: float


@dataclass(frozen=True, slots=True)
class AnnotatedSentences:
    """The scored sentences of one example.

    Attributes:
        sentences: All sentences of its passage.
        evidence: Ranges of the passage that answer the question; none for a passage that does not
            answer it.
    """

    sentences: Sequence[ScoredSentence]
    evidence: Sequence[Span]

    @property
    def best_evidence(self) -> float | None:
        """The highest probability of a sentence with evidence; None if there is no evidence."""
        probabilities = []
        for sentence in self.sentences:
            if any(span.overlaps(sentence) for span in self.evidence):
                probabilities.append(sentence.probability)
        return max(probabilities, default=None)


def calibrate(prune_many: PruneMany, examples: Iterable[Example], target_recall: float) -> Calibration:
    """Prune labelled examples, and choose the threshold that their probabilities allow.

    Args:
        prune_many: Prunes the question and the passage of each example.
        examples: The examples.
        target_recall: See `Calibration`.

    Raises:
        InvalidInputError: The target is not between 0 and 1, there are too few examples for it, or
            an item is not an `Example`.
    """
    least_examples(target_recall)  # an impossible target fails before anything is scored
    given = _check_examples(examples)
    results = prune_many([(example.question, [example.passage]) for example in given], PruningPolicy())
    return choose_threshold(_annotate(results, given), target_recall)


def least_examples(target_recall: float) -> int:
    """Return the minimum number of examples with evidence that a guarantee needs.

    Raises:
        InvalidInputError: The target is not a number above 0 and below 1.
    """
    if not isinstance(target_recall, int | float) or not 0 < target_recall < 1:  # NaN fails as well
        raise InvalidInputError(
            f"target_recall must be above 0 and below 1; got {target_recall!r}. A recall of 1 cannot be guaranteed."
        )
    return math.ceil(round(1.0 / (1.0 - target_recall), 9)) - 1


def _check_examples(examples: Iterable[Example]) -> list[Example]:
    """Return the examples as a list.

    Raises:
        InvalidInputError: One is not an `Example`.
    """
    if not isinstance(examples, Iterable):
        raise InvalidInputError(f"examples must be an iterable of Example objects; got {type(examples).__name__}.")
    given = list(examples)
    for number, example in enumerate(given):
        if not isinstance(example, Example):
            raise InvalidInputError(
                f"Example {number} must be an Example; got {type(example).__name__}. Pass Example "
                f"objects from provence_plugins.data.examples, for instance those of "
                f"read_examples(path)."
            )
    return given


def _annotate(
    results: Iterable[PruneResult],
    examples: Sequence[Example],
) -> list[AnnotatedSentences]:
    """Return the scored sentences of each example.

    Args:
        results: The result of each example, whose passage may have been dropped.
        examples: The examples.
    """
    annotated = []
    for result, example in zip(results, examples, strict=True):
        [passage] = (*result.passages, *result.dropped)
        annotated.append(AnnotatedSentences(passage.sentences, example.evidence))
    return annotated


def choose_threshold(examples: Sequence[AnnotatedSentences], target_recall: float) -> Calibration:
    """Choose the highest threshold at which the target is guaranteed.

    Args:
        examples: The scored sentences of each example.
        target_recall: See `Calibration`.

    Raises:
        InvalidInputError: The target is not between 0 and 1, or there are too few examples for it.
    """
    needed = least_examples(target_recall)
    best = sorted(example.best_evidence for example in examples if example.best_evidence is not None)
    if len(best) < needed:
        raise InvalidInputError(
            f"target_recall={target_recall:g} needs at least {needed} examples with evidence; got "
            f"{len(best)}. Annotate more examples, or choose a lower target."
        )
    # n/(n+1) of the mean loss plus 1/(n+1) must stay within 1 - target: so many of the examples may
    # be lost.
    may_be_lost = math.floor(round((len(best) + 1) * (1.0 - target_recall), 9)) - 1
    threshold = best[may_be_lost]
    return Calibration(
        threshold=threshold,
        target_recall=target_recall,
        questions=len(best),
        kept=sum(probability >= threshold for probability in best) / len(best),
        removed=_removed_share(examples, threshold),
    )


def _removed_share(examples: Sequence[AnnotatedSentences], threshold: float) -> float:
    total = kept = 0
    for example in examples:
        for sentence in example.sentences:
            characters = sentence.end - sentence.start
            total += characters
            if sentence.probability >= threshold:
                kept += characters
    return 1.0 - kept / total
