"""Methods that need no model, as a lower bound for what a model must reach."""

import re
import zlib

import numpy as np

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one

_WORD = re.compile(r"\w+")

# Every variant of BM25 keeps more answers without these words: the idf of one passage does not show
# what is common.
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be been by can could did do does for from had has have how in is it "
        "its not of on or should that the this to was were what when where which who whom why will "
        "with would"
    )
)


def lead() -> Method:
    """Return the method that prefers earlier sentences; every passage has relevance 0."""

    def score(passage: SplitPassage) -> PassageScores:
        places = np.array([sentence.start for sentence in passage.sentences])
        earliness = 1.0 - places / max(len(passage.example.passage.text), 1)
        return PassageScores(0.0, earliness.astype(np.float32))

    return one_by_one(score)


def chance(seed: int = 0) -> Method:
    """Return the method with random scores, which are the same for the same passage and seed."""

    def score(passage: SplitPassage) -> PassageScores:
        example = passage.example
        passage_seed = zlib.crc32("\0".join((example.source, example.question, example.passage.text)).encode())
        random = np.random.default_rng((seed, passage_seed))
        values = random.random(len(passage.sentences) + 1, dtype=np.float32)
        return PassageScores(float(values[-1]), values[:-1])

    return one_by_one(score)


def bm25() -> Method:
    """Return BM25 of the question over the sentences of a passage; the best is the relevance.

    The idf is log((sentences + 1) / sentences with the word), as in BM25+ but without its constant
    for words that are missing. Okapi's idf is negative for words in more than half of the
    sentences, which in a passage are often what the question asks about; the floor that rank-bm25
    uses instead is a share of the mean idf, which can be negative too in so small a collection.
    Measured on dev data, this variant keeps more answers than Okapi and BM25L.

    Raises:
        MissingExtraError: The package rank-bm25 is not installed.
    """
    with needs_extra("eval"):
        from rank_bm25 import BM25Plus

    def score(passage: SplitPassage) -> PassageScores:
        question = content_words(passage.example.question)
        words = [content_words(text) for text in passage.texts]
        if not question or not any(words):
            return PassageScores(0.0, np.zeros(len(words), dtype=np.float32))
        scores = BM25Plus(words, delta=0).get_scores(question)
        # Passages share a threshold, so scores must not grow with the length of the question.
        return PassageScores(float(scores.max()), (scores / len(question)).astype(np.float32))

    return one_by_one(score)


def content_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without those that are frequent everywhere."""
    return [word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]
