"""Tiny random checkpoints in each published layout; see `tests/fixtures/published_checkpoints.py`."""

from collections.abc import Callable
from typing import Any

import pytest
from published_checkpoints import make_published, published

from provence_plugins import Pruner

__all__ = ["make_published", "published"]

Make = Callable[[str], Any]


@pytest.fixture(scope="module")
def naver(make_published: Make) -> Pruner:
    return Pruner(make_published("provence").folder)


@pytest.fixture(scope="module")
def opened(make_published: Make) -> Pruner:
    return Pruner(make_published("open-xlm-roberta").folder)
