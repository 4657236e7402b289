"""How well a pruner keeps what answers a question while it removes the rest."""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]

_QUESTION_WORDS = {word: word for word in ("what", "which", "who", "when", "where", "why", "how")} | {
    "whom": "who",
    "whose": "who",
}
_YES_NO = re.compile(
    r"\W*(am|is|are|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)\b"
)


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
    rows = [at_threshold(group, threshold) for group in _by_source(examples)]
    return ThresholdRow(threshold, fmean(row.kept for row in rows), fmean(row.removed for row in rows))


def threshold_at_removal(examples: Sequence[ScoredExample], removed: float) -> float:
    """The lowest threshold, shared by all examples, that removes at least this share of their characters."""
    scores = np.concatenate([example.scores for example in examples])
    lengths = np.concatenate([example.lengths for example in examples])
    order = np.argsort(-scores, kind="stable")
    left = np.cumsum(lengths[order]) / lengths.sum()
    allowed = int(np.count_nonzero(1.0 - left >= removed))
    if allowed == len(order):
        return float(scores[order[-1]])
    # Just above the first sentence that must go, and so above its equals.
    return float(np.nextafter(scores[order[allowed]], np.inf))


def kept_at_removal(examples: Sequence[ScoredExample], removed: float) -> float:
    """Share of answers that survive when this share of characters is removed."""
    return _kept(examples, threshold_at_removal(examples, removed))


def threshold_for_kept(examples: Sequence[ScoredExample], kept: float) -> float:
    """The highest threshold at which at least this share of answers survives, every source weighing the same."""
    groups = _by_source(examples)
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


def by_source(
    examples: Sequence[ScoredExample], metric: Callable[[Sequence[ScoredExample]], float]
) -> dict[str, float]:
    """A metric worked out for each source on its own."""
    return {group[0].source: metric(group) for group in _by_source(examples)}


def kept_by(
    examples: Iterable[ScoredExample], threshold: float, kind: Callable[[ScoredExample], str]
) -> dict[str, tuple[int, float]]:
    """For each kind of question how many there are, and the share of them that keep their answers."""
    groups: dict[str, list[ScoredExample]] = defaultdict(list)
    for example in examples:
        groups[kind(example)].append(example)
    return {name: (len(group), _kept(group, threshold)) for name, group in sorted(groups.items())}


def evidence_place(example: ScoredExample) -> str:
    """Where in its passage the evidence lies: in the "first" or "last" sentence alone, or "between"."""
    places = np.flatnonzero(example.alone.relevant)
    if places[-1] == 0:
        return "first"
    return "last" if places[0] == example.own - 1 else "between"


def question_word(example: ScoredExample) -> str:
    """What is asked for: the first of who, what, how and the like, "yes/no", or "other" for claims."""
    question = example.question.lower()
    if _YES_NO.match(question):
        return "yes/no"
    words = re.findall(r"[a-z]+", question)
    return next((_QUESTION_WORDS[word] for word in words if word in _QUESTION_WORDS), "other")


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


def mean_over_sources(examples: Sequence[ScoredExample], metric: Callable[[Sequence[ScoredExample]], float]) -> float:
    """A metric worked out for each source on its own, then averaged, so that no large source drowns the others."""
    return fmean(by_source(examples, metric).values())


def bootstrap_interval(
    examples: Sequence[ScoredExample],
    metric: Callable[[Sequence[ScoredExample]], float],
    *,
    rounds: int = 500,
    seed: int = 0,
) -> Interval:
    """Middle 95 % of `mean_over_sources` when the questions of each source are drawn anew, with replacement."""
    random, groups = Random(seed), _by_source(examples)
    means = [fmean(metric(random.choices(group, k=len(group))) for group in groups) for _ in range(rounds)]
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(low), float(high))


def mean_reciprocal_rank(groups: Iterable[tuple[float, Sequence[float]]]) -> float:
    """Mean of one over the rank that a question's positive reaches among its negatives; ties count against it.

    Args:
        groups: For each question the relevance of its positive, and those of its negatives.
    """
    return fmean(1.0 / _rank(positive, negatives) for positive, negatives in groups)


def mean_ndcg(groups: Iterable[tuple[float, Sequence[float]]], *, at: int = 10) -> float:
    """Mean normalised discounted cumulative gain of the first ranks, with one relevant passage for each question.

    Args:
        groups: As for `mean_reciprocal_rank`.
        at: Ranks that count.
    """
    ranks = [_rank(positive, negatives) for positive, negatives in groups]
    return fmean(1.0 / math.log2(1 + rank) if rank <= at else 0.0 for rank in ranks)


def _rank(positive: float, negatives: Sequence[float]) -> int:
    return 1 + sum(negative >= positive for negative in negatives)


def _kept(examples: Sequence[ScoredExample], threshold: float) -> float:
    return fmean(example.best_relevant >= threshold for example in examples)


def _by_source(examples: Sequence[ScoredExample]) -> list[list[ScoredExample]]:
    if not examples:
        raise InvalidInputError(
            "There is nothing to measure: no passage of several sentences has marked evidence. Give data with "
            "answer_spans or relevant_sentences."
        )
    groups: dict[str, list[ScoredExample]] = defaultdict(list)
    for example in examples:
        groups[example.source].append(example)
    return list(groups.values())
