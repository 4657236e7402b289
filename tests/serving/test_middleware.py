import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins.serving.app import create_app
from provence_plugins.serving.metrics import Metrics
from provence_plugins.serving.middleware import RequestLog
from provence_plugins.serving.settings import ServeSettings


@pytest.mark.parametrize("path", ["/prune", "/rerank", "/v2/rerank", "/info", "/metrics", "/openapi.json", "/none"])
def test_a_server_with_a_key_lets_nobody_in_without_it(path: str, serve: Any) -> None:
    client = serve(api_key="secret")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}, {"Authorization": "Bearer ÿ"}):
        answer = client.post(path, json={}, headers={name: value.encode("latin-1") for name, value in headers.items()})
        assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_key_opens_the_server_and_probes_need_none(serve: Any, request_body: dict[str, Any]) -> None:
    client = serve(api_key="secret")
    answer = client.post("/prune", json=request_body, headers={"Authorization": "Bearer secret"})
    assert answer.status_code == 200
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 200


@pytest.mark.parametrize(("given", "is_taken"), [("job-7.a", True), ("two\tparts", False), ("x" * 101, False)])
def test_a_plain_id_of_the_client_is_used(given: str, is_taken: bool, client: TestClient) -> None:
    answer = client.get("/health", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is is_taken


def test_ids_differ(client: TestClient) -> None:
    assert client.get("/health").headers["X-Request-ID"] != client.get("/health").headers["X-Request-ID"]


def test_a_line_of_the_log_has_facts_and_no_text(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "provence_plugins.serving")
    answer = client.post("/prune", json={"query": "Who?", "passages": ["confidential matter", "private matter"]})
    client.post("/prune", json={"query": "confidential matter", "passages": "private matter"})
    first, second = (record for record in caplog.records if record.name.startswith("provence_plugins.serving"))
    facts: dict[str, Any] = first.facts  # type: ignore[attr-defined]
    assert facts.pop("seconds") > 0
    assert facts == {
        "request_id": answer.headers["X-Request-ID"],
        "method": "POST",
        "path": "/prune",
        "status": 200,
        "passages": 2,
        "tokens_before": answer.json()["tokens_before"],
        "tokens_after": answer.json()["tokens_after"],
    }
    for record in (first, second):
        shown = record.getMessage() + json.dumps(record.facts)  # type: ignore[attr-defined]
        assert "confidential" not in shown
        assert "private" not in shown


def test_probes_are_not_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "provence_plugins.serving")
    for path in ("/health", "/ready", "/metrics"):
        client.get(path)
    assert caplog.records == []


def test_an_unexpected_error_is_one_line_without_its_message(
    tiny_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(ServeSettings(model=tiny_folder))

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("it quotes a confidential text")

    with TestClient(app) as client:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["error"].endswith(f"under the id {answer.headers['X-Request-ID']}.")
    [fault] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "RuntimeError" in fault.getMessage()
    assert "test_middleware.py" in fault.getMessage()
    assert "confidential" not in fault.getMessage()


async def test_a_request_that_the_end_of_the_server_cuts_off_is_answered() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/prune", "headers": []}
    task = asyncio.ensure_future(RequestLog(never, Metrics())(scope, send, send))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent[0]["status"] == 503
    assert b"shutting down" in sent[1]["body"]
