"""The official client over streamable HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("mcp")

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.mcp_http import McpHttp, is_loopback, listen_for_mcp
from provence_plugins.serving.mcp_server import create_mcp_server

TEXT = "The castle has nine towers. Sheep graze on the meadow."
CALL = {"query": "castle towers", "texts": [TEXT]}


@contextmanager
def running(words: Pruner, api_key: str | None = None) -> Iterator[McpHttp]:
    listening = listen_for_mcp(create_mcp_server(words), api_key=api_key)
    thread = threading.Thread(target=listening.run)
    thread.start()
    try:
        yield listening
    finally:
        listening.server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


async def test_the_tools_are_served_over_http(words: Pruner) -> None:
    with running(words) as listening:
        async with Client(listening.address) as client:
            result = await client.call_tool("prune_text", CALL)
            [_, block] = result.content
            assert block.type == "text"
            assert "The castle has nine towers. [… 1 omitted]" in block.text
            assert result.meta is not None
            recalled = await client.call_tool("recall", {"id": result.meta["provence"]["passages"][0]["recall_id"]})
            assert not recalled.is_error


async def test_clients_without_the_key_are_turned_away(words: Pruner) -> None:
    with running(words, api_key="opens") as listening:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "opens"}):
            answer = httpx2.post(listening.address, json={}, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        http = httpx2.AsyncClient(headers={"Authorization": "Bearer opens"})
        async with http, Client(streamable_http_client(listening.address, http_client=http)) as client:
            assert not (await client.call_tool("prune_text", CALL)).is_error


async def test_pages_of_other_sites_are_turned_away(words: Pruner) -> None:
    """A name of another site that leads to this machine does not help them."""
    with running(words) as listening:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        foreign_host = httpx2.post(listening.address, json=body, headers={"Host": "evil.example"})
        assert foreign_host.status_code in (403, 421)
        foreign_page = httpx2.post(listening.address, json=body, headers={"Origin": "https://evil.example"})
        assert foreign_page.status_code == 403


def test_a_port_in_use_is_an_error_that_names_it(words: Pruner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInputError, match=f"port {port}: Address already in use"):
            listen_for_mcp(create_mcp_server(words), port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_need_a_key(words: Pruner, host: str) -> None:
    with pytest.raises(InvalidInputError, match="clients need a key"):
        listen_for_mcp(create_mcp_server(words), host=host)


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("", False)]
)
def test_loopback_is_told_by_the_address(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
