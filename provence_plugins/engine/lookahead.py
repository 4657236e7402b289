"""Plan many calls ahead of their results, so that one batch may hold windows of several."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from provence_plugins.engine.planned_calls import PlannedCall
from provence_plugins.engine.requests import check_request, iterate_requests
from provence_plugins.engine.results import PruneResult
from provence_plugins.engine.scoring import Scorer, WindowScores
from provence_plugins.tokens.batches import regroup
from provence_plugins.types import Passage

# So many batches' worth of windows are planned ahead: enough to sort them by length, and a bound on
# memory.
_AHEAD_BATCHES = 4
_END = object()


def prune_ahead(
    requests: Any,  # a caller may pass anything
    plan: Callable[[str, Sequence[Passage]], PlannedCall],
    scorer: Scorer,
    decide: Callable[[PlannedCall, Sequence[WindowScores]], PruneResult],
    *,
    batch_tokens: int,
) -> Iterator[PruneResult]:
    """Yield the results of requests in order; requests are read as results are taken.

    Args:
        requests: Pairs of a query and its passages.
        plan: Plans one call.
        scorer: Scores the windows of several calls together.
        decide: Returns the result of a call from the scores of its windows.
        batch_tokens: Maximum number of tokens of a batch.

    Raises:
        InvalidInputError: A request is invalid; what came before it is yielded first.
    """

    def finish(calls: Sequence[PlannedCall]) -> Iterator[PruneResult]:
        scores = scorer.score([window for call in calls for window in call.windows])
        groups = regroup(scores, [len(call.windows) for call in calls])
        for call, group in zip(calls, groups, strict=True):
            yield decide(call, group)

    ahead: list[PlannedCall] = []
    tokens = 0
    given = iterate_requests(requests)
    while True:
        try:
            # With a default, so that a StopIteration of anything else does not look like the end.
            request = next(given, _END)
            if request is _END:
                break
            call = plan(*check_request(request))
        except Exception:
            yield from finish(ahead)
            raise
        ahead.append(call)
        tokens += call.tokens
        if tokens >= batch_tokens * _AHEAD_BATCHES:
            yield from finish(ahead)
            ahead, tokens = [], 0
    yield from finish(ahead)
