"""LlamaIndex's optimizer by sentence embeddings, run unchanged."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import PrivateAttr

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.methods.encoders import encode, load_encoder
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one

with needs_extra("llama-index"):
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

# Cosines at which the optimizer is run; a finer sweep takes longer and hardly changes a metric.
_CUTOFFS = np.arange(-0.1, 1.0, 0.02)


class _Encoder(BaseEmbedding):
    """An encoder that remembers a passage, because the optimizer asks again at every cutoff."""

    _encoder: Any = PrivateAttr()
    _known: dict[str, list[float]] = PrivateAttr(default_factory=dict)

    def remember(self, texts: list[str]) -> None:
        """Encode the texts of one passage together and forget those of the last one."""
        self._known = dict(zip(texts, encode(self._encoder, texts).tolist(), strict=True))

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._known[text]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._known[query]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._known[query]


def sentence_optimizer(folder: str | Path) -> Method:
    """Return LlamaIndex's `SentenceEmbeddingOptimizer`: similar sentences with their neighbours.

    The score of a sentence is the highest of some cutoffs (`threshold_cutoff`) at which its text is
    in the output. The neighbours are the optimizer's default; it gets our sentences instead of
    those of its own splitter. It repeats a sentence that is a neighbour twice, which is not
    counted.

    Args:
        folder: What `SentenceTransformer` can open.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
    """
    encoder = _Encoder()
    encoder._encoder = load_encoder(folder)

    def score(passage: SplitPassage) -> PassageScores:
        texts = [text.strip() for text in passage.texts]
        encoder.remember([passage.example.question, *texts])
        levels = np.full(len(texts), _CUTOFFS[0] - 1.0, dtype=np.float32)
        for cutoff in _CUTOFFS.tolist():
            kept = _optimized(encoder, passage.example.question, texts, cutoff)
            if not kept:
                break
            levels[[bool(text) and text in kept for text in texts]] = cutoff
        return PassageScores(float(levels.max(initial=_CUTOFFS[0] - 1.0)), levels)

    return one_by_one(score)


def _optimized(encoder: _Encoder, question: str, texts: list[str], cutoff: float) -> str:
    """Return the optimizer's output; "" where it raises because no sentence is similar."""
    optimizer = SentenceEmbeddingOptimizer(
        embed_model=encoder, threshold_cutoff=cutoff, tokenizer_fn=lambda text: texts
    )
    node = NodeWithScore(node=TextNode(text=" ".join(texts)))
    try:
        [kept] = optimizer.postprocess_nodes([node], QueryBundle(question))
    except ValueError as error:
        if "zero sentences" in str(error):
            return ""
        raise
    return kept.get_content()
