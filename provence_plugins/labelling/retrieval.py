"""Find the passages of a corpus for a question, and negatives further down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import DataError, needs_extra
from provence_plugins.evaluation.methods.baselines import content_words
from provence_plugins.labelling.corpus import CorpusPassage
from provence_plugins.types import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalSettings:
    """How many passages a question gets.

    Attributes:
        top_k: Number of passages from the top, relevant or not.
        negatives: Number of passages below the top that hold no answer.
        candidates: Number of passages that BM25 finds; the top and the negatives come from these.
    """

    top_k: int = 5
    negatives: int = 3
    candidates: int = 50


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages of one question, the most relevant first.

    Attributes:
        top: The top of the list.
        rest: What else was found.
    """

    top: list[CorpusPassage]
    rest: list[CorpusPassage]


class Retriever:
    """BM25 over the passages of a corpus; a pruner may order what it finds.

    The idf is log((passages + 1) / passages with the word), as in `evaluation.methods.baselines`. That of Okapi
    is 0 or negative for words in half of the passages or more, and in a small corpus these are many.

    Args:
        passages: The corpus.
        settings: How many passages are found.
        reranker: Orders the candidates by relevance; None leaves the order of BM25.

    Raises:
        DataError: No passage holds a word that a search can find.
        MissingExtraError: The package rank-bm25 is not installed.
    """

    def __init__(
        self,
        passages: Sequence[CorpusPassage],
        settings: RetrievalSettings,
        reranker: Pruner | None = None,
    ) -> None:
        with needs_extra("eval"):
            from rank_bm25 import BM25Plus
        self._passages = passages
        self._settings = settings
        self._reranker = reranker
        words = [content_words(f"{passage.title or ''} {passage.text}") for passage in passages]
        if not any(words):
            raise DataError(
                f"The corpus has {len(passages)} passages, and none of them holds a word that a search can find. "
                f"Name a corpus with text."
            )
        self._index: Any = BM25Plus(words, delta=0)  # the package has no types

    def find(self, question: str) -> Retrieved:
        """Return the passages for a question; those without a common word are never found."""
        scores = np.asarray(self._index.get_scores(content_words(question)))
        order = np.argsort(-scores, kind="stable")[: self._settings.candidates]
        found = [self._passages[row] for row in order.tolist() if scores[row] > 0]
        if self._reranker is not None and found:
            given = [Passage(passage.text, passage.title) for passage in found]
            found = [found[ranked.index] for ranked in self._reranker.rerank(question, given)]
        # Overlapping passages of one document say the same, so only the best of each goes to the
        # top.
        top: list[CorpusPassage] = []
        documents: set[str] = set()
        for passage in found:
            if len(top) < self._settings.top_k and passage.document not in documents:
                top.append(passage)
                documents.add(passage.document)
        chosen = set(top)
        return Retrieved(top, [passage for passage in found if passage not in chosen])
