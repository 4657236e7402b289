import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.thresholds import ThresholdName, Thresholds

PUBLISHED = Thresholds(0.1, careful=0.1, short=0.5)


def test_a_number_stands_for_itself_and_none_for_the_default() -> None:
    assert PUBLISHED.resolve(0.0) == 0.0
    assert PUBLISHED.resolve(0.3) == 0.3
    assert PUBLISHED.resolve(None) == 0.1


def test_a_name_stands_for_what_the_model_stores() -> None:
    assert PUBLISHED.resolve("short") == 0.5
    assert PUBLISHED.named == {"careful": 0.1, "short": 0.5}


def test_a_name_that_the_model_does_not_store_is_refused_with_those_that_it_does() -> None:
    with pytest.raises(InvalidInputError, match=r"this one stores 'careful' \(0\.1\), 'short' \(0\.5\)\. Use a number"):
        PUBLISHED.resolve("balanced")
    with pytest.raises(InvalidInputError, match=r"stores none\. .* None for the model's own \(0\.2\)"):
        Thresholds(0.2).resolve("balanced")


@pytest.mark.parametrize("given", [None, "short"])
def test_a_stored_threshold_follows_the_best_sentence_as_far_as_the_model_says(given: ThresholdName | None) -> None:
    thresholds = Thresholds(0.08, short=0.08, adaptation=0.5)
    assert thresholds.resolve(given) == 0.08
    assert thresholds.resolve(given, best=0.5) == 0.08
    assert thresholds.resolve(given, best=0.125) == pytest.approx(0.04)
    assert thresholds.resolve(given, best=0.98) == pytest.approx(0.112)
    assert Thresholds(0.08, short=0.08).resolve(given, best=0.125) == 0.08


def test_a_stored_threshold_falls_to_a_quarter_at_most_and_never_rises_above_one() -> None:
    thresholds = Thresholds(0.8, adaptation=0.5)
    assert thresholds.resolve(None, best=1e-9) == pytest.approx(0.2)
    assert thresholds.resolve(None, best=1.0) == 1.0


def test_a_number_stays_as_it_is_whatever_the_best_sentence() -> None:
    assert Thresholds(0.08, adaptation=0.5).resolve(0.3, best=0.01) == 0.3
