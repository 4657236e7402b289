"""The settings that decide what is kept."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_args

from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import (
    advise_on_keywords,
    as_plain,
    check_class_keywords,
    check_count,
    check_switch,
    show_value,
)
from provence_plugins.model.formats import MOST_COMPARISON
from provence_plugins.thresholds import THRESHOLD_NAMES, Threshold
from provence_plugins.types import MeaningTie

WhenEmpty = Literal["drop", "keep_one", "keep_best", "keep_all"]
Order = Literal["input", "relevance"]
Deduplicate = Literal["exact", "near"]

Pins = str | Callable[[str], bool]
"""A regular expression, or a function from the text of a sentence to whether it is pinned."""

_CHOICES: dict[str, tuple[str | None, ...]] = {
    "when_empty": get_args(WhenEmpty),
    "order": get_args(Order),
    "deduplicate": (None, *get_args(Deduplicate)),
}
ALL_TIES: tuple[MeaningTie, ...] = get_args(MeaningTie)
_SWITCHES = ("keep_title", "keep_headings")
_NUMBERS = (
    "threshold",
    "top_n",
    "max_tokens",
    "min_sentences",
    "min_relevance",
    "keep_neighbors",
    "passage_comparison",
)


@check_class_keywords
@dataclass(frozen=True, slots=True)
class PruningPolicy:
    """Controls which sentences of a query's passages are kept, given their probabilities.

    Attributes:
        threshold: A sentence passes the threshold when its probability is at least this; 0 keeps
            everything. A name stands for a threshold that the model stores: "careful", "balanced"
            and "short" keep 99, 97 and 93 of 100 answers on the data that they were measured on.
            None for the model's own threshold, which is "balanced" unless its training chose
            another share.
        top_n: Maximum number of passages that are kept, the most relevant ones; they are chosen
            before the budget is spent. Blank passages, and those that the model cannot read, are
            kept in any case and do not count. None for no limit.
        max_tokens: Maximum number of tokens that are kept over all passages of a query; never
            exceeded, whatever else is set. Sentences are added in order of probability, each with
            its headings. One that does not fit is skipped, and shorter ones may still fit; if none
            fits, the most probable one is cut at a line, a clause or a word. Passages that the
            model cannot read get the tokens that are left. Padding and dashes of a table's header
            are kept but not counted, except by a `token_counter`. None for no limit.
        keep_title: Keep the first sentence of a passage whenever another one is kept; published
            Provence models expect the title of the page there. It is left out if the budget has
            room for the other sentence alone.
        keep_headings: Keep the heading of the section and the header of the table that a kept
            sentence belongs to, and the headings above these.
        min_sentences: A passage that keeps a sentence keeps at least this many of its most probable
            ones.
        when_empty: What to do with a passage when none of its sentences passes the threshold.
            "drop" drops it; "keep_best" keeps its `min_sentences` best sentences; "keep_all" keeps
            all of it. "keep_one" drops it too, but if that leaves nothing at all, the most relevant
            passage keeps its `min_sentences` best sentences.
        order: Order of the kept passages: "input", as they were given, or "relevance", the most
            relevant first.
        min_relevance: Minimum relevance of a kept passage, regardless of its sentences, as a
            probability from 0 to 1. Where a model gives logits, as Provence and XProvence do, their
            logistic function is compared. None for no minimum.
        keep_neighbors: How many sentences before and after each chosen sentence are kept with it,
            such as (1, 1). With a budget they get only the tokens that are left over.
        pins: Sentences that are always kept, regardless of the threshold, `top_n` and
            `min_relevance`: a regular expression that is searched in each sentence ("^" and "$"
            match at line breaks), or a function from a sentence's text to True or False. With a
            budget they are added first. A passage that keeps nothing else is not filled up to
            `min_sentences`.
        omission: Text that marks every place of a kept passage where sentences are left out, such
            as "…"; "[{count} sentences left out]" tells how many. The mark is part of the passage's
            `text`, but not of `kept_spans`; the budget counts it, and JSON has none. None for no
            mark.
        ties: What a kept sentence brings along besides its headings, so that it still says who and
            what it is about: "label" (the line that names the speaker or the field), "parent" (the
            list item that it is nested in), "question" (the question of an answer; of a question
            that is kept for its own sake, all of its answer that fits), "announced" (the line that
            announces a list or a command, and the command), "title" (the line that names the
            product of a sheet). All by default; an empty tuple switches them off.
        token_counter: What `max_tokens` counts: "characters", "words", the name of an encoding of
            tiktoken such as "o200k_base", the path of a tokenizer.json, or a function from a text
            to its length. None for tokens of the pruning model, in which `tokens_before` and
            `tokens_after` are given in any case.
        deduplicate: Drop sentences that only repeat a kept sentence of another passage. "exact"
            compares them without regard to case and white space. "near" also drops a sentence if
            the other one has all its words in the same order, at most a quarter more, and no
            negation among these; and a sentence that was cut off where its passage begins or ends.
            Sentences of fewer than four words, pinned ones, code and parts of JSON are never
            dropped, nor is a sentence under another title, heading, header or label. It happens
            after `top_n` and while the budget is spent; a passage that only repeats others is
            dropped. None drops nothing.
        passage_comparison: How much a surer passage of the same query counts against the sentences
            of a passage, 0 to 10, before they are compared with the threshold: their log-odds fall
            by this times the distance between the two, in the probability of the best sentence and
            in relevance, as `engine.pooling.compare_passages` tells. 0 decides on each passage by
            itself. None for the model's own, and for 0 where `threshold` is a number.
    """

    threshold: Threshold | None = None
    top_n: int | None = None
    max_tokens: int | None = None
    keep_title: bool = False
    keep_headings: bool = True
    min_sentences: int = 1
    when_empty: WhenEmpty = "drop"
    order: Order = "input"
    min_relevance: float | None = None
    keep_neighbors: tuple[int, int] = (0, 0)
    pins: Pins | None = None
    omission: str | None = None
    ties: tuple[MeaningTie, ...] = ALL_TIES
    token_counter: str | Callable[[str], int] | None = None
    deduplicate: Deduplicate | None = None
    passage_comparison: float | None = None

    def __post_init__(self) -> None:
        for name in _NUMBERS:
            object.__setattr__(self, name, as_plain(getattr(self, name)))
        if self.threshold is not None:
            _check_threshold(self.threshold)
        if self.min_relevance is not None:
            _check_share("min_relevance", self.min_relevance, otherwise=", or None for no minimum")
        if self.passage_comparison is not None:
            _check_comparison(self.passage_comparison)
        check_top_n(self.top_n)
        if self.max_tokens is not None:
            check_count("max_tokens", self.max_tokens, least=0, otherwise=", or None for no limit")
        check_count("min_sentences", self.min_sentences, least=1)
        for name in _SWITCHES:
            check_switch(name, getattr(self, name))
        _check_ties(self.ties)
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        _check_neighbors(self.keep_neighbors)
        _check_pins(self.pins)
        _check_omission(self.omission)
        _check_counter(self.token_counter)

    def pin_test(self) -> Callable[[str], bool] | None:
        """Return a function that tells whether a sentence's text is pinned; None if none is."""
        if isinstance(self.pins, str):
            search = re.compile(self.pins, re.MULTILINE).search
            return lambda text: search(text) is not None
        return self.pins

    def omission_mark(self, count: int) -> str | None:
        """Return the mark for a number of sentences that are left out; None for no mark."""
        return None if self.omission is None else self.omission.format(count=count)


