"""Read the body of a request: JSON in UTF-8, within limits of size and time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from provence_plugins.engine.requests import decode_json
from provence_plugins.errors import InvalidInputError
from provence_plugins.serving.admission import CLIENT_LEFT
from provence_plugins.serving.service import service_of

# Decoding this many bytes takes some milliseconds, for which the event loop should not wait.
_LONG_BODY = 50_000


class JsonRoute(APIRoute):
    """A route whose requests are read by `JsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return handle_json


class JsonRequest(Request):
    """A request that refuses what is too large, too slow or not JSON before it is looked at."""

    async def body(self) -> bytes:
        """Return the body.

        Raises:
            HTTPException: It is not JSON by its headers, too large, or too slow.
        """
        if not hasattr(self, "_body"):
            _check_content(self)
            settings = service_of(self).settings
            try:
                async with asyncio.timeout(settings.body_seconds):
                    self._body = await self._read(settings.max_body_bytes)
            except TimeoutError as error:
                raise HTTPException(
                    408, f"The request was not complete within {settings.body_seconds:g} seconds."
                ) from error
            except ClientDisconnect as error:
                raise HTTPException(CLIENT_LEFT, "The client has closed the connection.") from error
        return self._body

    # Any: a decoded JSON value.
    async def json(self) -> Any:
        """Return the value of the body.

        Raises:
            HTTPException: It is not valid JSON.
        """
        data = await self.body()
        try:
            if len(data) > _LONG_BODY:
                return await asyncio.to_thread(decode_json, data)
            return decode_json(data)
        except InvalidInputError as error:
            raise HTTPException(400, str(error)) from error

    async def _read(self, limit: int) -> bytes:
        declared = self.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        parts, size = [], 0
        async for part in self.stream():
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _too_large(limit)
        if not size:
            raise HTTPException(400, "The body is empty. Send a JSON object.")
        return b"".join(parts)


def _check_content(request: Request) -> None:
    """Refuse other content than plain JSON, which also keeps out the forms of foreign web pages."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send the header 'Content-Type: application/json' and a JSON object.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "Send the body without a Content-Encoding: compressed requests are not supported.")


def _too_large(limit: int) -> HTTPException:
    return HTTPException(
        413, f"The request has more than {limit} bytes, the most that this server takes. Send fewer passages."
    )
