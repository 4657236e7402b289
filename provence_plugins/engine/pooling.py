"""Pool scores of tokens and windows into those of sentences and passages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.passages import RelevanceScale, as_probability
from provence_plugins.engine.planning import PassagePlan
from provence_plugins.engine.scoring import Scorer, WindowScores
from provence_plugins.tokens.batches import regroup
from provence_plugins.tokens.windows import Window

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SURE = 0.1
"""Probability from which on a sentence is sure enough to count against others of its passage, and a
sentence or the relevance of a passage against other passages of the query."""

ILLEGIBLE_RELEVANCE = -1.0
"""Relevance of a passage that the model's vocabulary cannot read; it is kept as it is."""

# Keeps the log-odds of a float32 of 0 or 1 finite.
_LEAST_PROBABILITY = 1e-7


@dataclass(frozen=True, slots=True)
class PassageScores:
    """The model's scores of one passage.

    Attributes:
        relevance: The maximum over its windows, or the first window's for formats that are defined
            so; 0.0 for a passage without tokens.
        probabilities: Keep probability of each sentence, of shape (sentences,): the mean over its
            tokens, unless the format pools in another way, compared with the best sentence of the
            passage where the model asks for it; 0.0 for a sentence without tokens.
        relevance_scale: Whether the relevance is a "probability" or a "logit".
        is_legible: Whether the model can read the passage; its relevance is -1.0 if not, which a
            logit may be too.
    """

    relevance: float
    probabilities: npt.NDArray[np.float32]
    relevance_scale: RelevanceScale = "probability"
    is_legible: bool = True

    @property
    def relevance_probability(self) -> float:
        """The relevance as a probability, even if the model gives a logit."""
        return as_probability(self.relevance, self.relevance_scale)

    def reach(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Return for each sentence whether its probability is at least a threshold, as a policy compares them."""
        # Numpy would round the threshold to float32, and one just above a probability would become equal to it.
        is_reached: npt.NDArray[np.bool_] = self.probabilities.astype(np.float64) >= threshold
        return is_reached


@dataclass(frozen=True, slots=True)
class SentencePieces:
    """Token probabilities of a passage, piece by piece; a sentence that is cut has several pieces.

    Attributes:
        tokens: Keep probability of each token, one piece after another.
        lengths: Number of tokens of each piece, of shape (pieces,).
        owners: Number of the sentence that each piece belongs to, of shape (pieces,).
        sentences: Number of sentences.
    """

    tokens: FloatArray
    lengths: IntArray
    owners: IntArray
    sentences: int


Pooling = Callable[[SentencePieces], FloatArray]
"""Returns the probability of each sentence, of shape (sentences,); 0.0 for one without tokens."""


def mean_of_tokens(pieces: SentencePieces) -> FloatArray:
    """Return the mean over all tokens of each sentence."""
    return _means(pieces.tokens, np.repeat(pieces.owners, pieces.lengths), pieces.sentences)


def mean_of_pieces(pieces: SentencePieces) -> FloatArray:
    """Return the mean over the means of each sentence's pieces.

    This is the rule of OpenProvence: a short piece weighs as much as a long one.
    """
    numbers = np.arange(len(pieces.lengths))
    means = _means(pieces.tokens, np.repeat(numbers, pieces.lengths), len(numbers))
    means[pieces.lengths == 0] = 1.0  # the published code's value for a piece without a position
    return _means(means, pieces.owners, pieces.sentences)


def votes(pieces: SentencePieces) -> FloatArray:
    """Return the highest threshold at which the vote of a sentence's tokens keeps it.

    Provence keeps a sentence at threshold T when a share above T of its tokens has more than T.
    With its n tokens in falling order of probability p, that holds for every T below the largest of
    min(p_k, k / n), an h-index of the tokens. The value returned is the next float below it,
    because the rule is strict and a policy's threshold is not.
    """
    owners = np.repeat(pieces.owners, pieces.lengths)
    order = np.lexsort((-pieces.tokens, owners))
    owners, tokens = owners[order], pieces.tokens[order]
    counts = np.bincount(owners, minlength=pieces.sentences)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(tokens)) - first[owners] + 1
    levels = np.zeros(pieces.sentences)
    np.maximum.at(levels, owners, np.minimum(tokens, rank / counts[owners]))
    return np.where(levels > 0.0, np.nextafter(levels.astype(np.float32), np.float32(0.0)), 0.0)


POOLINGS: dict[str, Pooling] = {"tokens": mean_of_tokens, "pieces": mean_of_pieces, "votes": votes}


def compare_with_best(probabilities: FloatArray, weight: float) -> FloatArray:
    """Return the probabilities of a passage's sentences after a comparison with the best of them.

    A model scores each sentence mostly for itself, but few passages answer at many places: a surer
    sentence in the same passage is evidence that the answer is there and not here. So the log-odds
    of a sentence fall by `weight` times their distance from those of the best sentence, as far as
    the distance lies above the log-odds of `SURE`. A passage without a sentence that reaches `SURE`
    is not changed. The best sentence keeps its probability, and the order of the sentences stays.

    Args:
        probabilities: Of shape (sentences,).
        weight: 0 for no comparison.
    """
    if not weight or len(probabilities) < 2:
        return probabilities
    best = probabilities.max()
    if best <= SURE:
        return probabilities
    odds = _log_odds(probabilities)
    sureness = np.maximum(odds, _log_odds(np.array(SURE)))
    compared = 1.0 / (1.0 + np.exp(weight * (sureness.max() - sureness) - odds))
    # The limits of log-odds must not raise what was nearer to 0.
    return np.where(probabilities == best, probabilities, np.minimum(compared, probabilities))


def compare_passages(
    probabilities: Sequence[FloatArray], relevances: Sequence[float], weight: float
) -> list[FloatArray]:
    """Return the probabilities of a query's passages after a comparison with the surest passage.

    Most of the passages that a retriever brings do not answer, however similar they are. Where one
    is relevant and holds a sure sentence, the unsure ones of another are less likely to help. A
    passage is as sure as the log-odds of its best sentence and those of its relevance together,
    both limited to the log-odds of `SURE` and of 1 - `SURE`. The log-odds of its sentences fall by
    `weight` times its distance from the surest passage. The surest one, or one alone, is not
    changed, and neither is the order of the sentences of any passage. If neither a sentence nor a
    relevance lies above `SURE`, nothing changes. Because of the limits, no passage, however it is
    written, lowers the log-odds of another by more than `weight` times 8.8.

    Args:
        probabilities: Those of each passage, of shape (sentences,), which may be 0.
        relevances: That of each passage, as a probability.
        weight: 0 for no comparison.
    """
    if not weight or len(probabilities) < 2:
        return list(probabilities)
    best = [each.max(initial=0.0) for each in probabilities]
    sureness = _log_odds(np.clip([best, relevances], SURE, 1.0 - SURE)).sum(axis=0)
    falls = weight * (sureness.max() - sureness)
    return [_lower(each, fall) if fall else each for each, fall in zip(probabilities, falls, strict=True)]


def _lower(probabilities: FloatArray, fall: float) -> FloatArray:
    """Return probabilities whose log-odds are lower by `fall`, at least 0."""
    lowered = 1.0 / (1.0 + np.exp(fall - _log_odds(probabilities)))
    # The limits of log-odds must not raise what was nearer to 0.
    return np.minimum(lowered, probabilities)


def _log_odds(probabilities: FloatArray) -> FloatArray:
    limited = np.clip(probabilities, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
    odds: FloatArray = np.log(limited) - np.log1p(-limited)
    return odds


def _means(values: FloatArray, owners: IntArray, count: int) -> FloatArray:
    totals = np.bincount(owners, weights=values, minlength=count)
    means: FloatArray = totals / np.maximum(np.bincount(owners, minlength=count), 1)
    return means


def combine(plan: PassagePlan, scores: Sequence[WindowScores]) -> PassageScores:
    """Combine the scores of a passage's windows, as the checkpoint's format does."""
    if not plan.is_legible:
        return PassageScores(ILLEGIBLE_RELEVANCE, np.ones(len(plan.sentences), dtype=np.float32), is_legible=False)
    tokens = []
    owners = []
    for window, window_scores in zip(plan.windows, scores, strict=True):
        for sentence, start, end in window.sentences:
            tokens.append(window_scores.keep[start:end])
            owners.append(sentence)
    pieces = SentencePieces(
        tokens=np.concatenate([np.zeros(0), *tokens]),
        lengths=np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens)),
        owners=np.array(owners, dtype=np.int64),
        sentences=len(plan.sentences),
    )
    probabilities = compare_with_best(POOLINGS[plan.scoring.pooling](pieces), plan.scoring.comparison)
    relevances = [window_scores.relevance for window_scores in scores] or [0.0]
    relevance = relevances[0] if plan.scoring.window == "first" else max(relevances)
    kept = np.clip(probabilities, 0.0, 1.0).astype(np.float32)
    return PassageScores(relevance, kept, plan.scoring.relevance)


def distinct_windows(plans: Iterable[PassagePlan]) -> list[Window]:
    """Return the windows of all passages in order, shared ones once."""
    return [window for windows in _shared_windows(plans).values() for window in windows]


def combine_all(
    plans: Sequence[PassagePlan],
    scores: Sequence[WindowScores],
) -> list[PassageScores]:
    """Combine the scores of `distinct_windows` into those of every passage."""
    windows = _shared_windows(plans)
    groups = dict(zip(windows, regroup(scores, map(len, windows.values())), strict=True))
    return [combine(plan, groups[id(plan.windows)]) for plan in plans]


def score_plans(scorer: Scorer, plans: Sequence[PassagePlan]) -> list[PassageScores]:
    """Score planned passages, of any number of queries, in common batches.

    Raises:
        BackendError: The model failed.
        ClosedError: The scorer was closed.
    """
    return combine_all(plans, scorer.score(distinct_windows(plans)))


def _shared_windows(plans: Iterable[PassagePlan]) -> Mapping[int, Sequence[Window]]:
    # The planner gives passages that are equal the very same list of windows.
    return {id(plan.windows): plan.windows for plan in plans}