takes_policy = advise_on_keywords(
    {
        field.name: f"It is a field of the policy: write policy=PruningPolicy({field.name}=...)."
        for field in fields(PruningPolicy)
    }
)
"""Lets a function with the argument `policy` refuse other keywords, and tell where the fields of a
policy belong."""


def check_top_n(value: object) -> None:
    """Check a maximum number of passages.

    Raises:
        InvalidInputError: It is neither None nor a positive integer.
    """
    if value is not None:
        check_count("top_n", value, least=1, otherwise=", or None for no limit")


def check_policy(policy: PruningPolicy) -> PruningPolicy:
    """Return a policy after checking that it is one.

    Raises:
        InvalidInputError: It is something else.
    """
    if not isinstance(policy, PruningPolicy):
        raise InvalidInputError(
            f"policy must be a PruningPolicy; got {type(policy).__name__}. Write PruningPolicy(threshold=0.5)."
        )
    return policy


def _check_threshold(value: object) -> None:
    # Only strings are compared with names: numpy's arrays refuse to say whether they are equal.
    if not isinstance(value, str) or value not in THRESHOLD_NAMES:
        names = ", ".join(map(repr, THRESHOLD_NAMES))
        _check_share("threshold", value, otherwise=f", one of the names {names}, or None for the model's own")


def _check_comparison(value: object) -> None:
    # NaN fails as well.
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= MOST_COMPARISON:
        raise InvalidInputError(
            f"passage_comparison must be a number from 0 to {MOST_COMPARISON:g}, or None for the model's own; "
            f"got {show_value(value)}."
        )


def _check_share(name: str, value: object, *, otherwise: str = "") -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:  # NaN fails as well
        raise InvalidInputError(f"{name} must be a number from 0 to 1{otherwise}; got {show_value(value)}.")


def _check_ties(value: object) -> None:
    if not isinstance(value, tuple) or not all(isinstance(name, str) and name in ALL_TIES for name in value):
        listed = ", ".join(map(repr, ALL_TIES))
        raise InvalidInputError(f"ties must be a tuple of names among {listed}; got {show_value(value)}.")


def _check_choice(name: str, value: object, choices: tuple[str | None, ...]) -> None:
    if not isinstance(value, str | None) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise InvalidInputError(f"{name} must be one of {listed}; got {show_value(value)}.")


def _check_neighbors(value: object) -> None:
    numbers = value if isinstance(value, tuple) else ()
    if len(numbers) != 2 or not all(type(number) is int and number >= 0 for number in numbers):
        raise InvalidInputError(
            f"keep_neighbors must be a pair of integers of at least 0, how many sentences before "
            f"and after, such as (1, 1); got {show_value(value)}."
        )


def _check_pins(value: object) -> None:
    if value is None or callable(value):
        return
    if not isinstance(value, str):
        raise InvalidInputError(f"pins must be a regular expression, a function or None; got {show_value(value)}.")
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"pins must be a valid regular expression; got {value!r}: {error}.") from error


def _check_omission(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise InvalidInputError(f"omission must be a text or None; got {show_value(value)}.")
    try:
        value.format(count=1)
    except (LookupError, ValueError, AttributeError, TypeError, MemoryError) as error:
        raise InvalidInputError(
            f"omission must be a text whose only placeholder is {{count}}; got {value!r}. Write {{{{ for a brace."
        ) from error


def _check_counter(value: object) -> None:
    if value is not None and not isinstance(value, str) and not callable(value):
        raise InvalidInputError(
            f"token_counter must be 'characters', 'words', the name of an encoding, the path of a "
            f"tokenizer.json, a function or None; got {show_value(value)}."
        )
