"""How well a pruner keeps what answers a question while it removes the rest."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]


class Judgement(Protocol):
    """What some method made of one question."""

    @property
    def source(self) -> str:
        """Name of the data set that the question comes from."""
        ...

    @property
    def identity(self) -> Hashable:
        """What is the same for every method that judged the question."""
        ...


J = TypeVar("J", bound=Judgement)


@dataclass(frozen=True, slots=True)
class ScoredExample:
    """One question with its passages as some method scored them; the three arrays have shape (sentences,).

    The passage that holds the evidence comes first, then the negatives, as a retriever would bring them together.

    Attributes:
        source: Name of the data set that it comes from.
        question: The question.
        scores: Score of each sentence; only their order need mean anything.
        lengths: Characters of each sentence.
        relevant: Whether each sentence overlaps an answer or evidence.
        own: How many of the sentences belong to the passage with the evidence.
    """

    source: str
    question: str
    scores: FloatArray
    lengths: FloatArray
    relevant: npt.NDArray[np.bool_]
    own: int

    @property
    def alone(self) -> "ScoredExample":
        """The passage with the evidence without the negatives."""
        own = slice(self.own)
        return ScoredExample(
            self.source, self.question, self.scores[own], self.lengths[own], self.relevant[own], self.own
        )

    @property
    def identity(self) -> tuple[str, str, tuple[float, ...]]:
        """What is the same for every method that judged the question: its source, itself, and the sentences."""
        return self.source, self.question, tuple(self.lengths.tolist())

    @property
    def best_relevant(self) -> float:
        """Score up to which a threshold lets the answer survive: that of the best relevant sentence."""
        return float(self.scores[self.relevant].max())


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What one threshold does.

    Attributes:
        threshold: Sentences that score at least this stay.
        kept: Share of questions of which a relevant sentence stays.
        removed: Share of characters removed.
    """

    threshold: float
    kept: float
    removed: float


@dataclass(frozen=True, slots=True)
class SentenceQuality:
    """How well a threshold finds the relevant sentences.

    Attributes:
        precision: Share of the kept sentences that are relevant; 0 when none is kept.
        recall: Share of the relevant sentences that are kept.
        f2: Their harmonic mean with recall weighing four times as much, since a lost answer costs more than a
            sentence too many.
    """

    precision: float
    recall: float
    f2: float


@dataclass(frozen=True, slots=True)
class Interval:
    """The range in which a figure lies with some certainty."""

    low: float
    high: float


def at_threshold(examples: Sequence[ScoredExample], threshold: float) -> ThresholdRow:
    """Share of answers kept and of characters removed when every sentence faces the same threshold."""
    total = sum(float(example.lengths.sum()) for example in examples)
    left = sum(float(example.lengths[example.scores >= threshold].sum()) for example in examples)
    return ThresholdRow(threshold, _kept(examples, threshold), 1.0 - left / total)


def mean_at_threshold(examples: Sequence[ScoredExample], threshold: float) -> ThresholdRow:
    """The same, worked out for each source and averaged over sources."""
    rows = [at_threshold(group, threshold) for group in group_by_source(examples)]
    return ThresholdRow(threshold, fmean(row.kept for row in rows), fmean(row.removed for row in rows))


def threshold_at_removal(examples: Sequence[ScoredExample], removed: float) -> float:
    """The lowest threshold, shared by all examples, that removes at least this share of their characters."""
    scores, lengths = sorted_by_score(examples)
    left = np.cumsum(lengths) / lengths.sum()
    allowed = int(np.count_nonzero(1.0 - left >= removed))
    if allowed == len(scores):
        return float(scores[-1])
    # Just above the first sentence that must go, and so above its equals.
    return float(np.nextafter(scores[allowed], np.inf))


def sorted_by_score(examples: Sequence[ScoredExample]) -> tuple[FloatArray, FloatArray]:
    """Score and length of every sentence, the best first."""
    scores = np.concatenate([example.scores for example in examples])
    lengths = np.concatenate([example.lengths for example in examples])
    order = np.argsort(-scores, kind="stable")
    return scores[order], lengths[order]


