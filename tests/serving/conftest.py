"""Applications over the tiny model, called in this process as an ASGI server would call them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins import Pruner, SharedScorer
from provence_plugins.serving.app import create_app
from provence_plugins.serving.settings import ServeSettings
from provence_plugins.testing import WordBackend

Serve = Callable[..., TestClient]

REQUEST = {"query": "Where is Paris?", "passages": ["Paris is in France. Cheese is good.", "A river."]}


@pytest.fixture(scope="session")
def client(tiny_folder: Path) -> Iterator[TestClient]:
    """A client of an application with default settings."""
    with TestClient(create_app(ServeSettings(model=tiny_folder))) as client:
        yield client


@pytest.fixture
def serve(tiny_folder: Path) -> Iterator[Serve]:
    """A function that starts an application with settings of its own and returns its client."""
    with ExitStack() as stack:

        def start(**settings: Any) -> TestClient:
            return stack.enter_context(TestClient(create_app(ServeSettings(model=tiny_folder, **settings))))

        yield start


@pytest.fixture
def request_body() -> dict[str, Any]:
    """A valid request to prune."""
    return dict(REQUEST)


@pytest.fixture(scope="module")
def words() -> Iterator[Pruner]:
    """A pruner that runs no model and keeps the words of the query."""
    with Pruner(backend=WordBackend(), scorer=SharedScorer, threshold=0.2) as pruner:
        yield pruner
