from typing import Any

import pytest
from fastapi.testclient import TestClient

from provence_plugins import Passage, errors
from provence_plugins.serving.failures import ERROR_TYPES, STATUSES


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/prune", 405), ("POST", "/prun", 404)])
def test_a_wrong_address_is_answered_in_the_same_shape(method: str, path: str, status: int, client: TestClient) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "error_type"}


def test_every_status_has_a_name_for_programs() -> None:
    assert set(STATUSES.values()) <= set(ERROR_TYPES)


def test_every_error_of_the_package_has_a_status() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(any(base in STATUSES for base in kind.__mro__) for kind in kinds)


def test_a_full_queue_says_when_to_come_back(serve: Any, request_body: dict[str, Any]) -> None:
    client = serve(max_requests=1)
    with client.app.state.service.admission.admit():
        answer = client.post("/prune", json=request_body)
    assert (answer.status_code, answer.json()["error_type"]) == (429, "overloaded")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.post("/prune", json=request_body).status_code == 200


def test_a_full_queue_of_the_model_says_when_to_come_back(serve: Any, request_body: dict[str, Any]) -> None:
    client = serve(max_pending_tokens=1, gather_seconds=0.2)
    waiting = client.app.state.service.pruner._scorer
    planned = client.app.state.service.pruner._plan("Where?", [Passage("Paris is in France.")], None)
    future = waiting.submit(planned.windows)
    answer = client.post("/prune", json=request_body)
    future.result()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_a_query_that_fills_a_window_is_a_fault_of_the_request(client: TestClient) -> None:
    answer = client.post("/prune", json={"query": "x " * 100, "passages": ["a"]})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("The query has ")


def test_a_closed_pruner_is_unavailable(serve: Any, request_body: dict[str, Any]) -> None:
    client = serve()
    client.app.state.service.close()
    answer = client.post("/prune", json=request_body)
    assert (answer.status_code, answer.json()["error_type"]) == (503, "unavailable")
