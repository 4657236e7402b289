from typing import Any

from fastapi.testclient import TestClient

from provence_plugins import PruningPolicy, __version__


def test_a_server_that_answers_is_healthy_and_ready(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_a_server_that_ends_is_not_ready(serve: Any) -> None:
    client = serve()
    client.app.state.service.close()
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503


def test_a_server_says_what_it_serves(serve: Any, tiny_folder: Any) -> None:
    client = serve(policy=PruningPolicy(threshold=0.25, pins=str.isupper), max_requests=7)
    info = client.get("/info").json()
    assert info["version"] == __version__
    assert info["model"] == tiny_folder.name
    assert info["format"] == "native"
    assert "onnx" in info["backend"]
    assert info["threshold"] == info["policy"]["threshold"] == 0.25
    assert info["policy"]["pins"] == "a function"
    assert info["limits"]["max_requests"] == 7
    assert str(tiny_folder) not in str(info)
