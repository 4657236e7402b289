"""Methods that need no model, to see what a model is worth."""

import re
import zlib

import numpy as np

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one

_WORD = re.compile(r"\w+")

# Without them every variant of BM25 keeps more answers; the idf of one passage cannot tell what is common.
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be been by can could did do does for from had has have how in is it its not of on or "
        "should that the this to was were what when where which who whom why will with would"
    )
)


def lead() -> Method:
    """The earlier, the better; says nothing about relevance."""

    def score(passage: SplitPassage) -> PassageScores:
        places = np.array([sentence.start for sentence in passage.sentences])
        return PassageScores(0.0, (1.0 - places / max(len(passage.example.passage.text), 1)).astype(np.float32))

    return one_by_one(score)


def chance(seed: int = 0) -> Method:
    """Random scores, the same for the same passage and seed whatever else is judged."""

    def score(passage: SplitPassage) -> PassageScores:
        example = passage.example
        own = zlib.crc32("\0".join((example.source, example.question, example.passage.text)).encode())
        drawn = np.random.default_rng((seed, own)).random(len(passage.sentences) + 1, dtype=np.float32)
        return PassageScores(float(drawn[-1]), drawn[:-1])

    return one_by_one(score)


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

    def score(passage: SplitPassage) -> PassageScores:
        question = _words(passage.example.question)
        words = [_words(text) for text in passage.texts]
        if not question or not any(words):
            return PassageScores(0.0, np.zeros(len(words), dtype=np.float32))
        scores = BM25Plus(words, delta=0).get_scores(question)
        # A threshold that passages share asks for scores that do not grow with the question.
        return PassageScores(float(scores.max()), (scores / len(question)).astype(np.float32))

    return one_by_one(score)


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
