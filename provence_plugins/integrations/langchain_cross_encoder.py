"""Reranking for LangChain: a cross-encoder with the model that prunes.

langchain-core and langchain-classic agree on its interface since 1.2.19 and 1.0.3.
"""

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.integrations.versions import needs_framework

with needs_framework("langchain-reranker"):
    from langchain_core.cross_encoders import BaseCrossEncoder

from provence_plugins.integrations.fields import EngineFields

_KEEP_EVERYTHING = PruningPolicy(threshold=0.0)


class ProvenceCrossEncoder(EngineFields, BaseCrossEncoder):
    """Scores pairs of a question and a text, for LangChain's `CrossEncoderReranker`.

    Adapters with equal fields, among them `ProvenceCompressor`, share one loaded model.
    """

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        """Return how well each text answers its question, from 0 to 1.

        It is 0 if one of the two is blank, or if the model cannot read the text. All pairs share
        batches of the model.
        """
        numbers: dict[str, list[int]] = {}
        for number, (query, _) in enumerate(text_pairs):
            if query.strip():
                numbers.setdefault(query, []).append(number)
        requests = [(query, [text_pairs[number][1] for number in own]) for query, own in numbers.items()]
        scores = [0.0] * len(text_pairs)
        results = self.pruner.prune_many(requests, _KEEP_EVERYTHING) if requests else ()
        for own, result in zip(numbers.values(), results, strict=True):
            for passage in result.passages:
                if passage.is_legible:
                    scores[own[passage.index]] = passage.scored.relevance_probability
        return scores
