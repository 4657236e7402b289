"""Keep probabilities of tokens to those of sentences, in the ways that published models know."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SentenceParts:
    """Token probabilities of a passage, part by part: a sentence is read in one part, or in several where it is cut.

    Attributes:
        tokens: Keep probability of each token, one part after another.
        lengths: Tokens of each part, of shape (parts,).
        owners: Number of the sentence that each part belongs to, of shape (parts,).
        sentences: How many sentences there are.
    """

    tokens: FloatArray
    lengths: IntArray
    owners: IntArray
    sentences: int


Pooling = Callable[[SentenceParts], FloatArray]
"""Gives each sentence's probability, of shape (sentences,); 0.0 for one without tokens."""


def mean_of_tokens(parts: SentenceParts) -> FloatArray:
    """The mean over all tokens of a sentence."""
    return _means(parts.tokens, np.repeat(parts.owners, parts.lengths), parts.sentences)


def mean_of_parts(parts: SentenceParts) -> FloatArray:
    """The mean over the means of a sentence's parts, as OpenProvence has it; short parts weigh as much as long ones."""
    numbers = np.arange(len(parts.lengths))
    means = _means(parts.tokens, np.repeat(numbers, parts.lengths), len(numbers))
    means[parts.lengths == 0] = 1.0  # what the published code says of a part that has no position left
    return _means(means, parts.owners, parts.sentences)


def votes(parts: SentenceParts) -> FloatArray:
    """The threshold up to which a sentence stays when the share of tokens above it must be above it too.

    Provence keeps a sentence at threshold T when a share above T of its tokens has more than T. With its n tokens in
    falling order of probability p, that holds for every T below the largest of min(p_k, k / n), an h-index of the
    tokens. The number given is the next one below that, since the rule is strict and a policy's threshold is not.
    """
    owners = np.repeat(parts.owners, parts.lengths)
    order = np.lexsort((-parts.tokens, owners))
    owners, tokens = owners[order], parts.tokens[order]
    counts = np.bincount(owners, minlength=parts.sentences)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(tokens)) - first[owners] + 1
    levels = np.zeros(parts.sentences)
    np.maximum.at(levels, owners, np.minimum(tokens, rank / counts[owners]))
    return np.where(levels > 0.0, np.nextafter(levels.astype(np.float32), np.float32(0.0)), 0.0)


POOLINGS: dict[str, Pooling] = {"tokens": mean_of_tokens, "pieces": mean_of_parts, "votes": votes}


def _means(values: FloatArray, owners: IntArray, count: int) -> FloatArray:
    totals = np.bincount(owners, weights=values, minlength=count)
    means: FloatArray = totals / np.maximum(np.bincount(owners, minlength=count), 1)
    return means
