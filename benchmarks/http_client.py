"""A plain HTTP client for load: one connection, little work of its own, and a view of every byte."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    # Any: plain values of every kind.
    def json(self) -> Any:
        """Return the value of the body."""
        return json.loads(self.body)


@dataclass(slots=True)
class Connection:
    """An open connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, body: bytes, *, path: str = "/prune", request_id: str = "-") -> Answer:
        """Send a request and return its answer.

        Raises:
            ConnectionError: The server has closed the connection without an answer.
        """
        await self.send(body, path=path, request_id=request_id)
        return await self.receive()

    async def send(self, body: bytes, *, path: str = "/prune", request_id: str = "-") -> None:
        """Send a request."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {request_id}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        await self.writer.drain()

    async def receive(self) -> Answer:
        """Return the next answer.

        Raises:
            ConnectionError: The server has closed the connection without an answer.
        """
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server has closed the connection") from error
        return Answer(int(first.split()[1]), headers, body)

    async def says_more(self, seconds: float) -> bool:
        """Return whether the server sends anything that nobody asked for."""
        try:
            return bool(await asyncio.wait_for(self.reader.read(1), seconds))
        except TimeoutError:
            return False

    def abort(self) -> None:
        """Break the connection off, as a client that is killed does."""
        self.writer.transport.abort()
