"""What happens around every request: its id, its line in the log and its metrics."""

import asyncio
import logging
import re
import secrets
import traceback
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provence_plugins.serving.failures import error_response
from provence_plugins.serving.metrics import Metrics

logger = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_LONGEST_PATH = 200

# Asked every few seconds by whoever watches the server.
_QUIET_ROUTES = ("/health", "/metrics", "/ready")

LAST_REQUEST = "last_request"
"""The key of a request's state by which a server says that it closes the connection after the
answer."""


# Any: numbers and strings.
def note(scope: Scope, **facts: Any) -> None:
    """Add facts about a request to its line in the log: numbers and names, never a text."""
    scope["state"].setdefault("facts", {}).update(facts)


class RequestLog:
    """Gives every request an id, answers remaining failures, writes one line and counts.

    Args:
        app: The application.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; anything but HTTP passes unchanged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        answer = _Answer(send, state, _request_id(scope))
        state["request_id"] = answer.request_id
        began = perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            if not answer.status:
                await error_response(503, "The server is shutting down. Try again.")(scope, receive, answer.send)
            raise
        except Exception as error:
            _log_fault(error, answer.request_id)
            if not answer.status:
                message = f"The server failed on this request. Its log has the reason under the id {answer.request_id}."
                await error_response(500, message)(scope, receive, answer.send)
        finally:
            self._record(scope, answer, perf_counter() - began)

    def _record(self, scope: Scope, answer: "_Answer", seconds: float) -> None:
        # Paths that are not routes could be any number.
        route = scope["route"].path if "route" in scope else "other"
        self._metrics.requests.labels(route, answer.status).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        facts = {
            "request_id": answer.request_id,
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "status": answer.status,
            "seconds": round(seconds, 4),
            **scope["state"].get("facts", {}),
        }
        level = logging.DEBUG if route in _QUIET_ROUTES else logging.INFO
        logger.log(level, "%s %s %d", facts["method"], facts["path"], answer.status, extra={"facts": facts})


@dataclass(slots=True)
class _Answer:
    """Sends an answer on with the id of its request, and notes its status; 0 at first."""

    _send: Send
    # Any: what an application and its server tell each other of a request.
    _state: dict[str, Any]
    request_id: str
    status: int = field(default=0, init=False)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            if self._state.get(LAST_REQUEST):
                # Otherwise the client would send its next request into a connection that is being
                # closed.
                headers["Connection"] = "close"
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """Return the id that the client has given, if it is a plain one, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _log_fault(error: Exception, request_id: str) -> None:
    """Log where an unexpected error came from, without its message, which may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames[-6:]))
    facts = {"request_id": request_id, "error": type(error).__name__, "place": place}
    logger.error("unexpected %s at %s", facts["error"], place, extra={"facts": facts})
