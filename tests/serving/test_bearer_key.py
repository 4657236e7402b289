"""Who is let in by a key."""

from typing import Any

import pytest

pytest.importorskip("starlette")

from starlette.responses import PlainTextResponse

from provence_plugins.serving.bearer_key import BearerKey

GUARDED = BearerKey(PlainTextResponse("in"), "opens", PlainTextResponse("out", 401), open_paths={"/health"})


async def ask(kind: str, path: str, header: bytes | None = None) -> Any:
    """Return the body that a request gets."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    headers = [] if header is None else [(b"authorization", header)]
    await GUARDED({"type": kind, "path": path, "headers": headers}, receive, send)
    return sent[-1]["body"]


@pytest.mark.parametrize(
    ("kind", "path", "header", "body"),
    [
        ("http", "/prune", b"Bearer opens", b"in"),
        ("http", "/prune", None, b"out"),
        ("http", "/prune", b"Bearer wrong", b"out"),
        ("http", "/prune", b"opens", b"out"),
        ("http", "/prune", "Bearer \xe9".encode("latin-1"), b"out"),
        ("http", "/health", None, b"in"),
        ("websocket", "/prune", None, b"out"),
    ],
)
async def test_only_requests_with_the_key_or_for_an_open_path_are_let_in(
    kind: str, path: str, header: bytes | None, body: bytes
) -> None:
    assert await ask(kind, path, header) == body


async def test_the_start_of_a_server_needs_no_key() -> None:
    reached: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    guarded: Any = BearerKey(application, "opens", PlainTextResponse("out", 401))
    await guarded({"type": "lifespan"}, None, None)
    assert reached == ["lifespan"]
