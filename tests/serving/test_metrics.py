import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from provence_plugins.serving.metrics import Metrics
from provence_plugins.serving.service import Service
from provence_plugins.serving.settings import ServeSettings
from provence_plugins.testing import WordBackend


def figures(client: TestClient) -> dict[str, float]:
    return read_figures(client.get("/metrics").text)


def read_figures(text: str) -> dict[str, float]:
    lines = text.splitlines()
    found = [re.fullmatch(r"(\w+(?:\{.*\})?) ([\d.e+-]+)", line) for line in lines]
    return {match[1]: float(match[2]) for match in found if match}


def test_requests_tokens_and_batches_are_counted(serve: Any, request_body: dict[str, Any]) -> None:
    client = serve()
    before = figures(client)
    answer = client.post("/prune", json=request_body).json()
    client.post("/rerank", json={"query": "Where?", "texts": ["Paris."]})
    client.post("/prune", json={})
    client.get("/no/such/place")
    after = figures(client)
    assert after['provence_requests_total{route="/prune",status="200"}'] == 1
    assert after['provence_requests_total{route="/prune",status="422"}'] == 1
    assert after['provence_requests_total{route="other",status="404"}'] == 1
    assert after['provence_request_seconds_count{route="/prune"}'] == 2
    assert after["provence_tokens_in_total"] > answer["tokens_before"]
    assert after["provence_tokens_out_total"] == answer["tokens_after"]
    assert after["provence_passages_kept_total"] == answer["stats"]["passages_kept"]
    assert after["provence_batch_windows_sum"] - before["provence_batch_windows_sum"] == 3
    assert after["provence_batch_tokens_count"] > before["provence_batch_tokens_count"]
    assert after["provence_requests_running"] == 0
    assert after["provence_waiting_tokens"] == 0


def test_a_request_that_runs_is_counted(serve: Any) -> None:
    client = serve()
    service = client.app.state.service
    with service.admission.admit():
        service._note_queue()
        assert figures(client)["provence_requests_running"] == 1


@pytest.fixture
def backend() -> WordBackend:
    return WordBackend()


@pytest.fixture
def service(backend: WordBackend) -> Iterator[Service]:
    """A service whose batches wait at the gate of its backend."""
    service = Service(ServeSettings(options={"backend": backend}, gather_seconds=0))
    backend.gate.clear()
    backend.waiting.clear()
    yield service
    backend.gate.set()
    service.close()


LARGE = ["Castle towers are high. Sheep graze on the meadow. " * 2000]


async def begin_large(service: Service, backend: WordBackend, leaves: asyncio.Event) -> "asyncio.Task[Any]":
    """Begin a request of many batches, whose client leaves with the event, and wait for the first batch."""

    async def receive() -> dict[str, Any]:
        await leaves.wait()
        return {"type": "http.disconnect"}

    request = Request({"type": "http"}, receive)
    task = asyncio.ensure_future(service.run(request, lambda: service.pruner.aprune("castle towers", LARGE)))
    while not backend.waiting.is_set():
        await asyncio.sleep(0.001)
    return task


async def test_the_tokens_of_a_request_wait_as_long_as_its_client_does(service: Service, backend: WordBackend) -> None:
    leaves = asyncio.Event()
    task = await begin_large(service, backend, leaves)
    during = read_figures(service.render_metrics().decode())
    assert during["provence_requests_running"] == 1
    assert during["provence_waiting_tokens"] > 10_000
    leaves.set()
    with pytest.raises(HTTPException):
        await task
    after = read_figures(service.render_metrics().decode())  # while its batch is still at the gate
    assert after["provence_requests_running"] == after["provence_waiting_tokens"] == 0


async def test_each_batch_and_each_end_of_a_request_note_the_tokens_for_other_processes(
    service: Service, backend: WordBackend
) -> None:
    leaves = asyncio.Event()
    task = await begin_large(service, backend, leaves)
    assert read_figures(service.metrics.render().decode())["provence_waiting_tokens"] > 10_000
    leaves.set()
    with pytest.raises(HTTPException):
        await task
    assert read_figures(service.metrics.render().decode())["provence_waiting_tokens"] == 0


def test_two_applications_have_figures_of_their_own() -> None:
    first, second = Metrics(), Metrics()
    first.tokens_in.inc(5)
    assert b"provence_tokens_in_total 5.0" in first.render()
    assert b"provence_tokens_in_total 0.0" in second.render()


@pytest.mark.parametrize("name", ["description", "max_batch_tokens"])
def test_a_metered_backend_describes_the_other_one(name: str, client: TestClient) -> None:
    service: Any = client.app.state.service  # type: ignore[attr-defined]
    metered = service._scorer._lanes._short_line.model.backend
    assert getattr(metered, name) == getattr(metered.backend, name)
