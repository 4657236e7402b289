from collections.abc import Iterator

import pytest

from provence_plugins import Pruner, SharedScorer
from provence_plugins.testing import WordBackend


@pytest.fixture(scope="module")
def words() -> Iterator[Pruner]:
    """A pruner that runs no model and keeps the words of the query."""
    with Pruner(backend=WordBackend(), scorer=SharedScorer) as pruner:
        yield pruner
