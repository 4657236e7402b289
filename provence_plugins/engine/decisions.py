"""Decide which sentences are kept, given their probabilities: pure functions, no model."""

import heapq
import math
from collections.abc import Collection, Sequence

from provence_plugins.engine.passages import PrunedPassage, ScoredPassage
from provence_plugins.engine.policy import PruningPolicy


def decide(
    passages: Sequence[ScoredPassage], policy: PruningPolicy, default_threshold: float
) -> tuple[tuple[PrunedPassage, ...], tuple[PrunedPassage, ...]]:
    """Decide which sentences of a query's passages are kept.

    Each passage first chooses sentences by their probability. Of the passages that chose some, the most relevant go on.
    Their choices are then kept in order of probability, as far as the budget allows.

    Args:
        passages: All scored passages of one query, in any order.
        policy: What to keep.
        default_threshold: The model's own threshold, for a policy that has none.

    Returns:
        The kept passages, in the policy's order, and the dropped ones, in input order. Every passage is in one of the
        two. A passage that keeps no token is dropped, unless it has no tokens at all.
    """
    passages = sorted(passages, key=lambda passage: passage.index)
    threshold = policy.threshold_or(default_threshold)
    chosen = [_choose_sentences(passage, threshold, policy) for passage in passages]
    if policy.when_empty == "keep_one":
        chosen = _choose_in_one(passages, chosen, policy)
    chosen = _drop_irrelevant(passages, chosen, policy)
    kept: list[PrunedPassage] = []
    dropped: list[PrunedPassage] = []
    for passage, numbers in zip(passages, _fit_budget(passages, chosen, policy), strict=True):
        if not passage.tokens or any(passage.token_counts[number] for number in numbers):
            kept.append(passage.keep(numbers))
        else:
            dropped.append(passage.keep(()))
    if policy.order == "relevance":
        kept.sort(key=lambda passage: passage.relevance, reverse=True)
    return tuple(kept), tuple(dropped)


def _choose_sentences(passage: ScoredPassage, threshold: float, policy: PruningPolicy) -> Collection[int]:
    """Return the numbers of the sentences that are worth keeping, whether there is room for them or not."""
    numbers = range(len(passage.sentences))
    if not passage.tokens:
        return numbers
    passing = {number for number in numbers if passage.probabilities[number] >= threshold}
    if passing or policy.when_empty == "keep_best":
        return passing.union(_best_sentences(passage, policy))
    return numbers if policy.when_empty == "keep_all" else ()


def _best_sentences(passage: ScoredPassage, policy: PruningPolicy) -> list[int]:
    """Return the numbers of the `min_sentences` most probable sentences."""
    return heapq.nlargest(policy.min_sentences, range(len(passage.sentences)), key=passage.probabilities.__getitem__)


def _choose_in_one(
    passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """If no passage with text has chosen a sentence, choose the best sentences of the most relevant one."""
    changed = list(chosen)
    rows = [row for row, passage in enumerate(passages) if passage.tokens]
    if rows and not any(chosen[row] for row in rows):
        best = max(rows, key=lambda row: passages[row].relevance)
        changed[best] = _best_sentences(passages[best], policy)
    return changed


def _drop_irrelevant(
    passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """Empty the choices of all but the `top_n` most relevant passages; passages without tokens keep theirs.

    Only passages that have chosen a sentence and reach `min_relevance` count among the `top_n`.
    """
    competing = [row for row, passage in enumerate(passages) if chosen[row] and passage.tokens]
    least = -math.inf if policy.min_relevance is None else policy.min_relevance
    winning = [row for row in competing if passages[row].relevance >= least]
    winning.sort(key=lambda row: passages[row].relevance, reverse=True)
    losing = set(competing).difference(winning[: policy.top_n])
    return [() if row in losing else numbers for row, numbers in enumerate(chosen)]


def _fit_budget(
    passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]], policy: PruningPolicy
) -> list[set[int]]:
    """Return the numbers of the kept sentences of each passage: the most probable first, while there is room."""
    room = math.inf if policy.max_tokens is None else policy.max_tokens
    kept: list[set[int]] = [set() for _ in passages]
    for row, number in _most_probable_first(passages, chosen):
        passage = passages[row]
        group = _missing_group(passage, number, kept[row], room) if policy.keep_headings else {number} - kept[row]
        title = {0} - kept[row] - group if policy.keep_title else set()
        for addition in (group, title):
            cost = sum(passage.token_counts[member] for member in addition)
            if cost > room:
                break
            kept[row] |= addition
            room -= cost
    return kept


def _most_probable_first(passages: Sequence[ScoredPassage], chosen: Sequence[Collection[int]]) -> list[tuple[int, int]]:
    """Return the row of the passage and the number of the sentence for all choices; ties stay in reading order."""
    places = [(row, number) for row, numbers in enumerate(chosen) for number in sorted(numbers)]
    places.sort(key=lambda place: passages[place[0]].probabilities[place[1]], reverse=True)
    return places


def _missing_group(passage: ScoredPassage, number: int, kept: Collection[int], room: float) -> set[int]:
    """Return the sentence and those headings above it that are not kept yet, until they exceed the room."""
    group: set[int] = set()
    above: int | None = number
    # A kept heading has brought all headings above it along.
    while above is not None and above not in kept and room >= 0:
        group.add(above)
        room -= passage.token_counts[above]
        above = passage.sentences[above].heading
    return group
