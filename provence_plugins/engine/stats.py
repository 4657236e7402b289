"""What pruning saves: tokens, and the money and time that a language model takes for them."""

import math
from dataclasses import dataclass

from provence_plugins.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class PruneStats:
    """Figures of one result, or of several added up: `sum((result.stats for result in results), PruneStats())`.

    Tokens are those of the pruning model. A language model counts a little differently; the share that is removed is
    about the same.

    Attributes:
        tokens_before: How many tokens all passages had, the dropped ones included.
        tokens_after: How many tokens stay.
        passages_kept: How many passages remain.
        passages_dropped: How many are left out as a whole.
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
        """How many tokens the language model need not read."""
        return self.tokens_before - self.tokens_after

    @property
    def removed_share(self) -> float:
        """Share of the tokens that is removed; 0.0 when there were none."""
        return self.tokens_removed / self.tokens_before if self.tokens_before else 0.0

    def money_saved(self, price_per_million: float) -> float:
        """What the removed tokens would have cost, in the currency of the price.

        Args:
            price_per_million: Price of a million input tokens of the language model.

        Raises:
            InvalidInputError: The price is negative or no number.
        """
        if not 0 <= price_per_million < math.inf:
            raise InvalidInputError(f"The price of a million tokens must be 0 or more, got {price_per_million}.")
        return self.tokens_removed * price_per_million / 1_000_000

    def prefill_seconds_saved(self, tokens_per_second: float) -> float:
        """How much longer the language model would have read before its first word.

        Args:
            tokens_per_second: How fast the language model reads its input.

        Raises:
            InvalidInputError: The speed is not above 0 or no number.
        """
        if not 0 < tokens_per_second < math.inf:
            raise InvalidInputError(f"The speed in tokens a second must be above 0, got {tokens_per_second}.")
        return self.tokens_removed / tokens_per_second
