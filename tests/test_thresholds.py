import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.thresholds import Thresholds

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
