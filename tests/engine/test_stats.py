import math

import pytest

from provence_plugins.engine.stats import PruneStats
from provence_plugins.errors import InvalidInputError

STATS = PruneStats(tokens_before=4000, tokens_after=1000, passages_kept=3, passages_dropped=1)


def test_what_is_removed_is_derived() -> None:
    assert (STATS.tokens_removed, STATS.removed_share) == (3000, 0.75)
    assert PruneStats().removed_share == 0.0


def test_money_is_the_price_of_the_removed_tokens() -> None:
    assert STATS.money_saved(price_per_million=2.5) == pytest.approx(0.0075)
    assert STATS.money_saved(0) == 0


def test_time_is_that_of_reading_the_removed_tokens() -> None:
    assert STATS.prefill_seconds_saved(tokens_per_second=1500) == pytest.approx(2.0)


def test_many_results_are_added_up() -> None:
    assert sum([STATS, STATS, PruneStats(10, 10, 1, 0)], PruneStats()) == PruneStats(8010, 2010, 7, 2)


@pytest.mark.parametrize("price", [-1.0, math.inf, math.nan])
def test_a_price_that_cannot_be_is_refused(price: float) -> None:
    with pytest.raises(InvalidInputError, match="price"):
        STATS.money_saved(price)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan])
def test_a_speed_that_cannot_be_is_refused(speed: float) -> None:
    with pytest.raises(InvalidInputError, match="speed"):
        STATS.prefill_seconds_saved(speed)
