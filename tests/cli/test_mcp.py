"""The command, with the official client at its other end."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters

import provence_plugins

ROOT = Path(provence_plugins.__file__).parents[1]
QUESTION = "What should be done with a flag made of nylon?"

Run = Callable[..., Any]
Start = Callable[..., Any]


# By default tests/serving/test_mcp_server.py calls the same tools in this process.
@pytest.mark.slow
async def test_files_are_pruned_over_standard_input_and_output() -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "provence_plugins", "mcp", "--root", str(ROOT / "examples"), "--max-tokens", "200"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    async with Client(server) as client:
        result = await client.call_tool("prune_files", {"query": QUESTION, "paths": ["us_flag.md"]})
        assert not result.is_error
        text = "\n".join(block.text for block in result.content if block.type == "text")
        assert "nylon or polyester flags be recycled" in text
        assert result.meta is not None
        assert result.meta["provence"]["tokens_after"] <= 200
        refused = await client.call_tool("prune_files", {"query": QUESTION, "paths": ["../README.md"]})
        assert refused.is_error


@pytest.mark.slow  # starts a process
async def test_the_address_is_told_and_an_interrupt_ends_the_service(start: Start) -> None:
    process = start("mcp", "--http", "--port", "0")
    line = process.stderr.readline().decode()
    found = re.fullmatch(r"provence: MCP is served at (http://127\.0\.0\.1:\d+/mcp)\. Stop with Ctrl-C\.\n", line)
    assert found, line
    async with Client(found[1]) as client:
        assert len((await client.list_tools()).tools) == 3
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130


@pytest.mark.slow  # starts a process
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_ends_the_service_while_it_waits_for_a_line(start: Start) -> None:
    process = start("mcp", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read().decode() == "provence: Interrupted.\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--root", "missing"], "'missing' is not a folder"),
        (["--threshold", "2"], "threshold must be"),
        (["--http", "--host", "0.0.0.0"], "clients need a key"),
        (["--http", "--port", "{taken}"], "Address already in use"),
    ],
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str], reason: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROVENCE_API_KEY", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        given = [argument.replace("{taken}", port) for argument in arguments]
        assert reason in run("mcp", *given).complaint


def test_an_address_without_http_is_refused(run: Run) -> None:
    done = run("mcp", "--port", 80)
    assert done.code == 2
    assert "--port can be used only with --http" in done.err
