"""Use a network without a model folder as a method, for evaluation during training."""

from collections.abc import Sequence

from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.pooling import PassageScores, score_plans
from provence_plugins.engine.scoring import BatchedModel
from provence_plugins.evaluation.methods.method import Method, SplitPassage, pruning_request
from provence_plugins.model.backend import Backend


def model_method(planner: Planner, backend: Backend) -> Method:
    """Return the method that scores with a network as the engine does, without a folder."""
    batch_tokens = max(backend.max_batch_tokens, planner.max_tokens)
    scorer = DirectScorer(BatchedModel(backend, planner.encoder.template.pad_id, batch_tokens))

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        plans = [plan for passage in passages for plan in planner.plan(*pruning_request(passage))]
        return score_plans(scorer, plans)

    return score
