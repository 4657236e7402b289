"""A pruner's call before and after the model: plan its passages, and decide by their scores."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from provence_plugins.engine.budgets import count_sentences, count_text
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.planning import PassagePlan, Planner
from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.pooling import PassageScores, combine_all, distinct_windows
from provence_plugins.engine.requests import check_query
from provence_plugins.engine.results import PruneResult
from provence_plugins.engine.scoring import WindowScores
from provence_plugins.thresholds import Thresholds
from provence_plugins.tokens.windows import Window
from provence_plugins.types import Passage

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One query whose passages are planned.

    Attributes:
        query: The question.
        plans: A plan for each passage.
        windows: The windows that the model has to score for it, each once.
        policy: What will be kept.
    """

    query: str
    plans: Sequence[PassagePlan]
    windows: Sequence[Window]
    policy: PruningPolicy

    @property
    def tokens(self) -> int:
        """Number of tokens that the model reads; at least 1, so that empty calls count too."""
        return max(1, sum(len(window.ids) for window in self.windows))


class CallPlanner:
    """Plans calls, and decides them once their windows are scored.

    Args:
        planner: Plans the passages.
        thresholds: Thresholds of the model.
    """

    def __init__(self, planner: Planner, thresholds: Thresholds) -> None:
        self._planner = planner
        self._thresholds = thresholds
        # Not a method: a result keeps it, and must not keep the pruner and its threads alive.
        self._count_text = partial(count_text, encoder=planner.encoder)
        self._has_warned = False

    def plan(self, query: str, passages: Sequence[Passage], policy: PruningPolicy) -> PlannedCall:
        """Plan the passages of a query.

        Raises:
            InvalidInputError: The query is blank or too long for a window, `policy` is not a
                policy, or it names a threshold that the model does not store.
        """
        check_policy(policy)
        self._thresholds.resolve(policy.threshold)
        check_query(query)
        plans = self._planner.plan(query, passages)
        if not self._has_warned and not all(plan.is_legible for plan in plans):
            self._has_warned = True
            logger.warning(
                "The vocabulary of this model cannot read the script of some texts. They are kept "
                "as they are, with a relevance of -1. Use a model for their language. This warning is "
                "logged once for each pruner."
            )
        return PlannedCall(query, plans, distinct_windows(plans), policy)

    def decide(self, call: PlannedCall, scores: Sequence[WindowScores]) -> PruneResult:
        """Return the result of a call from the scores of its windows."""
        combined = combine_all(call.plans, scores)
        scored = []
        for index, (plan, of_passage) in enumerate(zip(call.plans, combined, strict=True)):
            scored.append(self._scored(index, plan, of_passage))
        passages, dropped = decide(scored, call.policy, self._thresholds, self._count_text)
        return PruneResult(call.query, passages, dropped, call.policy, self._thresholds, self._count_text)

    def decide_with_texts(self, call: PlannedCall, scores: Sequence[WindowScores]) -> PruneResult:
        """Return the result with its texts joined, so that the event loop need not do it."""
        result = self.decide(call, scores)
        for passage in result.passages:
            _ = passage.text  # remembered by the passage
        return result

    def _scored(self, index: int, plan: PassagePlan, scores: PassageScores) -> ScoredPassage:
        return ScoredPassage(
            index=index,
            passage=plan.passage,
            relevance=scores.relevance,
            sentences=plan.sentences,
            probabilities=scores.probabilities.tolist(),
            token_counts=count_sentences(plan, self._planner.encoder),
            is_legible=plan.is_legible,
            relevance_scale=scores.relevance_scale,
        )
