"""Decide which sentences are kept, given their probabilities: pure functions, no model."""

import heapq
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from provence_plugins.engine.budgets import CountTokens, cut_to_fit, find_counter
from provence_plugins.engine.duplicates import Repeats
from provence_plugins.engine.passages import PrunedPassage, ScoredPassage, SentencePart
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.ties import brought_by, loose_separators


def decide(
    passages: Sequence[ScoredPassage],
    policy: PruningPolicy,
    default_threshold: float,
    count_tokens: CountTokens | None = None,
) -> tuple[tuple[PrunedPassage, ...], tuple[PrunedPassage, ...]]:
    """Decide which sentences of a query's passages are kept.

    Each passage first chooses sentences by their probability. Of the passages that chose some, the most relevant go on.
    Their choices are then kept in order of probability, as far as the budget allows.

    Args:
        passages: All scored passages of one query, in any order.
        policy: What to keep.
        default_threshold: The model's own threshold, for a policy that has none.
        count_tokens: Counts tokens of the model; None if nothing can be counted, so that no sentence is ever cut.

    Returns:
        The kept passages, in the policy's order, and the dropped ones, in input order. Every passage is in one of the
        two. A passage that keeps no token is dropped, unless it has no tokens at all.
    """
    passages = sorted(passages, key=lambda passage: passage.index)
    kept: list[PrunedPassage] = []
    dropped: list[PrunedPassage] = []
    budget = _spend_budget(passages, policy, default_threshold, count_tokens)
    for passage, numbers, parts in zip(passages, budget.kept, budget.parts, strict=True):
        if not passage.tokens or any(passage.token_counts[number] for number in numbers):
            kept.append(passage.keep(numbers, omission=policy.omission, parts=parts))
        else:
            dropped.append(passage.keep(()))
    if policy.order == "relevance":
        kept.sort(key=lambda passage: passage.relevance, reverse=True)
    return tuple(kept), tuple(dropped)


def _spend_budget(
    passages: Sequence[ScoredPassage],
    policy: PruningPolicy,
    default_threshold: float,
    count_tokens: CountTokens | None,
) -> "_Budget":
    """Choose sentences, and spend the budget on them."""
    threshold = policy.threshold_or(default_threshold)
    chosen = [_choose_sentences(passage, threshold, policy) for passage in passages]
    if policy.when_empty == "keep_one":
        chosen = _choose_in_one(passages, chosen, policy)
    chosen = _drop_irrelevant(passages, chosen, policy)
    pinned = _pinned_sentences(passages, policy.pin_test())
    budget = _Budget(passages, policy, count_tokens, Repeats(passages, policy.deduplicate, pinned))
    budget.spend(pinned)
    budget.spend(chosen)
    # Headings and titles have come along; only what was pinned or chosen for its own sake has neighbors.
    anchors = [
        kept.intersection({*own, *others}) for kept, own, others in zip(budget.kept, pinned, chosen, strict=True)
    ]
    for neighbors in _neighbors(passages, anchors, policy.keep_neighbors):
        budget.spend(neighbors)
    for wanted in (pinned, chosen):
        if not budget.has_content:
            budget.cut_best(wanted)
    budget.clear_frames()
    for passage, kept in zip(passages, budget.kept, strict=True):
        kept -= loose_separators(passage.sentences, kept)
    return budget


def _choose_sentences(passage: ScoredPassage, threshold: float, policy: PruningPolicy) -> Collection[int]:
    """Return the numbers of the sentences that are worth keeping, whether there is room for them or not."""
    if not passage.tokens:
        return range(len(passage.sentences))
    numbers = _units(passage)
    passing = {number for number in numbers if passage.probabilities[number] >= threshold}
    if passing or policy.when_empty == "keep_best":
        return passing.union(_best_sentences(passage, policy))
    return numbers if policy.when_empty == "keep_all" else ()


def _best_sentences(passage: ScoredPassage, policy: PruningPolicy) -> list[int]:
    """Return the numbers of the `min_sentences` most probable sentences."""
    return heapq.nlargest(policy.min_sentences, _units(passage), key=passage.probabilities.__getitem__)


