"""Spend the budget of a query on the chosen sentences, each with all that it brings along."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from provence_plugins.engine.accounts import (
    PassageAccount,
    choose_counter,
    is_content,
    open_accounts,
)
from provence_plugins.engine.budgets import CountTokens, cut_to_fit
from provence_plugins.engine.duplicates import Repeats
from provence_plugins.engine.passages import ScoredPassage, SentencePart
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.ties import brought_by, is_json, outermost_bracket
from provence_plugins.text.json_text import without_cut_escape

Place = tuple[int, int]
"""The row of a passage, and the number of one of its sentences."""


@dataclass(slots=True)
class Budget:
    """The part of a budget that is left, and the parts that the passages use.

    Attributes:
        passages: The passages.
        policy: What to keep.
        count_tokens: Counts tokens of the model, if they can be counted.
        repeats: Which sentences only repeat others.
        room: The unused part of `max_tokens`.
        accounts: What each passage has.
    """

    passages: Sequence[ScoredPassage]
    policy: PruningPolicy
    count_tokens: CountTokens | None
    repeats: Repeats
    room: float = field(init=False)
    accounts: list[PassageAccount] = field(init=False)
    _count: CountTokens | None = field(init=False)  # what counts the budget; None if nothing does

    def __post_init__(self) -> None:
        self.room = math.inf if self.policy.max_tokens is None else self.policy.max_tokens
        self._count = choose_counter(self.policy, self.count_tokens)
        self.accounts = open_accounts(self.passages, self.policy, self._count)

    @property
    def has_content(self) -> bool:
        """Whether anything is kept that says more than a heading."""
        return any(account.has_content for account in self.accounts)

    @property
    def has_tokens(self) -> bool:
        """Whether anything is kept that the model reads."""
        return any(account.has_tokens for account in self.accounts)

    def clear_frames(self) -> None:
        """Drop a passage that keeps only headings, because other passages say the rest of it."""
        for account in self.accounts:
            if account.repeats_others and not account.has_content:
                account.kept.clear()

    def spend(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep sentences, the most probable first, each with all that it brings.

        Those that do not fit are skipped, and so are those that a kept one says already. Where
        another wanted sentence says all of it and more, that one is tried first.
        """
        for row, number in _most_probable_first(self.passages, wanted):
            if self.repeats.is_said(row, number):
                self.accounts[row].repeats_others = True
                continue
            fuller = (place for place in self.repeats.fuller(row, number) if place.number in wanted[place.row])
            if not any(self._spend_on(*place) for place in fuller):
                self._spend_on(row, number)

    def _spend_on(self, row: int, number: int) -> bool:
        """Keep a sentence with all that it brings, if that fits; return whether it is kept.

        A question whose answer does not fit is kept with the beginning of the answer, a row without
        its header.
        """
        if self._keep_with_brought(row, number, whole_answer=True) or self._keep_with_brought(row, number):
            if self.policy.keep_title:
                self._keep(row, {0})
            return True
        return self.passages[row].columns.kinds[number] == "table_row" and self._keep(row, {number})

    def cut_best(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep the beginning of the most probable sentence, with its headings if they fit.

        Of JSON only long strings are cut, so that what is kept stays JSON; if none fits, the
        outermost brackets stay.
        """
        if self.count_tokens is None or self.room <= 0:
            return
        places = self._places_to_cut(wanted)
        for row, number in places:
            sentences = self.passages[row].columns
            is_part_of_json = is_json(sentences, number)
            if is_part_of_json and sentences.kinds[number] != "sentence":
                continue
            headings = self._brought_by(row, number)
            if headings is not None and self._keep_part(row, number, headings):
                return
            if not is_part_of_json:
                break
        for row, number in places[:1]:
            # A cut outside of strings breaks JSON. It is made only where nothing would be kept otherwise.
            if is_json(self.passages[row].columns, number) and (self._keep_frame(row, number) or self.has_tokens):
                return
            if not self._keep_part(row, number, set()):
                self.accounts[row].is_unmarked = True
                self._keep_part(row, number, set())

    def _places_to_cut(self, wanted: Sequence[Collection[int]]) -> list[Place]:
        """Return the sentences that may be cut, the most probable first."""
        ranked = _most_probable_first(self.passages, wanted)
        places = [(row, number) for row, number in ranked if is_content(self.passages[row], number)]
        if places or self.has_tokens:
            return places
        # A text may consist of a heading or a header alone.
        return [(row, number) for row, number in ranked if _is_title(self.passages[row], number)]

    def _keep_frame(self, row: int, number: int) -> bool:
        """Keep the outermost brackets around a part of a JSON document."""
        sentences = self.passages[row].columns
        opener = outermost_bracket(sentences, number)
        closing = {to for kind, to in sentences.ties_of(opener) if kind == "closing"}
        return opener != number and self._keep(row, {opener, *closing})

    def _keep_part(self, row: int, number: int, headings: set[int]) -> bool:
        """Keep the beginning of a sentence with its headings, if they leave room for it."""
        account = self.accounts[row]
        cost = account.cost_around(number, headings)
        if self.room <= cost or self.count_tokens is None:
            return False
        passage = self.passages[row]
        count = self._count or self.count_tokens
        text, start = passage.columns.text_of(number, passage.passage.text), passage.columns.bounds[number]
        beginning = cut_to_fit(text, self.room - cost, count)
        # The white space in front may fill the room. It is shown after a mark or a kept sentence.
        is_behind_mark = account.mark_cost and not account.is_unmarked
        if not (beginning or account.kept or headings or is_behind_mark):
            start += len(text) - len(text.lstrip())
            beginning = cut_to_fit(text.lstrip(), self.room - cost, count)
        if is_json(passage.columns, number):
            beginning = without_cut_escape(beginning)
        if not beginning:
            return False
        tokens = self.count_tokens(beginning)
        account.parts[number] = SentencePart(start, start + len(beginning), tokens)
        account.keep({number, *headings})
        self.room -= cost + count(beginning)
        return True

    def _keep(self, row: int, numbers: set[int]) -> bool:
        """Keep sentences if all that are not kept yet fit; return whether all of them are kept."""
        account = self.accounts[row]
        added = numbers - account.kept
        cost = account.cost_of(added)
        if cost > self.room:
            return False
        account.keep(added)
        self.repeats.note(row, added)
        self.room -= cost
        return True

    def _keep_with_brought(self, row: int, number: int, *, whole_answer: bool = False) -> bool:
        brought = self._brought_by(row, number, whole_answer=whole_answer)
        return brought is not None and self._keep(row, {number, *brought})

    def _brought_by(self, row: int, number: int, *, whole_answer: bool = False) -> set[int] | None:
        """Return what a sentence brings along that is not kept yet; None if it does not fit.

        Args:
            row: The passage.
            number: The sentence.
            whole_answer: Whether the sentence, if it is a question, brings all of its answer.
        """
        columns, account = self.passages[row].columns, self.accounts[row]
        brought: set[int] = set()
        # What fills a gap saves its mark.
        room = self.room + account.mark_cost
        waiting = [*brought_by(columns, number, self.policy, whole_answer=whole_answer)]
        while waiting:
            member = waiting.pop()
            # Whatever is kept has brought everything along.
            if member in account.kept or member in brought or member == number:
                continue
            brought.add(member)
            room -= account.costs[member]
            if room < 0:
                return None
            waiting += brought_by(columns, member, self.policy, whole_answer=False)
        return brought


def _is_title(passage: ScoredPassage, number: int) -> bool:
    return passage.token_counts[number] > 0 and passage.columns.kinds[number] in ("heading", "table_header")


def _most_probable_first(
    passages: Sequence[ScoredPassage],
    wanted: Sequence[Collection[int]],
) -> list[Place]:
    """Return the row of the passage and the number of the sentence for all choices.

    Ties stay in reading order. Passages that the model cannot read come last: nobody knows how
    probable they are.
    """
    places = [(row, number) for row, numbers in enumerate(wanted) for number in sorted(numbers)]

    def rank(place: Place) -> tuple[bool, float]:
        passage = passages[place[0]]
        return passage.is_legible, passage.probabilities[place[1]]

    places.sort(key=rank, reverse=True)
    return places
