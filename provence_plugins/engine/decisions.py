"""Decide which sentences are kept, given their probabilities: pure functions, no model."""

import heapq
import math
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from provence_plugins.engine.budgets import CountTokens
from provence_plugins.engine.duplicates import Repeats
from provence_plugins.engine.passages import PrunedPassage, ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import compare_passages
from provence_plugins.engine.spending import Budget
from provence_plugins.engine.ties import holds_json, loose_separators
from provence_plugins.thresholds import Thresholds


def decide(
    passages: Sequence[ScoredPassage],
    policy: PruningPolicy,
    thresholds: Thresholds,
    count_tokens: CountTokens | None = None,
) -> tuple[tuple[PrunedPassage, ...], tuple[PrunedPassage, ...]]:
    """Decide which sentences of a query's passages are kept.

    The passages are compared with the surest of them, as far as the policy or the model asks for
    it. Then each passage chooses sentences by their probability. Of the passages that chose some, the
    most relevant remain. Their choices are then kept in order of probability, as far as the budget
    allows.

    Args:
        passages: All scored passages of one query, in any order.
        policy: What to keep.
        thresholds: The model's thresholds, for a policy that has none or names one.
        count_tokens: Counts tokens of the model; None if nothing can be counted, so that no
            sentence is ever cut.

    Returns:
        The kept passages, in the policy's order, and the dropped ones, in input order. Every
        passage is in one of the two. A passage that keeps no token is dropped, unless it has no
        tokens at all.
    """
    passages = sorted(passages, key=lambda passage: passage.index)
    kept: list[PrunedPassage] = []
    dropped: list[PrunedPassage] = []
    budget = _spend_budget(passages, policy, thresholds, count_tokens)
    for account in budget.accounts:
        passage = account.passage
        if account.has_tokens or not passage.tokens:
            omission = None if account.is_unmarked else _omission(passage, policy)
            kept.append(passage.keep(account.kept, omission=omission, parts=account.parts))
        else:
            dropped.append(passage.keep(()))
    if policy.order == "relevance":
        kept.sort(key=lambda passage: passage.relevance, reverse=True)
    return tuple(kept), tuple(dropped)


def _omission(passage: ScoredPassage, policy: PruningPolicy) -> str | None:
    """Return the mark of the policy; None for JSON, which would not be JSON with marks in it."""
    if policy.omission is None or holds_json(passage.columns, passage.passage.text):
        return None
    return policy.omission


def _spend_budget(
    passages: Sequence[ScoredPassage],
    policy: PruningPolicy,
    thresholds: Thresholds,
    count_tokens: CountTokens | None,
) -> Budget:
    """Choose sentences, and spend the budget on them."""
    threshold, compared = thresholds.resolve(policy.threshold), _compare(passages, policy, thresholds)
    chosen = [_choose_sentences(*each, threshold, policy) for each in zip(passages, compared, strict=True)]
    if policy.when_empty == "keep_one":
        chosen = _choose_in_one(passages, chosen, policy)
    chosen = _drop_irrelevant(passages, chosen, policy)
    pinned = _pinned_sentences(passages, policy.pin_test())
    budget = Budget(passages, policy, count_tokens, Repeats(passages, policy.deduplicate, pinned))
    budget.spend(pinned)
    budget.spend(chosen)
    # Headings and titles were brought along; only sentences that were pinned or chosen themselves
    # have neighbors.
    anchors = []
    for account, own, others in zip(budget.accounts, pinned, chosen, strict=True):
        anchors.append(account.kept.intersection({*own, *others}))
    for neighbors in _neighbors(passages, anchors, policy.keep_neighbors):
        budget.spend(neighbors)
    for wanted in (pinned, chosen):
        if not budget.has_content:
            budget.cut_best(wanted)
    budget.clear_frames()
    for account in budget.accounts:
        account.kept -= loose_separators(account.passage.columns, account.kept)
    return budget


