"""The address of a server, taken before the model is loaded; clients that stall are dropped."""

import asyncio
import socket
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.middleware import LAST_REQUEST

_BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where a server listens, and with how many processes.

    Attributes:
        host: Address or name of an interface; the default lets only this machine in.
        port: Port; 0 for any free one.
        workers: Number of processes. Each has the model in its memory, and its own device if there
            are several.
        max_connections: Maximum number of open connections of a process; further ones get status
            503.
        shutdown_seconds: How long a server that ends waits for the requests that it has taken.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_connections: int = 1_000
    shutdown_seconds: int = 60

    def open(self) -> socket.socket:
        """Return a socket that listens.

        Raises:
            InvalidInputError: The address is taken, or is not one of this machine.
        """
        try:
            [found, *_] = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, address = found
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise InvalidInputError(
                f"host must be an address or a name of this machine; got {self.host!r}. Use "
                f"127.0.0.1 for this machine alone, or 0.0.0.0 for all its addresses."
            ) from error
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
        except OSError as error:
            listening.close()
            raise InvalidInputError(
                f"{self.host}:{self.port} cannot be used: {error.strerror}. Choose another port or "
                f"host, or stop the server that uses it."
            ) from error
        return listening


def shown_address(listening: socket.socket) -> str:
    """Return the address of a socket as a client writes it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits for the headers of a request no longer than for its body."""

    seconds = 10.0
    """How long the headers of a request may take."""

    # Any: uvicorn's own arguments.
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headers_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._time_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; between two requests they begin the next one."""
        super().data_received(data)
        self._time_headers()

    def shutdown(self) -> None:
        """End the connection after the running request, and say so in its answer."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.scope["state"][LAST_REQUEST] = True
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def _time_headers(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self.seconds, self._give_up)

    def _stop_timer(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _give_up(self) -> None:
        line = f"The request was not complete within {self.seconds:g} seconds.\n".encode()
        head = f"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: {len(line)}\r\n\r\n"
        self.transport.write(head.encode() + line)
        self.transport.close()
