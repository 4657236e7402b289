"""The container files say what is so. Building them needs a daemon, so they are read here, and run where one is."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from provence_plugins.cli.app import app

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def instructions(path: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments, continued lines joined and comments left out."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def final(path: Path) -> dict[str, str]:
    """The last instruction of each kind in the last stage."""
    found = instructions(path)
    begin = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return dict(found[begin:])


def environment(path: Path) -> dict[str, str]:
    return dict(part.split("=", 1) for part in shlex.split(final(path)["ENV"]))


@each_file
def test_an_image_is_slim_pinned_and_owned_by_nobody(path: Path) -> None:
    found = instructions(path)
    known = {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    }
    assert {name for name, _ in found} <= known
    images = [value.split()[0] for name, value in found if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.1[1-3]-slim-\w+", image) for image in images)
    last = final(path)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last["USER"])
    assert last["COPY"].startswith("--from=build ")
    assert "HEALTHCHECK" in last
    assert all("--no-cache-dir" in value for name, value in found if name == "RUN" and "pip install" in value)


@each_file
def test_what_is_copied_exists_and_is_sent_to_the_daemon(path: Path) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for name, value in instructions(path):
        if name == "COPY" and not value.startswith("--from"):
            for source in value.split()[:-1]:
                assert (ROOT / source).exists()
                matching = [rule for rule in rules if fnmatch(source, rule.removeprefix("!"))]
                assert matching[-1].startswith("!"), f".dockerignore leaves out {source}"


@each_file
def test_what_is_installed_and_started_exists(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [named] = re.findall(r'"\.\[([\w,-]+)\]"', path.read_text())
    assert set(named.split(",")) <= extras.keys()
    [command, *options] = json.loads(final(path)["CMD"])
    assert json.loads(final(path)["ENTRYPOINT"]) == ["provence"]
    from typer.main import get_command

    serve = get_command(app).commands[command]  # type: ignore[attr-defined]
    known = {spelling for parameter in serve.params for spelling in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= known
    variables = {name.removeprefix("PROVENCE_") for name in environment(path) if name.startswith("PROVENCE_")}
    assert {f"--{name.lower().replace('_', '-')}" for name in variables} <= known
    assert final(path)["EXPOSE"] == environment(path)["PROVENCE_PORT"]


def test_the_example_of_compose_names_what_exists_and_lets_nobody_in_from_outside() -> None:
    folder = ROOT / "docker"
    services: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    build = services["provence"]["build"]
    assert (folder / build["context"] / build["dockerfile"]).is_file()
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
        for volume in service.get("volumes", ()):
            if volume.startswith("./"):
                assert (folder / volume.split(":")[0]).exists()
    for name in services["ask"]["depends_on"]:
        image_checks = [final(folder / "cpu.Dockerfile").get("HEALTHCHECK")] if name == "provence" else []
        assert services[name].get("healthcheck") or image_checks


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the commands of a Linux image")
def test_the_health_check_and_the_example_work_with_a_server(tmp_path: Path, tiny_folder: Path) -> None:
    path = ROOT / "docker" / "cpu.Dockerfile"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PROVENCE_PORT": str(port)}
    check = json.loads(final(path)["HEALTHCHECK"].split("CMD ", 1)[1])
    check[0] = sys.executable
    assert subprocess.run(check, env=variables, capture_output=True, check=False).returncode != 0
    server = subprocess.Popen(
        [sys.executable, "-m", "provence_plugins", *json.loads(final(path)["CMD"]), "--model", str(tiny_folder)],
        env=variables,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while subprocess.run(check, env=variables, capture_output=True, check=False).returncode:
            assert time.monotonic() < end
            assert server.poll() is None
            time.sleep(0.2)
        script = (
            "import sys; sys.path.insert(0, 'docker'); import ask; from pathlib import Path\n"
            "body = ask.prune_body('Where is Paris?', [Path('examples/us_flag.md')])\n"
            f"answer = ask.post('http://127.0.0.1:{port}/prune', body)\n"
            "[message] = ask.chat_body('?', answer['text'])['messages']\n"
            "print(answer['tokens_before'] > 0, answer['text'] in message['content'])"
        )
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == "True True\n"
    finally:
        server.terminate()
        assert server.wait(timeout=60) == 0
