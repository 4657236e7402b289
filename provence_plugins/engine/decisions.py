"""Which sentences stay, given their probabilities: pure functions, no model."""

import heapq
import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.engine.policy import PruningPolicy


def decide(
    passages: Sequence[PrunedPassage], policy: PruningPolicy, default_threshold: float
) -> tuple[tuple[PrunedPassage, ...], tuple[PrunedPassage, ...]]:
    """Decide anew which sentences of a query's passages stay; earlier decisions in them do not count.

    Each passage first says what it wants to keep, then only the most relevant passages go on, then the wishes are
    fitted into the budget.

    Args:
        passages: All scored passages of one query, in any order.
        policy: What to keep.
        default_threshold: The checkpoint's own, for a policy that names none.

    Returns:
        The passages that remain, in the policy's order, and the dropped ones, in input order. Every passage is in
        one of the two. A passage that keeps no token is dropped, unless it never had one.
    """
    threshold = policy.threshold_or(default_threshold)
    passages = sorted(passages, key=lambda passage: passage.index)
    wanted = [_wanted_sentences(passage.sentences, threshold, policy) for passage in passages]
    if policy.when_empty == "keep_one":
        wanted = _with_one(passages, wanted, policy)
    wanted = _of_most_relevant(passages, wanted, policy)
    kept = _fit_budget(passages, wanted, policy)
    decided = [_with_kept(passage, numbers) for passage, numbers in zip(passages, kept, strict=True)]
    remaining = [passage for passage in decided if _remains(passage)]
    dropped = [_with_kept(passage, ()) for passage in decided if not _remains(passage)]
    if policy.order == "relevance":
        remaining.sort(key=lambda passage: passage.relevance, reverse=True)
    return tuple(remaining), tuple(dropped)


def _wanted_sentences(sentences: Sequence[ScoredSentence], threshold: float, policy: PruningPolicy) -> Collection[int]:
    """Numbers of the sentences that a passage would keep for their own sake, if there were room for all."""
    numbers = range(len(sentences))
    passing = {number for number in numbers if sentences[number].probability >= threshold}
    is_blank = not any(sentence.tokens for sentence in sentences)
    if is_blank or (not passing and policy.when_empty == "keep_all"):
        return numbers
    if not passing and policy.when_empty != "keep_best":
        return ()
    return passing.union(_best_sentences(sentences, policy))


def _best_sentences(sentences: Sequence[ScoredSentence], policy: PruningPolicy) -> list[int]:
    """Return the numbers of the `min_sentences` most probable sentences."""
    return heapq.nlargest(policy.min_sentences, range(len(sentences)), key=lambda number: sentences[number].probability)


def _with_one(
    passages: Sequence[PrunedPassage], wanted: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """Let the most relevant passage want its best sentences where no passage with text wants any."""
    chosen = list(wanted)
    rows = [row for row, passage in enumerate(passages) if passage.tokens_before]
    if rows and not any(wanted[row] for row in rows):
        best = max(rows, key=lambda row: passages[row].relevance)
        chosen[best] = _best_sentences(passages[best].sentences, policy)
    return chosen


def _of_most_relevant(
    passages: Sequence[PrunedPassage], wanted: Sequence[Collection[int]], policy: PruningPolicy
) -> list[Collection[int]]:
    """Take the wishes away from all but the `top_n` most relevant passages; blank passages keep theirs.

    Only passages that want something and are relevant enough count among the `top_n`.
    """
    competing = [row for row, passage in enumerate(passages) if wanted[row] and passage.tokens_before]
    least = -math.inf if policy.min_relevance is None else policy.min_relevance
    winning = [row for row in competing if passages[row].relevance >= least]
    winning.sort(key=lambda row: passages[row].relevance, reverse=True)
    losing = set(competing).difference(winning[: policy.top_n])
    return [() if row in losing else numbers for row, numbers in enumerate(wanted)]


def _fit_budget(
    passages: Sequence[PrunedPassage], wanted: Sequence[Collection[int]], policy: PruningPolicy
) -> list[set[int]]:
    """Numbers of the sentences that stay in each passage: the most probable first, while there is room."""
    room = math.inf if policy.max_tokens is None else policy.max_tokens
    kept: list[set[int]] = [set() for _ in passages]
    for row, number in _most_probable_first(passages, wanted):
        sentences = passages[row].sentences
        group = _unkept_group(sentences, number, kept[row], room) if policy.keep_headings else {number} - kept[row]
        title = {0} - kept[row] - group if policy.keep_title else set()
        for addition in (group, title):
            cost = sum(sentences[member].tokens for member in addition)
            if cost > room:
                break
            kept[row] |= addition
            room -= cost
    return kept


def _most_probable_first(passages: Sequence[PrunedPassage], wanted: Sequence[Collection[int]]) -> list[tuple[int, int]]:
    """Row of the passage and number of the sentence, for all that are wanted; ties stay in reading order."""
    places = [(row, number) for row, numbers in enumerate(wanted) for number in sorted(numbers)]
    places.sort(key=lambda place: passages[place[0]].sentences[place[1]].probability, reverse=True)
    return places


def _unkept_group(sentences: Sequence[ScoredSentence], number: int, kept: Collection[int], room: float) -> set[int]:
    """The sentence and the headings above it that are not kept yet, no further than it takes to exceed the room."""
    group: set[int] = set()
    above: int | None = number
    # Whatever is kept has brought all above it along.
    while above is not None and above not in kept and room >= 0:
        group.add(above)
        room -= sentences[above].tokens
        above = sentences[above].heading
    return group


def _with_kept(passage: PrunedPassage, numbers: Collection[int]) -> PrunedPassage:
    return replace(
        passage,
        sentences=tuple(
            sentence if sentence.kept == (number in numbers) else replace(sentence, kept=number in numbers)
            for number, sentence in enumerate(passage.sentences)
        ),
    )


def _remains(passage: PrunedPassage) -> bool:
    return passage.tokens_after > 0 or not passage.tokens_before
