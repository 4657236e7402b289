"""Serve the Model Context Protocol over streamable HTTP."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("mcp"):
    import uvicorn
    from starlette.responses import PlainTextResponse

    from provence_plugins.serving.bearer_key import ASK_FOR_KEY, NO_KEY, BearerKey

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from starlette.types import ASGIApp

PATH = "/mcp"


@dataclass(frozen=True, slots=True)
class McpHttp:
    """A server that listens and is ready to run.

    Attributes:
        address: What clients connect to.
        server: Answers requests while it runs.
        listener: The socket that it listens at.
    """

    address: str
    server: uvicorn.Server
    listener: socket.socket

    def run(self) -> None:
        """Answer requests until the process is told to stop."""
        with self.listener:
            self.server.run(sockets=[self.listener])


def listen_for_mcp(
    server: "MCPServer[Any]", *, host: str = "127.0.0.1", port: int = 0, api_key: str | None = None
) -> McpHttp:
    """Return a server that listens at an address.

    Args:
        server: The tools.
        host: Name or address to listen on. Pages of other sites cannot reach one that is only of
            this machine.
        port: Port to listen on; 0 chooses a free one.
        api_key: What clients must send as `Authorization: Bearer KEY`; None lets every client in.

    Raises:
        InvalidInputError: `host` can be reached from other machines and there is no key, or nothing
            can listen there, for instance because the port is in use.
    """
    if api_key is None and not is_loopback(host):
        raise InvalidInputError(
            f"host={host!r} can be reached from other machines, so clients need a key. Set an API "
            f"key, or listen on 127.0.0.1."
        )
    app: ASGIApp = server.streamable_http_app(streamable_http_path=PATH, host=host)
    if api_key is not None:
        refusal = PlainTextResponse(f"{NO_KEY}\n", status_code=401, headers=ASK_FOR_KEY)
        app = BearerKey(app, api_key, refusal)
    listener = _listen(host, port)
    shown_host = f"[{host}]" if ":" in host else host
    address = f"http://{shown_host}:{listener.getsockname()[1]}{PATH}"
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=5)
    return McpHttp(address, uvicorn.Server(config), listener)


def is_loopback(host: str) -> bool:
    """Return whether only programs of the same machine can reach a host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InvalidInputError(
            f"Cannot listen on host {host!r}, port {port}: {error.strerror}. Choose another port, "
            f"or stop the program that uses it."
        ) from error
