"""Spend the budget of a query on the chosen sentences, each with everything that it brings along."""

import math
from bisect import bisect_left, insort
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from provence_plugins.engine.budgets import CountTokens, cut_to_fit, find_counter
from provence_plugins.engine.duplicates import Repeats
from provence_plugins.engine.passages import ScoredPassage, SentencePart, missing_break
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.ties import brought_by, holds_json, is_json
from provence_plugins.text.json_text import without_cut_escape


@dataclass(slots=True)
class Budget:
    """The room that is left, and the sentences of each passage that have got some of it.

    Attributes:
        passages: The passages.
        policy: What to keep.
        count_tokens: Counts tokens of the model, if they can be counted.
        repeats: Which sentences only repeat others.
        room: What is left of `max_tokens`.
        costs: What each sentence of each passage takes of it.
        mark_costs: What one mark of an omission takes of it in each passage.
        kept: Numbers of the kept sentences of each passage.
        parts: Kept parts of the sentences that are cut, by number.
        repeated: Rows of the passages in which a sentence was skipped because another passage says
            it.
        unmarked: Rows of the passages in which there is no room for a mark of an omission.
    """

    passages: Sequence[ScoredPassage]
    policy: PruningPolicy
    count_tokens: CountTokens | None
    repeats: Repeats
    room: float = field(init=False)
    costs: list[Sequence[int]] = field(init=False)
    mark_costs: list[int] = field(init=False)
    kept: list[set[int]] = field(init=False)
    parts: list[dict[int, SentencePart]] = field(init=False)
    repeated: set[int] = field(init=False, default_factory=set)
    unmarked: set[int] = field(init=False, default_factory=set)
    _order: list[list[int]] = field(init=False)  # what is kept of each passage, in reading order
    _counts_space: bool = field(init=False)

    def __post_init__(self) -> None:
        self.room = math.inf if self.policy.max_tokens is None else self.policy.max_tokens
        self.costs = [self._costs(passage) for passage in self.passages]
        self.mark_costs = [self._mark_cost(passage) for passage in self.passages]
        self.kept = [set() for _ in self.passages]
        self.parts = [{} for _ in self.passages]
        self._order = [[] for _ in self.passages]
        count = self._count
        has_budget = self.policy.max_tokens is not None and count is not None
        self._counts_space = has_budget and count is not None and count("\n\n") + count(" ") > 0

    @property
    def has_content(self) -> bool:
        """Whether anything is kept that says more than a heading."""
        return any(self._has_content(row) for row in range(len(self.passages)))

    def clear_frames(self) -> None:
        """Drop a passage that keeps only headings, because other passages say the rest of it."""
        for row in self.repeated:
            if not self._has_content(row):
                self.kept[row].clear()

    @property
    def _has_tokens(self) -> bool:
        rows = zip(self.passages, self.kept, strict=True)
        return any(passage.token_counts[number] > 0 for passage, kept in rows for number in kept)

    def _has_content(self, row: int) -> bool:
        return any(_is_content(self.passages[row], number) for number in self.kept[row])

    def spend(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep sentences, the most probable first, each with all that it brings.

        Those that do not fit are skipped, and so are those that a kept one says already. Where
        another wanted sentence says all of it and more, that one is tried first.
        """
        for row, number in _most_probable_first(self.passages, wanted):
            if self.repeats.is_said(row, number):
                self.repeated.add(row)
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
                self._keep(row, {0} - self.kept[row])
            return True
        return self.passages[row].columns.kinds[number] == "table_row" and self._keep(row, {number})

    def cut_best(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep the beginning of the most probable sentence, with its headings if they leave room for it.

        Of JSON only long strings are cut, so that what is kept stays JSON; if none fits, the
        outermost brackets stay.
        """
        if self.count_tokens is None or self.room <= 0:
            return
        ranked = _most_probable_first(self.passages, wanted)
        places = [(row, number) for row, number in ranked if _is_content(self.passages[row], number)]
        if not places and not self._has_tokens:  # a text may consist of a heading or header alone
            places = [(row, number) for row, number in ranked if _is_title(self.passages[row], number)]
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
            if is_json(self.passages[row].columns, number) and self._keep_frame(row, number):
                return
            if not self._keep_part(row, number, set()):
                self.unmarked.add(row)
                self._keep_part(row, number, set())

    def _keep_frame(self, row: int, number: int) -> bool:
        """Keep the outermost brackets around a part of a JSON document."""
        sentences = self.passages[row].columns
        opener = number
        passed = {number}  # sentences of a caller may stand inside each other
        while inside := [to for kind, to in sentences.ties_of(opener) if kind == "inside" and to not in passed]:
            opener = inside[0]
            passed.add(opener)
        closing = {to for kind, to in sentences.ties_of(opener) if kind == "closing"}
        return opener != number and self._keep(row, {opener, *closing})

    def _keep_part(self, row: int, number: int, headings: set[int]) -> bool:
        """Keep the beginning of a sentence with its headings, if they leave room for it."""
        cost = sum(self.costs[row][heading] for heading in headings)
        cost += self._added_breaks(row, {number, *headings}) + self._break_behind(row, number, headings)
        if row not in self.unmarked:
            # The place of the cut is marked too.
            cost += self._added_marks(row, {number, *headings}) + self.mark_costs[row]
        if self.room <= cost or self.count_tokens is None:
            return False
        passage = self.passages[row]
        count = self._count or self.count_tokens
        text, start = passage.columns.text_of(number, passage.passage.text), passage.columns.bounds[number]
        beginning = cut_to_fit(text, self.room - cost, count)
        # The white space in front may fill the room. It is shown behind a mark or a kept sentence.
        is_first = not (self.kept[row] or headings or (self.mark_costs[row] and row not in self.unmarked))
        if not beginning and is_first:
            start += len(text) - len(text.lstrip())
            beginning = cut_to_fit(text.lstrip(), self.room - cost, count)
        if is_json(passage.columns, number):
            beginning = without_cut_escape(beginning)
        if not beginning:
            return False
        tokens = self.count_tokens(beginning)
        self.parts[row][number] = SentencePart(start, start + len(beginning), tokens)
        self._note(row, {number, *headings})
        self.room -= cost + count(beginning)
        return True

    @property
    def _policy_count(self) -> CountTokens | None:
        """The policy's own counter."""
        return None if self.policy.token_counter is None else find_counter(self.policy.token_counter)

    @property
    def _count(self) -> CountTokens | None:
        """What counts the budget; None if nothing does."""
        return self._policy_count or self.count_tokens

    def _costs(self, passage: ScoredPassage) -> Sequence[int]:
        count = self._policy_count
        if count is None or self.policy.max_tokens is None:
            return passage.token_counts
        return list(map(count, passage.columns.texts(passage.passage.text)))

    def _mark_cost(self, passage: ScoredPassage) -> int:
        """Return what a mark that stands for nearly all sentences of a passage takes of the budget."""
        count = self._count
        mark = self.policy.omission_mark(len(passage.sentences))
        if count is None or not mark or self.policy.max_tokens is None or holds_json(passage.columns):
            return 0
        # White space around the mark is as wide as what the text has there, on both sides.
        spaces = map(_space_at_end, passage.columns.texts(passage.passage.text))
        space = max((" ", *spaces), key=len)
        return count(f"{space}{mark}{space}")

    def _added_marks(self, row: int, numbers: Collection[int]) -> int:
        """Return what the marks around sentences take that are kept in addition; less than 0 if they fill gaps."""
        cost = self.mark_costs[row]
        if not cost or not numbers:
            return 0
        kept, last = self.kept[row], len(self.passages[row].sentences) - 1
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
        return gaps * cost

    def _added_breaks(self, row: int, numbers: Collection[int]) -> int:
        """Return what the white space takes between sentences that are kept in addition and those around them.

        White space belongs to the sentence before it; where that sentence is removed, the next kept one takes it along.
        """
        count = self._count
        if not self._counts_space or count is None:
            return 0
        order = self._order[row]
        chain = sorted(set(numbers).difference(self.kept[row]))
        cost = 0
        while chain:
            place = bisect_left(order, chain[0])
            before, after = order[place - 1 : place], order[place : place + 1]
            inside = [number for number in chain if not after or number < after[0]]
            cost += self._breaks(row, [*(before if place else ()), *inside, *after], count)
            cost -= self._breaks(row, [*(before if place else ()), *after], count)
            chain = chain[len(inside) :]
        return cost

    def _break_behind(self, row: int, number: int, brought: Collection[int]) -> int:
        """Return what the white space takes between a sentence that is cut and the next kept one."""
        count = self._count
        behind = [other for other in {*self.kept[row], *brought} if other > number]
        if not behind or not self._counts_space or count is None:
            return 0
        passage = self.passages[row]
        return count(_space_at_end(passage.passage.text[: passage.columns.bounds[min(behind)]]))

    def _breaks(self, row: int, numbers: Sequence[int], count: CountTokens) -> int:
        """Return what the white space takes that parts kept sentences which do not follow each other in the text."""
        text, bounds = self.passages[row].passage.text, self.passages[row].columns.bounds
        cost = 0
        for before, number in pairwise(numbers):
            if before + 1 == number and before not in self.parts[row]:
                continue
            start, part = bounds[number], self.parts[row].get(before)
            kept = (bounds[before], bounds[before + 1]) if part is None else (part.start, part.end)
            if gap := missing_break(text, kept, start):
                cost += count(text[start - gap : start])
        return cost

    def _note(self, row: int, numbers: Collection[int]) -> None:
        """Take sentences down as kept."""
        if self._counts_space:
            for number in set(numbers).difference(self.kept[row]):
                insort(self._order[row], number)
        self.kept[row].update(numbers)

    def _keep(self, row: int, numbers: set[int]) -> bool:
        cost = sum(self.costs[row][number] for number in numbers)
        cost += self._added_marks(row, numbers) + self._added_breaks(row, numbers)
        if cost > self.room:
            return False
        self._note(row, numbers)
        self.repeats.note(row, numbers)
        self.room -= cost
        return True

    def _keep_with_brought(self, row: int, number: int, *, whole_answer: bool = False) -> bool:
        brought = self._brought_by(row, number, whole_answer=whole_answer)
        return brought is not None and self._keep(row, brought.union({number} - self.kept[row]))

    def _brought_by(self, row: int, number: int, *, whole_answer: bool = False) -> set[int] | None:
        """Return all that a sentence brings along and that is not kept yet; None if there is no room for it.

        Args:
            row: The passage.
            number: The sentence.
            whole_answer: Whether the sentence, if it is a question, brings all of its answer.
        """
        passage, kept = self.passages[row], self.kept[row]
        brought: set[int] = set()
        # What fills a gap saves its mark.
        room = self.room + self.mark_costs[row]
        waiting = [*brought_by(passage.columns, number, self.policy, whole_answer=whole_answer)]
        while waiting:
            member = waiting.pop()
            # Whatever is kept has brought everything along.
            if member in kept or member in brought or member == number:
                continue
            brought.add(member)
            room -= self.costs[row][member]
            if room < 0:
                return None
            waiting += brought_by(passage.columns, member, self.policy, whole_answer=False)
        return brought


def _space_at_end(text: str) -> str:
    return text[len(text.rstrip()) :]


def _is_content(passage: ScoredPassage, number: int) -> bool:
    is_frame = passage.columns.kinds[number] in ("heading", "table_header", "structure")
    return passage.token_counts[number] > 0 and not is_frame


def _is_title(passage: ScoredPassage, number: int) -> bool:
    return passage.token_counts[number] > 0 and passage.columns.kinds[number] in ("heading", "table_header")


def _most_probable_first(passages: Sequence[ScoredPassage], wanted: Sequence[Collection[int]]) -> list[tuple[int, int]]:
    """Return the row of the passage and the number of the sentence for all choices.

    Ties stay in reading order. Passages that the model cannot read come last: nothing tells how
    probable they are.
    """
    places = [(row, number) for row, numbers in enumerate(wanted) for number in sorted(numbers)]

    def rank(place: tuple[int, int]) -> tuple[bool, float]:
        passage = passages[place[0]]
        return passage.is_legible, passage.probabilities[place[1]]

    places.sort(key=rank, reverse=True)
    return places
