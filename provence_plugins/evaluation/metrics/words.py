"""Metrics of words: how well the kept words agree with the annotated ones."""

import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from provence_plugins.data.examples import Example
from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray, WordOverlap
from provence_plugins.evaluation.metrics.statistics import Evaluator
from provence_plugins.types import Span

# Chinese and Japanese characters, whose words have no spaces between them.
_IDEOGRAPHS = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

_Count = Callable[[WordOverlap], int]

_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")


def find_words(text: str) -> IntArray:
    """Return start and end of each word, of shape (words, 2).

    Words are what whitespace separates, and each Chinese or Japanese character.
    """
    bounds = [match.span() for match in _WORD.finditer(text)]
    return np.array(bounds, dtype=np.int64).reshape(-1, 2)


def words_touched(words: IntArray, spans: Iterable[Span]) -> npt.NDArray[np.bool_]:
    """Return for each word whether it overlaps one of the spans."""
    touched = np.zeros(len(words), dtype=bool)
    for span in spans:
        if span.start < span.end:
            touched |= (words[:, 0] < span.end) & (words[:, 1] > span.start)
    return touched


def count_words(example: Example, kept: Iterable[Span], *, foreign: int = 0) -> WordOverlap:
    """Compare the words that overlap kept spans with those that overlap annotated ones.

    Args:
        example: A passage with its annotated spans.
        kept: The spans of the passage that are kept.
        foreign: Number of words in the output that the passage does not hold.
    """
    words = find_words(example.passage.text)
    is_annotated = words_touched(words, example.evidence)
    is_kept = words_touched(words, kept)
    return WordOverlap(
        source=example.source,
        question=example.question,
        words=len(words),
        annotated=int(is_annotated.sum()),
        kept=int(is_kept.sum()) + foreign,
        both=int((is_annotated & is_kept).sum()),
    )


def word_precision(questions: Sequence[WordOverlap]) -> Evaluator:
    """Return the share of the kept words that are annotated; 0 when no word is kept."""
    return _ratio(questions, lambda overlap: overlap.both, lambda overlap: overlap.kept)


def word_recall(questions: Sequence[WordOverlap]) -> Evaluator:
    """Return the share of the annotated words that are kept; 0 when no word is annotated."""
    return _ratio(questions, lambda overlap: overlap.both, lambda overlap: overlap.annotated)


def word_f1(questions: Sequence[WordOverlap]) -> Evaluator:
    """Return the harmonic mean of word precision and word recall."""
    # 2 hits / (kept + annotated) is the same, without a case for zero precision.
    return _ratio(
        questions,
        lambda overlap: 2 * overlap.both,
        lambda overlap: overlap.kept + overlap.annotated,
    )


def words_kept(questions: Sequence[WordOverlap]) -> Evaluator:
    """Return the number of kept words as a share of all words."""
    return _ratio(questions, lambda overlap: overlap.kept, lambda overlap: overlap.words)


def _ratio(questions: Sequence[WordOverlap], above: _Count, below: _Count) -> Evaluator:
    """Return the ratio of two sums over questions; 0 where the lower one is 0."""
    numerators = np.array([above(question) for question in questions])
    denominators = np.array([below(question) for question in questions])

    def evaluate(counts: IntArray) -> FloatArray:
        return np.asarray(counts @ numerators / np.maximum(counts @ denominators, 1), dtype=np.float64)

    return evaluate
