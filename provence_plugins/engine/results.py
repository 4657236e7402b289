"""The result of pruning the passages of one query, what it saves, and the order of relevance."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from provence_plugins.engine.budgets import CountTokens
from provence_plugins.engine.dataframes import make_dataframe
from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import PrunedPassage, RankedPassage
from provence_plugins.engine.plain_values import (
    SENTENCE_COLUMNS,
    dropped_dict,
    kept_dict,
    sentence_rows,
)
from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.engine.rendering import View, render_html, render_terminal
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_number, show_value
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import shorten

# A repr lists at most this many passages, so that it fits on one screen.
_LISTED_PASSAGES = 6


@dataclass(frozen=True, slots=True)
class PruneStats:
    """What pruning saves; stats are added by `sum((each.stats for each in results), PruneStats())`.

    Tokens are counted with the pruning model's tokenizer. A language model counts a little
    differently; the share that is removed is about the same.

    Attributes:
        tokens_before: Number of tokens of all passages, the dropped ones included.
        tokens_after: Number of tokens that are kept.
        passages_kept: Number of passages that are kept.
        passages_dropped: Number of passages that are dropped.
    """

    tokens_before: int = 0
    tokens_after: int = 0
    passages_kept: int = 0
    passages_dropped: int = 0

    def __add__(self, other: "PruneStats") -> "PruneStats":
        return PruneStats(
            self.tokens_before + other.tokens_before,
            self.tokens_after + other.tokens_after,
            self.passages_kept + other.passages_kept,
            self.passages_dropped + other.passages_dropped,
        )

    @property
    def tokens_removed(self) -> int:
        """Number of tokens that the language model need not read."""
        return self.tokens_before - self.tokens_after

    @property
    def removed_share(self) -> float:
        """Share of the tokens that is removed, from 0 to 1; 0.0 if there were none."""
        return self.tokens_removed / self.tokens_before if self.tokens_before else 0.0

    def money_saved(self, price_per_million: float) -> float:
        """Return what the removed tokens would have cost, in the currency of the price.

        Args:
            price_per_million: Price of a million input tokens of the language model.

        Raises:
            InvalidInputError: The price is negative, infinite or NaN.
        """
        check_number("price_per_million", price_per_million, least=0)
        return self.tokens_removed * price_per_million / 1_000_000

    def prefill_seconds_saved(self, tokens_per_second: float) -> float:
        """Return by how many seconds sooner the language model begins to answer.

        Args:
            tokens_per_second: How fast the language model reads its input.

        Raises:
            InvalidInputError: The speed is zero, negative, infinite or NaN.
        """
        check_number("tokens_per_second", tokens_per_second, least=0, above=True)
        return self.tokens_removed / tokens_per_second


@dataclass(frozen=True, repr=False)  # without slots, because cached_property needs a __dict__
class PruneResult:
    """The passages of one query after pruning; `str(result)` is the kept text.

    Nothing is lost: every passage still has its original text and all probabilities, so that
    another policy can be tried without running the model again.

    Attributes:
        query: The question.
        passages: The kept passages, in the policy's order.
        dropped: The dropped passages, in input order; none of their sentences is kept.
        policy: The policy that decided, as it was given.
        thresholds: The model's thresholds.
        count_tokens: Counts tokens of the model, for policies that cut a sentence to fit a budget;
            None, as after unpickling, if nothing can be counted.
    """

    query: str
    passages: tuple[PrunedPassage, ...]
    dropped: tuple[PrunedPassage, ...]
    policy: PruningPolicy
    thresholds: Thresholds
    count_tokens: CountTokens | None = field(default=None, compare=False)

    # Any: the state is a dict of all attributes.
    def __getstate__(self) -> dict[str, Any]:
        # The counter holds a whole tokenizer.
        return self.__dict__ | {"count_tokens": None}

    @cached_property
    def text(self) -> str:
        """The kept passages in order, separated by blank lines; "" if nothing is kept."""
        kept = [passage.text for passage in self.passages]
        return "\n\n".join(text.lstrip("\r\n").rstrip() for text in kept if text.strip())

    @property
    def threshold(self) -> float:
        """The threshold that was used: the policy's, or the model's own if the policy has none."""
        return self.thresholds.resolve(self.policy.threshold)

    @property
    def passage_comparison(self) -> float:
        """The comparison of passages that decided; see `PruningPolicy`."""
        return self.thresholds.comparison_for(self.policy.threshold, self.policy.passage_comparison)

    @property
    def default_threshold(self) -> float:
        """The model's own threshold."""
        return self.thresholds.default

    @property
    def tokens_before(self) -> int:
        """Number of tokens of all passages, the dropped ones included."""
        return sum(passage.tokens_before for passage in (*self.passages, *self.dropped))

    @property
    def tokens_after(self) -> int:
        """Number of tokens that are kept."""
        return sum(passage.tokens_after for passage in self.passages)

    @property
    def stats(self) -> PruneStats:
        """What pruning saves in tokens, money and time; stats can be added."""
        return PruneStats(self.tokens_before, self.tokens_after, len(self.passages), len(self.dropped))

    def by_relevance(self) -> list[PrunedPassage]:
        """Return all passages, kept or not, the most relevant first; equal ones stay in order."""
        return sorted((*self.passages, *self.dropped), key=lambda passage: (-passage.relevance, passage.index))

    def with_policy(self, policy: PruningPolicy) -> "PruneResult":
        """Return the result of another policy for the same scores, without running the model.

        Raises:
            InvalidInputError: `policy` is not a `PruningPolicy`, or names a threshold that the
                model does not store.
        """
        check_policy(policy)
        scored = [passage.scored for passage in (*self.passages, *self.dropped)]
        passages, dropped = decide(scored, policy, self.thresholds, self.count_tokens)
        return replace(self, passages=passages, dropped=dropped, policy=policy)

    # Any: nested plain values, ready for json.dumps.
    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values that JSON can hold.

        Returns:
            `query`, `threshold`, `tokens_before`, `tokens_after`;
            `passages`: for each kept passage `index`, `title`, `relevance`, `text` (what is kept of
                it), `kept_spans`
            (pairs of start and end in the original text), `tokens_before`, `tokens_after` and
            `sentences` (for each `start`, `end`, `probability`, `kept`, `kind`, `tokens`,
            `heading`);
            `dropped`: for each dropped passage `index`, `title`, `relevance`, `text` (all of it),
                `tokens_before` and
            `sentences`.
        """
        return {
            "query": self.query,
            "threshold": self.threshold,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "passages": [kept_dict(passage) for passage in self.passages],
            "dropped": [dropped_dict(passage) for passage in self.dropped],
        }

    # Any: pandas is optional, so its types cannot be named here.
    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with one row for each sentence, in input order.

        Returns:
            Columns `passage` (its index in the input), `title`, `relevance`, `dropped` (whether the
            whole passage is), `sentence` (its number in the passage), `start`, `end`, `kind`,
            `tokens`, `heading`, `probability`, `kept`, `text`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return make_dataframe(sentence_rows(self.passages, self.dropped), columns=SENTENCE_COLUMNS)

    def to_html(self, *, names: Sequence[str] = ()) -> str:
        """Return an HTML fragment that shows what is kept and removed; it needs no other files.

        Args:
            names: Names of the passages in the order of the input, for instance file names; without
                them passages are shown by number.

        Raises:
            InvalidInputError: `names` are not as many strings as there are passages.
        """
        return render_html(self._view(names))

    def to_terminal(self, color: bool = True, *, names: Sequence[str] = ()) -> str:
        """Return a view for the terminal that shows what is kept and what is removed.

        Args:
            color: Whether removed text is marked by ANSI codes; otherwise it is enclosed in
                `[-…-]`.
            names: As for `to_html`.

        Raises:
            InvalidInputError: As `to_html`.
        """
        return render_terminal(self._view(names), color=color)

    def _view(self, names: Sequence[str]) -> View:
        total = len(self.passages) + len(self.dropped)
        fits = isinstance(names, Sequence) and not isinstance(names, str) and len(names) in (0, total)
        if not fits or not all(isinstance(name, str) for name in names):
            raise InvalidInputError(
                f"names must be a list of {total} strings, one for each passage, or empty; got {show_value(names)}."
            )
        return View(self.query, self.passages, self.dropped, self.threshold, names, self.passage_comparison)

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        kept, total = len(self.passages), len(self.passages) + len(self.dropped)
        head = (
            f"<PruneResult for {shorten(self.query)}: kept {kept} of {total} passages, "
            f"{self.tokens_after} of {self.tokens_before} tokens, threshold {self.threshold:.3g}"
        )
        return _listed(head, self.passages) + ">"


class Ranking(list[RankedPassage]):
    """A list of passages, the most relevant first."""

    def __repr__(self) -> str:
        return _listed(f"<Ranking of {len(self)} passages", self) + ">"


def _listed(head: str, passages: "Ranking | tuple[PrunedPassage, ...]") -> str:
    lines = [head, *(f"  {passage!r}" for passage in passages[:_LISTED_PASSAGES])]
    if len(passages) > _LISTED_PASSAGES:
        lines.append(f"  … and {len(passages) - _LISTED_PASSAGES} more")
    return "\n".join(lines)
