"""The answer to a client whose request fails: a status and one line."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from provence_plugins.errors import ClosedError, InvalidInputError, OverloadedError, ProvenceError
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

_BODY = "The body"

_RETRY_LATER = (429, 503)

# What pydantic calls a fault, and how a client is told of it.
_FAULTS = {
    "missing": "is missing",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}

_JSON_NAMES = {
    str: "a string",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


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
    return error_response(422, describe_fault(error.errors()[0]))


# Any: pydantic's own description of a fault.
def describe_fault(fault: Mapping[str, Any]) -> str:
    """Return a sentence about a fault that pydantic found, with its place and without its value."""
    place = _show_place(fault["loc"])
    kind = fault["type"]
    if kind in _FAULTS:
        given = "" if kind == "missing" else f"; got {_JSON_NAMES.get(type(fault['input']), 'something else')}"
        return f"{place} {_FAULTS[kind]}{given}."
    if kind == "literal_error":
        return f"{place} must be one of {fault['ctx']['expected']}."
    message = f"{fault['msg']}."
    if kind == "value_error":
        message = str(fault["ctx"]["error"])
    if place == _BODY:
        return message
    return f"{place}: {message}"


def _show_place(location: tuple[int | str, ...]) -> str:
    """Return a place as a client would write it: `passages[2].title`."""
    # The name of a shape among several stands in parentheses, and clients do not write it.
    names = [part for part in location[1:] if not str(part).startswith("(")]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in names]
    return "".join(parts).removeprefix(".") or _BODY


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
