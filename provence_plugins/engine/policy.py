"""Every knob of deciding what stays, in one value."""

from dataclasses import dataclass
from typing import Literal, get_args

from provence_plugins.errors import InvalidInputError

WhenEmpty = Literal["drop", "keep_one", "keep_best", "keep_all"]
Order = Literal["input", "relevance"]

_CHOICES = {"when_empty": get_args(WhenEmpty), "order": get_args(Order)}
_SWITCHES = ("keep_title", "keep_headings")


@dataclass(frozen=True, slots=True)
class PruningPolicy:
    """What stays of the passages of a query, given the probabilities.

    Attributes:
        threshold: A sentence passes when its probability is at least this; 0 keeps everything. None takes the
            checkpoint's own.
        top_n: Of the passages that keep something, only this many of the most relevant stay; they are chosen before
            the budget is spent. Blank passages neither count nor leave. None lets all stay.
        max_tokens: Budget over all passages of a query, never exceeded whatever else is asked. The most probable
            sentences go first, each with the headings it pulls in; one that does not fit is skipped, and smaller ones
            may still fit. None sets no limit.
        keep_title: The first sentence of a passage stays whenever another one does; published Provence models expect
            the title of the page there. Left out where the budget has room for the other sentence alone.
        keep_headings: A sentence pulls in the one it stands under (the heading of a section, the header of a table),
            and that one the next, up to the top.
        min_sentences: A passage that keeps anything keeps at least this many of its most probable sentences.
        when_empty: What to do with a passage when none of its sentences reaches the threshold. "drop" drops it;
            "keep_best" keeps its `min_sentences` best sentences; "keep_all" keeps all of it. "keep_one" drops it too,
            but where that would leave nothing at all, the most relevant passage keeps its `min_sentences` best.
        order: Order of the passages that remain: as they were given, or the most relevant first.
        min_relevance: A passage below this relevance is dropped, whatever its sentences. None drops none.
    """

    threshold: float | None = None
    top_n: int | None = None
    max_tokens: int | None = None
    keep_title: bool = False
    keep_headings: bool = True
    min_sentences: int = 1
    when_empty: WhenEmpty = "drop"
    order: Order = "input"
    min_relevance: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None:
            _check_share("threshold", self.threshold, otherwise=", or None for the checkpoint's own")
        if self.min_relevance is not None:
            _check_share("min_relevance", self.min_relevance, otherwise=", or None to drop none")
        check_top_n(self.top_n)
        if self.max_tokens is not None:
            _check_count("max_tokens", self.max_tokens, least=0, otherwise=", or None for no limit")
        _check_count("min_sentences", self.min_sentences, least=1)
        for name in _SWITCHES:
            _check_switch(name, getattr(self, name))
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)

    def threshold_or(self, default: float) -> float:
        """The policy's threshold, or the checkpoint's own where the policy names none."""
        return default if self.threshold is None else self.threshold


def check_top_n(value: object) -> None:
    """Check a number of passages.

    Raises:
        InvalidInputError: It is neither None nor a positive integer.
    """
    if value is not None:
        _check_count("top_n", value, least=1, otherwise=", or None for all passages")


def check_policy(policy: PruningPolicy) -> PruningPolicy:
    """Return a policy once it is known to be one.

    Raises:
        InvalidInputError: It is something else.
    """
    if not isinstance(policy, PruningPolicy):
        raise InvalidInputError(
            f"`policy` must be a PruningPolicy, got {type(policy).__name__}. Write PruningPolicy(threshold=0.5)."
        )
    return policy


def _check_share(name: str, value: object, *, otherwise: str = "") -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:  # NaN fails as well
        raise InvalidInputError(f"{name} must be a number from 0 to 1{otherwise}; got {_shown(value)}.")


def _check_count(name: str, value: object, *, least: int, otherwise: str = "") -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}{otherwise}; got {_shown(value)}.")


def _check_switch(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} must be True or False; got {_shown(value)}.")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        raise InvalidInputError(f"{name} must be one of {listed}; got {_shown(value)}.")


def _shown(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"
