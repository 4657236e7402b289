"""Simple methods to compare a model with, behind the same seam: see `report.Method`."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from provence_plugins.engine.scoring import PassageScores
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.examples import Example
from provence_plugins.evaluation.report import Method
from provence_plugins.types import Sentence

_WORD = re.compile(r"\w+")

# Without them every variant of BM25 keeps more answers; the idf of one passage cannot tell what is common.
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be been by can could did do does for from had has have how in is it its not of on or "
        "should that the this to was were what when where which who whom why will with would"
    )
)


def lead(example: Example, sentences: Sequence[Sentence]) -> PassageScores:
    """The earlier, the better; says nothing about relevance."""
    places = np.array([sentence.start for sentence in sentences]) / max(len(example.passage.text), 1)
    return PassageScores(0.0, (1.0 - places).astype(np.float32))


def bm25() -> Method:
    """BM25 of the question over the sentences of one passage; the best sentence gives the relevance.

    The idf is log((sentences + 1) / sentences with the word), as in BM25+ but without its constant for words that are
    missing. Okapi's idf is negative for words in more than half of the sentences, which in a passage are often what the
    question asks about; the floor that rank-bm25 puts in is a share of the mean idf, and in so small a collection that
    can be negative too. Measured on dev data, this variant keeps more answers than Okapi and BM25L.

    Raises:
        MissingExtraError: The package rank-bm25 is not installed.
    """
    with needs_extra("eval"):
        from rank_bm25 import BM25Plus

    def score(example: Example, sentences: Sequence[Sentence]) -> PassageScores:
        question = _words(example.question)
        words = [_words(text) for text in _texts(example, sentences)]
        if not question or not any(words):
            return PassageScores(0.0, np.zeros(len(sentences), dtype=np.float32))
        scores = BM25Plus(words, delta=0).get_scores(question)
        # A threshold that passages share asks for scores that do not grow with the question.
        return PassageScores(float(scores.max()), (scores / len(question)).astype(np.float32))

    return score


def embeddings(folder: str | Path) -> Method:
    """Cosine of a sentence encoder's vectors of question and sentence; the best sentence gives the relevance.

    That is the shape of RECOMP's extractive compressor (arXiv 2310.04408), with any encoder.

    Args:
        folder: What `SentenceTransformer` can open; a bare encoder's token states are averaged.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
    """
    with needs_extra("train"):
        from sentence_transformers import SentenceTransformer
    encoder = SentenceTransformer(str(folder), device="cpu")

    def score(example: Example, sentences: Sequence[Sentence]) -> PassageScores:
        texts = [example.question, *_texts(example, sentences)]
        question, *rest = encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        cosines = np.array([vector @ question for vector in rest], dtype=np.float32)
        return PassageScores(float(cosines.max(initial=0.0)), cosines)

    return score


def _texts(example: Example, sentences: Sequence[Sentence]) -> list[str]:
    return [example.passage.text[sentence.start : sentence.end] for sentence in sentences]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