def _compare(passages: Sequence[ScoredPassage], policy: PruningPolicy, thresholds: Thresholds) -> list[Sequence[float]]:
    """Return the probabilities of each passage that count: those after the comparison of passages.

    Passages that the model cannot read do not compete.
    """
    counting = [passage.probabilities for passage in passages]
    weight = thresholds.comparison_for(policy.threshold, policy.passage_comparison)
    if weight:
        rows = [row for row, passage in enumerate(passages) if passage.is_legible]
        relevances = [passages[row].relevance_probability for row in rows]
        compared = compare_passages([np.array(counting[row]) for row in rows], relevances, weight)
        for row, probabilities in zip(rows, compared, strict=True):
            counting[row] = probabilities.tolist()
    return counting


def _choose_sentences(
    passage: ScoredPassage,
    probabilities: Sequence[float],
    threshold: float,
    policy: PruningPolicy,
) -> Collection[int]:
    """Return the numbers of the sentences worth keeping, whether they fit or not."""
    if not passage.tokens:
        return range(len(passage.sentences))
    numbers = _units(passage)
    passing = {number for number in numbers if probabilities[number] >= threshold}
    if passing or policy.when_empty == "keep_best":
        return passing.union(_best_sentences(passage, policy))
    return numbers if policy.when_empty == "keep_all" else ()


def _best_sentences(passage: ScoredPassage, policy: PruningPolicy) -> list[int]:
    """Return the numbers of the `min_sentences` most probable sentences."""
    return heapq.nlargest(policy.min_sentences, _units(passage), key=passage.probabilities.__getitem__)


def _units(passage: ScoredPassage) -> list[int]:
    """Return the numbers of the sentences that can be kept for their own sake, unlike a bracket."""
    return [number for number, kind in enumerate(passage.columns.kinds) if kind != "structure"]


def _choose_in_one(
    passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """Choose the best sentences of the most relevant passage if no passage has chosen any."""
    changed = list(chosen)
    rows = [row for row, passage in enumerate(passages) if passage.tokens]
    if rows and not any(chosen[row] for row in rows):
        best = max(rows, key=lambda row: passages[row].relevance)
        changed[best] = _best_sentences(passages[best], policy)
    return changed


def _drop_irrelevant(
    passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """Empty the choices of all but the `top_n` most relevant of the competing passages.

    Passages without tokens and those that the model cannot read do not compete. Only passages that
    have chosen a sentence and reach `min_relevance` count among the `top_n`.
    """
    competing = [row for row, passage in enumerate(passages) if chosen[row] and passage.tokens and passage.is_legible]
    least = -math.inf if policy.min_relevance is None else policy.min_relevance
    winning = [row for row in competing if passages[row].relevance_probability >= least]
    winning.sort(key=lambda row: passages[row].relevance, reverse=True)
    losing = set(competing).difference(winning[: policy.top_n])
    return [() if row in losing else numbers for row, numbers in enumerate(chosen)]


def _pinned_sentences(
    passages: Sequence[ScoredPassage], is_pinned: Callable[[str], bool] | None
) -> list[Collection[int]]:
    if is_pinned is None:
        return [() for _ in passages]
    pinned: list[Collection[int]] = []
    for passage in passages:
        text = passage.passage.text
        pinned.append([number for number in _units(passage) if is_pinned(passage.columns.text_of(number, text))])
    return pinned


def _neighbors(
    passages: Sequence[ScoredPassage], anchors: Sequence[Collection[int]], reach: tuple[int, int]
) -> Iterator[list[set[int]]]:
    """Yield the numbers of the sentences around the anchors of each passage, the nearest first."""
    before, after = reach
    longest = max((len(passage.sentences) for passage in passages), default=0)
    units = [frozenset(_units(passage)) for passage in passages]
    for distance in range(1, min(max(before, after), longest) + 1):
        steps = []
        if distance <= before:
            steps.append(-distance)
        if distance <= after:
            steps.append(distance)
        ring: list[set[int]] = []
        for own, numbers in zip(units, anchors, strict=True):
            around = {number + step for number in numbers for step in steps}
            ring.append(around & own)
        yield ring
