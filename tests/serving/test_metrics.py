import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins.serving.metrics import Metrics


def figures(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
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
