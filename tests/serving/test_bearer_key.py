"""Who is let in by a key."""

from typing import Any

import pytest

pytest.importorskip("starlette")

from starlette.responses import PlainTextResponse

from provence_plugins.serving.bearer_key import BearerKey

GUARDED = BearerKey(PlainTextResponse("in"), "opens", PlainTextResponse("out", 401), open_paths={"/health"})


async def ask(kind: str, path: str, *headers: bytes | None) -> Any:
    """Return the body that a request gets."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    given = [(b"authorization", header) for header in headers if header is not None]
    await GUARDED({"type": kind, "path": path, "headers": given}, receive, send)
    return sent[-1]["body"]


@pytest.mark.parametrize(
    ("kind", "path", "header", "body"),
    [
        ("http", "/prune", b"Bearer opens", b"in"),
        ("http", "/prune", b"bearer opens", b"in"),
        ("http", "/prune", b"Basic opens", b"out"),
        ("http", "/prune", b"Bearer  opens", b"out"),
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


async def test_a_request_with_two_keys_is_refused_even_if_one_is_right() -> None:
    assert await ask("http", "/prune", b"Bearer opens", b"Bearer wrong") == b"out"
    assert await ask("http", "/prune", b"Bearer wrong", b"Bearer opens") == b"out"