def _units(passage: ScoredPassage) -> list[int]:
    """Return the numbers of the sentences that can be kept for their own sake, unlike a bracket."""
    return [number for number, sentence in enumerate(passage.sentences) if sentence.kind != "structure"]


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
    """Empty the choices of all but the `top_n` most relevant passages; others that cannot compete keep theirs.

    Passages without tokens and those that the model cannot read do not compete. Only passages that have chosen a
    sentence and reach `min_relevance` count among the `top_n`.
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
        pinned.append([number for number in _units(passage) if is_pinned(passage.sentences[number].of(text))])
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


@dataclass(slots=True)
class _Budget:
    """The room that is left, and the sentences of each passage that have got some of it.

    Attributes:
        passages: The passages.
        policy: What to keep.
        count_tokens: Counts tokens of the model, if they can be counted.
        repeats: Which sentences only repeat others.
        room: What is left of `max_tokens`.
        costs: What each sentence of each passage takes of it.
        kept: Numbers of the kept sentences of each passage.
        parts: Kept parts of the sentences that are cut, by number.
        repeated: Rows of the passages in which a sentence was skipped because another passage says it.
    """

    passages: Sequence[ScoredPassage]
    policy: PruningPolicy
    count_tokens: CountTokens | None
    repeats: Repeats
    room: float = field(init=False)
    costs: list[Sequence[int]] = field(init=False)
    kept: list[set[int]] = field(init=False)
    parts: list[dict[int, SentencePart]] = field(init=False)
    repeated: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.room = math.inf if self.policy.max_tokens is None else self.policy.max_tokens
        self.costs = [self._costs(passage) for passage in self.passages]
        self.kept = [set() for _ in self.passages]
        self.parts = [{} for _ in self.passages]

    @property
    def has_content(self) -> bool:
        """Whether anything is kept that says more than a heading."""
        return any(self._has_content(row) for row in range(len(self.passages)))

    def clear_frames(self) -> None:
        """Drop a passage that keeps only headings, because other passages say the rest of it."""
        for row in self.repeated:
            if not self._has_content(row):
                self.kept[row].clear()

    def _has_content(self, row: int) -> bool:
        return any(_is_content(self.passages[row], number) for number in self.kept[row])

    def spend(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep sentences, the most probable first, each with all that it brings.

        Those that do not fit are skipped, and so are those that a kept one says already. Where another wanted sentence
        says all of it and more, that one is tried first.
        """
        for row, number in _most_probable_first(self.passages, wanted):
            if self.repeats.is_said(row, number):
                self.repeated.add(row)
                continue
            fuller = (place for place in self.repeats.fuller(row, number) if place.number in wanted[place.row])
            if not any(self._spend_on(*place) for place in fuller):
                self._spend_on(row, number)

    def _spend_on(self, row: int, number: int) -> bool:
        """Keep a sentence with all that it brings, if that fits; return whether it is kept."""
        group = self._missing_group(row, number)
        title = {0} - self.kept[row] - group if self.policy.keep_title else set()
        if self._keep(row, group):
            self._keep(row, title)
            return True
        return self.passages[row].sentences[number].kind == "table_row" and self._keep(row, {number})

    def cut_best(self, wanted: Sequence[Collection[int]]) -> None:
        """Keep the beginning of the most probable sentence, with its headings if they leave room for it."""
        if self.count_tokens is None or self.room <= 0:
            return
        for row, number in _most_probable_first(self.passages, wanted):
            if not _is_content(self.passages[row], number):
                continue
            headings = self._missing_group(row, number) - {number}
            cost = sum(self.costs[row][heading] for heading in headings)
            if self._keep_part(row, number, self.room - cost):
                self._keep(row, headings)
            else:
                self._keep_part(row, number, self.room)
            return

    def _keep_part(self, row: int, number: int, room: float) -> bool:
        if room <= 0 or self.count_tokens is None:
            return False
        passage = self.passages[row]
        sentence = passage.sentences[number]
        count = self._policy_count or self.count_tokens
        beginning = cut_to_fit(sentence.of(passage.passage.text), room, count)
        if not beginning:
            return False
        tokens = self.count_tokens(beginning)
        self.parts[row][number] = SentencePart(sentence.start, sentence.start + len(beginning), tokens)
        self.kept[row].add(number)
        self.room -= count(beginning)
        return True

    @property
    def _policy_count(self) -> CountTokens | None:
        """The policy's own counter."""
        return None if self.policy.token_counter is None else find_counter(self.policy.token_counter)

    def _costs(self, passage: ScoredPassage) -> Sequence[int]:
        count = self._policy_count
        if count is None or self.policy.max_tokens is None:
            return passage.token_counts
        return [count(sentence.of(passage.passage.text)) for sentence in passage.sentences]

    def _keep(self, row: int, numbers: set[int]) -> bool:
        cost = sum(self.costs[row][number] for number in numbers)
        if cost > self.room:
            return False
        self.kept[row] |= numbers
        self.repeats.note(row, numbers)
        self.room -= cost
        return True

    def _missing_group(self, row: int, number: int) -> set[int]:
        """Return the sentence and all it brings along that is not kept yet, until they exceed the room."""
        passage, kept = self.passages[row], self.kept[row]
        group: set[int] = set()
        room = self.room
        waiting = [number]
        while waiting and room >= 0:
            member = waiting.pop()
            # Whatever is kept has brought everything along.
            if member in kept or member in group:
                continue
            group.add(member)
            room -= self.costs[row][member]
            waiting += brought_by(passage.sentences[member], self.policy)
        return group


def _is_content(passage: ScoredPassage, number: int) -> bool:
    is_frame = passage.sentences[number].kind in ("heading", "table_header", "structure")
    return passage.token_counts[number] > 0 and not is_frame


def _most_probable_first(passages: Sequence[ScoredPassage], wanted: Sequence[Collection[int]]) -> list[tuple[int, int]]:
    """Return the row of the passage and the number of the sentence for all choices; ties stay in reading order."""
    places = [(row, number) for row, numbers in enumerate(wanted) for number in sorted(numbers)]
    places.sort(key=lambda place: passages[place[0]].probabilities[place[1]], reverse=True)
    return places