def kept_at_removal(examples: Sequence[ScoredExample], removed: float) -> float:
    """Share of answers that survive when this share of characters is removed."""
    return _kept(examples, threshold_at_removal(examples, removed))


def threshold_for_kept(examples: Sequence[ScoredExample], kept: float) -> float:
    """The highest threshold at which at least this share of answers survives, every source weighing the same."""
    groups = group_by_source(examples)
    best = np.array([example.best_relevant for group in groups for example in group])
    weights = np.array([1.0 / (len(group) * len(groups)) for group in groups for _ in group])
    order = np.argsort(-best, kind="stable")
    # The tolerance keeps a share of 1.0 within reach of a sum of fractions.
    needed = int(np.searchsorted(np.cumsum(weights[order]), kept - 1e-9))
    return float(best[order[min(needed, len(order) - 1)]])


def average_precision(examples: Iterable[ScoredExample]) -> float:
    """Mean average precision of the sentences of the passages with the evidence, ranked by score."""
    values = []
    for example in examples:
        alone = example.alone
        hits = alone.relevant[np.argsort(-alone.scores, kind="stable")]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        values.append(float(precision[hits].mean()))
    return fmean(values)


def sentence_quality(examples: Sequence[ScoredExample], threshold: float) -> SentenceQuality:
    """Precision, recall and F2 of the sentences that reach a threshold, those of negatives among them."""
    kept = np.concatenate([example.scores >= threshold for example in examples])
    relevant = np.concatenate([example.relevant for example in examples])
    hits = int(np.count_nonzero(kept & relevant))
    if not hits:
        return SentenceQuality(0.0, 0.0, 0.0)
    precision, recall = hits / int(kept.sum()), hits / int(relevant.sum())
    return SentenceQuality(precision, recall, 5 * precision * recall / (4 * precision + recall))


def by_source(examples: Sequence[J], metric: Callable[[Sequence[J]], float]) -> dict[str, float]:
    """A metric worked out for each source on its own."""
    return {group[0].source: metric(group) for group in group_by_source(examples)}


def kept_by(
    examples: Iterable[ScoredExample], threshold: float, kind: Callable[[ScoredExample], str]
) -> dict[str, tuple[int, float]]:
    """For each kind of question how many there are, and the share of them that keep their answers."""
    groups: dict[str, list[ScoredExample]] = defaultdict(list)
    for example in examples:
        groups[kind(example)].append(example)
    return {name: (len(group), _kept(group, threshold)) for name, group in sorted(groups.items())}


def calibration_error(examples: Iterable[ScoredExample], *, bins: int = 15) -> float | None:
    """Expected calibration error of sentence probabilities (arXiv 1706.04599), over equally wide bins.

    Returns:
        The mean distance, over sentences, between the mean probability of a sentence's bin and the share of relevant
        sentences in it; None when scores lie outside [0, 1] and so are no probabilities.
    """
    given = list(examples)
    scores = np.concatenate([example.scores for example in given])
    relevant = np.concatenate([example.relevant for example in given])
    if scores.min() < 0.0 or scores.max() > 1.0:
        return None
    places = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = np.abs(np.bincount(places, scores, bins) - np.bincount(places, relevant.astype(float), bins))
    return float(gaps.sum() / len(scores))


def mean_over_sources(examples: Sequence[J], metric: Callable[[Sequence[J]], float]) -> float:
    """A metric worked out for each source on its own, then averaged, so that no large source drowns the others."""
    return fmean(by_source(examples, metric).values())


def group_by_source(examples: Sequence[J]) -> list[list[J]]:
    """The examples, parted by source, in the order in which the sources first come.

    Raises:
        InvalidInputError: There are none.
    """
    if not examples:
        raise InvalidInputError(
            "There is nothing to measure: no passage of several sentences has marked evidence. Give data with "
            "answer_spans or relevant_sentences."
        )
    groups: dict[str, list[J]] = defaultdict(list)
    for example in examples:
        groups[example.source].append(example)
    return list(groups.values())


def _kept(examples: Sequence[ScoredExample], threshold: float) -> float:
    return fmean(example.best_relevant >= threshold for example in examples)
