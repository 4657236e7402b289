"""The key that clients of both servers, HTTP and Model Context Protocol, must send."""

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

NO_KEY = "The key is missing or wrong. Send the header 'Authorization: Bearer KEY'."
"""The error text for a client without the key."""

ASK_FOR_KEY = {"WWW-Authenticate": "Bearer"}
"""The headers of the answer to such a client, whose status is 401."""


class BearerKey:
    """Refuses requests without the key, except those for paths that are open to everybody.

    Args:
        app: The application.
        key: What clients must send as `Authorization: Bearer KEY`.
        refusal: The answer to a request without it.
        open_paths: Paths that need no key.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: str,
        refusal: ASGIApp,
        open_paths: Collection[str] = (),
    ) -> None:
        self._app = app
        self._expected = key.encode()
        self._refusal = refusal
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        is_let_in = scope["type"] == "lifespan" or scope["path"] in self._open_paths or self._has_key(scope)
        application = self._app if is_let_in else self._refusal
        await application(scope, receive, send)

    def _has_key(self, scope: Scope) -> bool:
        given = Headers(scope=scope).getlist("authorization")
        # Of two headers a proxy in front may have checked the other one.
        if len(given) != 1:
            return False
        scheme, _, key = given[0].partition(" ")
        # Takes the same time wherever the two keys differ.
        return hmac.compare_digest(key.encode("latin-1"), self._expected) and scheme.lower() == "bearer"
