"""Applications over the tiny model, called in this process as an ASGI server would call them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins import Pruner, SharedScorer, serving
from provence_plugins.serving.app import create_app
from provence_plugins.serving.settings import ServeSettings
from provence_plugins.testing import WordBackend

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

PAGE_FILES = Path(serving.__file__).with_name("page")

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
    with Pruner(backend=WordBackend(), scorer=SharedScorer, threshold=0.2, comparison=0) as pruner:
        yield pruner


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium; tests that need it are skipped where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as running:
        try:
            browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no browser: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def open_modules(browser: "Browser") -> "Iterator[Callable[[], Page]]":
    """A function that opens a blank page which can import the modules of the page, without a server."""
    context = browser.new_context()

    def answer(route: "Route") -> None:
        path = PAGE_FILES / route.request.url.rpartition("/")[2]
        if path.suffix == ".js":
            route.fulfill(path=path, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    def start() -> "Page":
        page = context.new_page()
        page.route("**/*", answer)
        page.goto("http://page.test/")
        return page

    yield start
    context.close()
