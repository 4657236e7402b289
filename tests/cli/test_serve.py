"""The server as users start it: a process of its own, asked over HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest

import provence_plugins
from provence_plugins.cli.serve import LimitOptions, ListenOptions
from provence_plugins.serving.listening import Listener
from provence_plugins.serving.settings import ServeSettings

Run = Callable[..., Any]
Start = Callable[..., Any]

ROOT = Path(provence_plugins.__file__).parents[1]

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


class Server:
    """A process that serves, once it has said where."""

    def __init__(self, process: Any) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        while not self.lines or "serving" not in self.lines[-1]["message"]:
            line = process.stderr.readline()
            assert line, f"the server ended with {process.wait()}: {self.lines}"
            self.lines.append(json.loads(line))
        self.address = re.search(r"http://\S+", self.lines[-1]["message"])[0]  # type: ignore[index]

    def post(self, body: Any, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.address}/prune", json=body, timeout=60, **options)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=60)
        self.lines += [json.loads(line) for line in rest.splitlines() if line.startswith(b"{")]
        code: int = self.process.returncode
        return code


@pytest.fixture
def serve(start: Start, tiny_folder: Path) -> Iterator[Callable[..., Server]]:
    def serve(*arguments: object, **options: Any) -> Server:
        model = () if "--config" in arguments else ("--model", tiny_folder)
        return Server(start("serve", "--port", 0, *model, *arguments, **options))

    return serve


def test_the_options_have_the_defaults_of_the_settings() -> None:
    settings, listener = ServeSettings(), Listener()
    for name, value in asdict(LimitOptions()).items():
        assert getattr(settings, name) == value
    for name, value in asdict(ListenOptions()).items():
        assert getattr(listener, name) == value


@posix_only
def test_a_server_answers_refuses_and_finishes_what_it_took(serve: Any, run: Run) -> None:
    server = serve("--body-seconds", 0.5)
    assert server.post({"query": "Where?", "passages": ["Paris."]}).status_code == 200
    port = server.address.rpartition(":")[2]
    assert f"127.0.0.1:{port} cannot be used" in run("serve", "--port", port).complaint
    assert receive_after_nothing(int(port)).startswith(b"HTTP/1.1 408 ")
    answers: list[httpx.Response] = []
    body = {"query": "Where?", "passages": ["Paris is in France. " * 3_000] * 2}
    client = threading.Thread(target=lambda: answers.append(server.post(body)))
    client.start()
    wait_until_running(server)
    assert server.end() == 0
    client.join()
    assert answers[0].status_code == 200
    assert answers[0].headers["Connection"] == "close"
    assert server.lines[-1]["message"] == "ended"


def receive_after_nothing(port: int) -> bytes:
    """Send the beginning of a request and nothing more."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"POST /prune HTTP/1.1\r\nHost:")
        return connection.recv(1_000)


def wait_until_running(server: Server) -> None:
    for _ in range(2_000):
        if "provence_requests_running 1.0" in httpx.get(f"{server.address}/metrics").text:
            return
        time.sleep(0.005)
    raise AssertionError("the request never ran")


@posix_only
def test_a_file_and_the_environment_configure_a_server(serve: Any, tiny_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text(f'model = "{tiny_folder}"\nmax_passages = 3\nmax_requests = 5\nthreshold = 0.5\ntop_n = 4\n')
    environment = {**os.environ, "PROVENCE_API_KEY": "secret", "PROVENCE_MAX_REQUESTS": "6", "PROVENCE_TOP_N": "5"}
    server = serve("--config", config, "--top-n", 6, env=environment)
    assert server.post({}).status_code == 401
    info = httpx.get(f"{server.address}/info", headers={"Authorization": "Bearer secret"}).json()
    assert (info["limits"]["max_passages"], info["limits"]["max_requests"]) == (3, 6)
    assert (info["policy"]["threshold"], info["policy"]["top_n"]) == (0.5, 6)
    assert server.end(signal.SIGINT) == 130


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--config", "missing.toml"], "missing.toml: No such file"),
        (["--config", "bad.toml"], "bad.toml: "),
        (["--config", "other.toml"], "other.toml: Unknown setting 'prot'. Did you mean 'port'?"),
        (["--host", "no such host"], "host must be an address"),
        (["--timeout-seconds", "0"], "timeout_seconds must be"),
        (["--threshold", "2"], "threshold must be a number"),
        (["--api-key", "two\nlines"], "api_key must be a text of printable ASCII"),
    ],
    ids=" ".join,
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str], reason: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text("port = ")
    Path("other.toml").write_text("prot = 80")
    assert reason in run("serve", *arguments).complaint


def test_an_unknown_model_is_one_line(run: Run) -> None:
    assert "no model folder 'no/such/folder'" in run("serve", "--port", 0, "--model", "no/such/folder").complaint


# Runs the command once without each package, in an interpreter that has loaded none of the server before.
WITHOUT_EACH = """
import sys
from provence_plugins.cli.app import main
for package in sys.argv[1:]:
    for name in [name for name in sys.modules if name.startswith("provence_plugins.serving")]:
        del sys.modules[name]
    present = sys.modules.pop(package, None)
    sys.modules[package] = None
    sys.argv = ["provence", "serve"]
    try:
        main()
    except SystemExit as stop:
        print(stop.code)
    del sys.modules[package]
    if present:
        sys.modules[package] = present
"""


def test_a_missing_extra_is_one_line() -> None:
    packages = ["fastapi", "prometheus_client", "uvicorn"]
    command = [sys.executable, "-c", WITHOUT_EACH, *packages]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2"] * len(packages)
    advice = re.escape('Install it with: pip install "provence-plugins[serve]"')
    for package, line in zip(packages, done.stderr.splitlines(), strict=True):
        assert re.fullmatch(rf"provence: The package {package}[\w.]* is not installed\. {advice}", line), line


@pytest.mark.slow
@posix_only
def test_a_worker_that_dies_is_replaced(serve: Any) -> None:
    server = serve("--workers", 2)
    body = {"query": "Where?", "passages": ["Paris."]}
    assert server.post(body).status_code == 200
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    if not children.is_file():
        pytest.skip("a system that does not list the children of a process")
    before = set(children.read_text().split())
    os.kill(int(sorted(before, key=int)[-1]), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while len(set(children.read_text().split()) - before) < 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.post(body).status_code == 200
    assert server.end() == 0
    assert any("died with exit code -9" in line["message"] for line in server.lines)


@pytest.mark.slow
@posix_only
def test_workers_that_cannot_start_end_the_server(start: Start) -> None:
    process = start("serve", "--port", 0, "--workers", 2, "--model", "no/such/folder")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert b"no model folder" in said
    assert b"Traceback" not in said


@pytest.mark.slow
@posix_only
def test_workers_end_when_their_parent_is_killed(serve: Any) -> None:
    server = serve("--workers", 2)
    address = server.address
    server.process.kill()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{address}/health", timeout=5)
        except httpx.HTTPError:
            return
        time.sleep(0.2)
    raise AssertionError("the workers live on")
