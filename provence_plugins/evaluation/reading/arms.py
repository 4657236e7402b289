"""The arms of the experiment: pruned contexts, other orders, and methods of the same size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pruner import Pruner
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.thresholds import Threshold

NO_CONTEXT, FULL, GOLD = "no context", "full", "gold sentences"

PassageOrder = Literal["best-first", "best-last"]
"""An order of passages by the relevance that the pruning model gives them."""


@dataclass(frozen=True, slots=True)
class PrunedArm:
    """The passages as this package prunes them, at one policy.

    Attributes:
        name: Its name in tables.
        policy: What is kept, and in which order.
        is_reversed: Whether the passages are shown in the opposite order.
    """

    name: str
    policy: PruningPolicy
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class MethodArm:
    """What another method chooses.

    Attributes:
        name: Its name in tables.
        method: The method.
        like: The arm whose size it gets; None for a system with fixed outputs, which has its own.
    """

    name: str
    method: LoadedMethod
    like: str | None


def pruned_arms(
    pruner: Pruner,
    thresholds: Sequence[Threshold],
    budgets: Sequence[int],
) -> list[PrunedArm]:
    """Return an arm for each threshold and budget; without both, one that decides as by default."""
    if not thresholds and not budgets:
        return [PrunedArm(f"pruned at {_show(pruner.default_threshold)}", PruningPolicy())]
    arms: list[PrunedArm] = []
    for threshold in thresholds:
        arms.append(PrunedArm(f"pruned at {_show(threshold)}", PruningPolicy(threshold=threshold)))
    for budget in budgets:
        policy = PruningPolicy(threshold=0.0, max_tokens=budget)
        arms.append(PrunedArm(f"pruned to {budget} tokens", policy))
    return arms


def ordered_arms(pruned: Sequence[PrunedArm], orders: Iterable[PassageOrder]) -> list[PrunedArm]:
    """Return the full and the pruned contexts again in other orders of their passages."""
    arms = [PrunedArm(FULL, PruningPolicy(threshold=0.0)), *pruned]
    ordered: list[PrunedArm] = []
    for order in orders:
        for arm in arms:
            policy = replace(arm.policy, order="relevance")
            ordered.append(PrunedArm(f"{arm.name}, {_in_words(order)}", policy, order == "best-last"))
    return ordered


def method_arms(
    methods: Mapping[str, LoadedMethod], pruned: Sequence[PrunedArm], *, every_size: bool = False
) -> list[MethodArm]:
    """Return the arms of other methods.

    Args:
        methods: The methods by their names.
        pruned: The arms whose sizes they get: the first one, or every one.
        every_size: Whether each method has an arm for every pruned arm.
    """
    arms: list[MethodArm] = []
    for name, method in methods.items():
        # A system with fixed outputs has a size of its own.
        like = None if method.output else pruned[0].name
        arms.append(MethodArm(name, method, like))
    if not every_size:
        return arms
    for arm in pruned[1:]:
        for name, method in methods.items():
            if method.output is None:
                arms.append(MethodArm(f"{name}, as long as {arm.name}", method, arm.name))
    return arms


def _show(threshold: Threshold) -> str:
    if isinstance(threshold, str):
        return threshold
    return f"{threshold:.3g}"


def _in_words(order: PassageOrder) -> str:
    return order.replace("-", " ")
