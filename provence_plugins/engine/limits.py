"""Find the limits of a policy that leave nothing of a result, so that a message can name them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult

LimitName = Literal["max_tokens", "min_relevance", "passage_comparison"]

# Fields of a policy that can drop a passage which has a sentence worth keeping, in the order in
# which they are blamed, each with the value that switches it off.
_OFF: Mapping[LimitName, float | None] = MappingProxyType(
    {"max_tokens": None, "min_relevance": None, "passage_comparison": 0}
)


def find_emptying_limits(result: PruneResult) -> dict[LimitName, float]:
    """Return the limits that leave nothing of a result, by the names of the policy's fields.

    Returns:
        The fewest limits without which something would be kept, each with its value. Empty if
        something is kept, or if nothing would be kept without any limit either because no sentence
        reaches the threshold.
    """
    if result.passages:
        return {}
    limits = _limits_of(result)
    for count in range(1, len(limits) + 1):
        for names in combinations(limits, count):
            if result.with_policy(_without(result.policy, names)).passages:
                return {name: limits[name] for name in names}
    return {}


def best_probability(result: PruneResult) -> float:
    """Return the highest probability of the sentences of dropped passages; 0.0 if there is none.

    Parts of JSON that cannot be kept for their own sake, such as brackets, do not count.
    """
    return max(_probabilities(result), default=0.0)


def _limits_of(result: PruneResult) -> dict[LimitName, float]:
    policy = result.policy
    # The comparison may be the model's own.
    comparison = result.thresholds.comparison_for(policy.threshold, policy.passage_comparison)
    values: dict[LimitName, float | None] = {
        "max_tokens": policy.max_tokens,
        "min_relevance": policy.min_relevance,
        "passage_comparison": comparison or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _without(policy: PruningPolicy, names: Iterable[LimitName]) -> PruningPolicy:
    # Any: values of several types.
    off: dict[str, Any] = {name: _OFF[name] for name in names}
    return replace(policy, **off)


def _probabilities(result: PruneResult) -> Iterator[float]:
    for passage in result.dropped:
        for sentence in passage.sentences:
            if sentence.kind != "structure":
                yield sentence.probability
