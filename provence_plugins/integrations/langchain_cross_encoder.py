"""Reranking for LangChain: a cross-encoder with the model that prunes.

langchain-core and langchain-classic agree on its interface since 1.2.19 and 1.0.3.
"""

from collections.abc import Mapping, Sequence

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.results import PruneResult
from provence_plugins.integrations.queries import read_questions, unite
from provence_plugins.integrations.versions import needs_framework
from provence_plugins.tokens.batches import regroup
from provence_plugins.types import Passage

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
        batches of the model. A long question is shortened, see `queries`; a text then has the best
        score of its parts.
        """
        numbers: dict[str, list[int]] = {}
        for number, (query, _) in enumerate(text_pairs):
            if query.strip():
                numbers.setdefault(query, []).append(number)
        scores = [0.0] * len(text_pairs)
        if not numbers:
            return scores
        asked = {query: [Passage(text_pairs[number][1]) for number in own] for query, own in numbers.items()}
        for own, result in zip(numbers.values(), _ask(self.pruner, asked), strict=True):
            for passage in result.passages:
                if passage.is_legible:
                    scores[own[passage.index]] = passage.scored.relevance_probability
        return scores


def _ask(pruner: Pruner, asked: Mapping[str, Sequence[Passage]]) -> list[PruneResult]:
    """Return the results of several queries, each of which has passages of its own."""
    requests: list[tuple[str, Sequence[Passage]]] = []
    counts = []
    for query, passages in asked.items():
        questions = read_questions(query, passages, pruner, split=False)
        requests += [(question, passages) for question in questions]
        counts.append(len(questions))
    results = list(pruner.prune_many(requests, _KEEP_EVERYTHING))
    return [unite(own) for own in regroup(results, counts)]
