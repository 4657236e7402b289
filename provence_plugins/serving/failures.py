"""The answer to a client whose request fails: a status and one line."""

from collections.abc import Mapping

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from provence_plugins.errors import ClosedError, InvalidInputError, OverloadedError, ProvenceError
from provence_plugins.serving.faults import describe_faults
from provence_plugins.serving.service import service_of
from provence_plugins.serving.writing import encode_json

# The status of each of this package's errors; the nearest class decides.
STATUSES: Mapping[type[ProvenceError], int] = {
    InvalidInputError: 422,
    OverloadedError: 429,
    ClosedError: 503,
    ProvenceError: 500,
}

# What `error_type` says for each status; the names are those of text-embeddings-inference where it
# has one.
ERROR_TYPES: Mapping[int, str] = {
    400: "malformed",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "slow_client",
    413: "too_large",
    415: "unsupported_content",
    422: "validation",
    429: "overloaded",
    499: "client_left",
    500: "backend",
    503: "unavailable",
    504: "timeout",
}

_RETRY_LATER = (429, 503)


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every failure in this module's shape."""
    app.add_exception_handler(StarletteHTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_body)
    for error_type in STATUSES:
        app.add_exception_handler(error_type, _answer_own_error)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with what went wrong as `error` and its name as `error_type`."""
    content = encode_json({"error": message, "error_type": ERROR_TYPES.get(status, "error")})
    return Response(content, status, headers, media_type="application/json")


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    return error_response(error.status_code, str(error.detail), error.headers)


async def _answer_own_error(request: Request, error: Exception) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    headers = {}
    if status in _RETRY_LATER:
        headers["Retry-After"] = str(service_of(request).admission.retry_seconds)
    return error_response(status, str(error), headers)


async def _answer_invalid_body(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Every place begins with "body".
    faults = [{**fault, "loc": fault["loc"][1:]} for fault in error.errors()]
    return error_response(422, describe_faults(faults, error.body))


def refuse_too_many(count: int, limit: int) -> None:
    """Refuse a request with too many passages.

    Raises:
        HTTPException: There are more than the limit.
    """
    if count > limit:
        raise HTTPException(
            413,
            f"The request has {count} passages, and this server accepts at most {limit}. Send several requests.",
        )
