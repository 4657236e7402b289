"""The application behind Ray Serve answers as it does alone."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from fastapi.testclient import TestClient

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

BODY = {"query": "Where is Paris?", "passages": ["Paris is in France. Cheese is good.", "A river."]}


@pytest.fixture(scope="module")
def address(tiny_folder: Path) -> Iterator[str]:
    # Not above: importing Ray takes longer than collecting all other tests of serving.
    ray = pytest.importorskip("ray")
    serve = pytest.importorskip("ray.serve", reason="ray[serve] is not installed", exc_type=ImportError)
    from provence_plugins.serving.ray_serve import DeploymentSettings, build

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ray.init(address="local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        serve.run(build(DeploymentSettings(model=str(tiny_folder), min_replicas=2, max_replicas=2)))
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()


def post(address: str, path: str, body: Any) -> Any:
    request = Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_replicas_answer_what_the_application_alone_answers(address: str, client: TestClient) -> None:
    expected = client.post("/prune", json=BODY).json()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(address, "/prune", BODY), range(40)))
    assert answers == [expected] * 40
    with urlopen(address + "/ready", timeout=60) as ready:
        assert json.load(ready) == {"status": "ready"}


def test_errors_keep_their_status(address: str) -> None:
    with pytest.raises(HTTPError) as refused:
        post(address, "/prune", {"query": "q", "passages": "text"})
    assert refused.value.code == 422


def test_both_replicas_run(address: str) -> None:
    from ray import serve

    deployment = serve.status().applications["default"].deployments["provence"]
    assert deployment.replica_states == {"RUNNING": 2}
