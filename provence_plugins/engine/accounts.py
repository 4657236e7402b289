"""The part of a budget that each passage uses: its kept sentences, and the cost of more."""

from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from provence_plugins.engine.budgets import CountTokens, find_counter
from provence_plugins.engine.kept_text import Bounds, Breaks, kept_bounds_of, space_at_end
from provence_plugins.engine.passages import ScoredPassage, SentencePart
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.ties import holds_json


@dataclass(slots=True)
class PassageAccount:
    """The sentences that are kept of one passage, and what they and others take of the budget.

    Attributes:
        passage: The passage.
        costs: What each of its sentences takes.
        mark_cost: What one mark of an omission takes.
        count_space: Counts the white space between kept sentences; None if it takes nothing.
        kept: Numbers of the kept sentences.
        parts: Kept parts of the sentences that are cut, by number.
        repeats_others: Whether a sentence was skipped because another passage says it.
        is_unmarked: Whether there is no room for a mark of an omission.
    """

    passage: ScoredPassage
    costs: Sequence[int]
    mark_cost: int = 0
    count_space: CountTokens | None = None
    kept: set[int] = field(default_factory=set)
    parts: dict[int, SentencePart] = field(default_factory=dict)
    repeats_others: bool = False
    is_unmarked: bool = False
    _order: list[int] = field(default_factory=list)  # what is kept, in reading order
    _breaks: Breaks | None = field(init=False, default=None)  # if white space takes something

    def __post_init__(self) -> None:
        if self.count_space is not None:
            self._breaks = Breaks(self.passage.passage.text, self.passage.columns.bounds)

    @property
    def has_content(self) -> bool:
        """Whether anything is kept that says more than a heading."""
        return any(is_content(self.passage, number) for number in self.kept)

    @property
    def has_tokens(self) -> bool:
        """Whether anything is kept that the model reads."""
        return any(self.passage.token_counts[number] > 0 for number in self.kept)

    def cost_of(self, numbers: Collection[int]) -> int:
        """Return the cost of sentences that are not kept yet, with the marks and white space around them."""
        cost = sum(self.costs[number] for number in numbers)
        return cost + self._added_marks(numbers) + self._added_breaks(numbers)

    def cost_around(self, number: int, headings: set[int]) -> int:
        """Return the cost of what a part of a sentence brings along, without the part itself."""
        together = {number, *headings}
        cost = sum(self.costs[heading] for heading in headings)
        cost += self._added_breaks(together) + self._break_behind(number, headings)
        if not self.is_unmarked:
            # The place of the cut is marked too.
            cost += self._added_marks(together) + self.mark_cost
        return cost

    def keep(self, numbers: Collection[int]) -> None:
        """Record sentences as kept."""
        if self.count_space is not None:
            for number in set(numbers).difference(self.kept):
                insort(self._order, number)
        self.kept.update(numbers)

    def _added_marks(self, numbers: Collection[int]) -> int:
        """Return the cost of the marks around more sentences; negative if they fill gaps."""
        if not self.mark_cost or not numbers:
            return 0
        kept, last = self.kept, len(self.passage.sentences) - 1
        added: set[int] = set()
        # As long as nothing is kept of a passage, its only gap has no mark.
        gaps = 0 if kept else 1
        for number in numbers:
            if number in kept:
                continue
            before, after = number - 1, number + 1
            gaps += 1 - (number == 0 or before in kept or before in added)
            gaps -= number == last or after in kept or after in added
            added.add(number)
        return gaps * self.mark_cost

    def _added_breaks(self, numbers: Collection[int]) -> int:
        """Return the cost of the white space between more sentences and those around them.

        White space belongs to the sentence before it; where that sentence is removed, a break that
        kept text needs stays.
        """
        if self.count_space is None:
            return 0
        order = self._order
        chain = sorted(set(numbers).difference(self.kept))
        cost = 0
        while chain:
            place = bisect_left(order, chain[0])
            before, after = order[max(0, place - 1) : place], order[place : place + 1]
            inside = chain[: bisect_left(chain, after[0])] if after else chain
            cost += self._cost_between([*before, *inside, *after]) - self._cost_between([*before, *after])
            chain = chain[len(inside) :]
        return cost

    def _break_behind(self, number: int, brought: Collection[int]) -> int:
        """Return the cost of the white space between a cut sentence and the next kept one."""
        behind = [other for other in {*self.kept, *brought} if other > number]
        if not behind:
            return 0
        # The part may end without white space, wherever the cut is.
        start = self.passage.columns.bounds[number]
        return self._cost_of_break((start, start), range(number, min(behind)))

    def _cost_between(self, numbers: Sequence[int]) -> int:
        """Return the cost of the white space that separates kept sentences."""
        bounds = self.passage.columns.bounds
        return sum(
            self._cost_of_break(kept_bounds_of(before, bounds, self.parts), range(before, number))
            for before, number in pairwise(numbers)
            if before + 1 != number or before in self.parts
        )

    def _cost_of_break(self, kept: Bounds, between: range) -> int:
        """Return the cost of the white space between a kept part and the next one; see `Breaks`."""
        if self._breaks is None or self.count_space is None:
            return 0
        start, end = self._breaks.separator(kept, between, self.passage.columns.bounds[between.stop])
        return self.count_space(self.passage.passage.text[start:end]) if start < end else 0


def choose_counter(policy: PruningPolicy, count_tokens: CountTokens | None) -> CountTokens | None:
    """Return the function that counts the budget of a policy; None if there is none.

    Args:
        policy: The policy, perhaps with a counter of its own.
        count_tokens: Counts tokens of the model, if they can be counted.
    """
    return count_tokens if policy.token_counter is None else find_counter(policy.token_counter)


def open_accounts(
    passages: Sequence[ScoredPassage], policy: PruningPolicy, count: CountTokens | None
) -> list[PassageAccount]:
    """Return an account for each passage, without any kept sentence.

    Args:
        passages: The passages.
        policy: What to keep.
        count: Counts the budget, if it can be counted.
    """
    if count is None or policy.max_tokens is None:
        return [PassageAccount(passage, passage.token_counts) for passage in passages]
    takes_space = count("\n\n") + count(" ") > 0
    accounts = []
    for passage in passages:
        costs: Sequence[int] = passage.token_counts
        if policy.token_counter is not None:
            costs = list(map(count, passage.columns.texts(passage.passage.text)))
        mark_cost = _mark_cost(passage, policy, count)
        accounts.append(PassageAccount(passage, costs, mark_cost, count if takes_space else None))
    return accounts


def is_content(passage: ScoredPassage, number: int) -> bool:
    """Return whether a sentence says more than a heading."""
    is_frame = passage.columns.kinds[number] in ("heading", "table_header", "structure")
    return passage.token_counts[number] > 0 and not is_frame


def _mark_cost(passage: ScoredPassage, policy: PruningPolicy, count: CountTokens) -> int:
    """Return the cost of a mark in place of nearly all sentences of a passage."""
    mark = policy.omission_mark(len(passage.sentences))
    if not mark or holds_json(passage.columns, passage.passage.text):
        return 0
    # White space around the mark is as wide as what the text has there, on both sides.
    spaces = map(space_at_end, passage.columns.texts(passage.passage.text))
    space = max((" ", *spaces), key=len)
    return count(f"{space}{mark}{space}")
