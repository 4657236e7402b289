"""LangChain's filter by embeddings, run unchanged."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.methods.encoders import encode, load_encoder
from provence_plugins.evaluation.methods.method import Method, SplitPassage

with needs_extra("eval-langchain"):
    # The filter looks for langchain-community when it runs.
    import langchain_community  # noqa: F401
    from langchain_classic.retrievers.document_compressors import EmbeddingsFilter
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings

# Below any cosine, so that the filter keeps everything and tells how similar it is.
_KEEP_ALL = -2.0


class _Encoder(Embeddings):
    def __init__(self, folder: str | Path) -> None:
        self._encoder = load_encoder(folder)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = encode(self._encoder, texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def embeddings_filter(folder: str | Path) -> Method:
    """Return LangChain's `EmbeddingsFilter`, which drops whole passages by their similarity.

    The filter compares that similarity with `similarity_threshold` and writes it into the documents
    that it keeps. It is the score of every sentence of the passage: the highest threshold at which
    the passage is kept.

    Args:
        folder: What `SentenceTransformer` can open.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
    """
    compressor = EmbeddingsFilter(embeddings=_Encoder(folder), k=None, similarity_threshold=_KEEP_ALL)

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        scores = []
        for question, group in groupby(passages, lambda passage: passage.example.question):
            of_question = list(group)
            texts = [passage.example.passage.text for passage in of_question]
            documents = [Document(page_content=text) for text in texts]
            filtered = compressor.compress_documents(documents, question)
            for passage, document in zip(of_question, filtered, strict=True):
                similarity = float(vars(document)["state"]["query_similarity_score"])
                same = np.full(len(passage.sentences), similarity, dtype=np.float32)
                scores.append(PassageScores(similarity, same))
        return scores

    return score
