"""A language model on a server with OpenAI's chat API, such as llama.cpp or Ollama."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provence_plugins.errors import (
    InvalidInputError,
    ReaderError,
    ReaderTimeoutError,
    UnreadableAnswerError,
    needs_extra,
)
from provence_plugins.readers.completions import error_message, quote, read_completion, refusal
from provence_plugins.readers.reader import Answer, Message, ReaderOptions

if TYPE_CHECKING:
    import httpx

API_KEY = "OPENAI_API_KEY"
"""The environment variable whose value is sent as the access key, where it is set."""

_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_FIRST_BAD = 400

# A server that is busy or starting gets 1, 2, 4, … seconds.
_FIRST_PAUSE = 1.0


class OpenAIReader:
    """Asks a server for chat completions; it does not tell the probability of a given answer."""

    def __init__(self, address: str, options: ReaderOptions) -> None:
        """Prepare the requests; nothing is sent yet.

        Args:
            address: "URL#MODEL", for example "http://localhost:11434/v1#qwen2.5".
            options: `timeout` and `attempts` are used.

        Raises:
            InvalidInputError: The address has no model, or is not an http address.
            MissingExtraError: The package httpx is not installed.
        """
        url, _, model = address.partition("#")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc or not model:
            raise InvalidInputError(
                f"The reader openai needs an address and a model, openai:URL#MODEL; got "
                f"{address!r}. Write for example openai:http://localhost:11434/v1#qwen2.5."
            )
        with needs_extra("readers"):
            import httpx
        self.name = model
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._attempts = options.attempts
        key = os.environ.get(API_KEY)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(timeout=options.timeout, headers=headers)

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        """Answer a conversation; see `Reader`."""
        request = {
            "model": self.name,
            "messages": [message.to_dict() for message in messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "seed": 0,
        }
        for attempt in range(1, self._attempts + 1):
            begin = time.perf_counter()
            response = self._send(request, is_last=attempt == self._attempts)
            if response is not None:
                return self._read(response, time.perf_counter() - begin)
            time.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns a response or raises")

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        """Return None: the chat API has no way to ask for the probability of a given answer."""
        return None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    # Any: plain values of every kind.
    def _send(self, request: dict[str, Any], *, is_last: bool) -> "httpx.Response | None":
        """Send a request; None when it is worth another attempt."""
        import httpx

        try:
            response = self._client.post(self._url, json=request)
        except httpx.TimeoutException as error:
            raise ReaderTimeoutError(
                f"The reader at {self._url} did not answer within {self._client.timeout.read} "
                f"seconds. Allow it more time, or show it fewer passages."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if is_last or not isinstance(error, httpx.TransportError):
                raise ReaderError(
                    f"The reader at {self._url} cannot be reached: {error}. Start the server, or check the address."
                ) from error
            return None
        is_busy = response.status_code == _TOO_MANY_REQUESTS or response.status_code >= _SERVER_ERROR
        if is_busy and not is_last:
            return None
        return response

    def _read(self, response: "httpx.Response", seconds: float) -> Answer:
        try:
            body = response.json()
        except ValueError as error:
            if response.status_code >= _FIRST_BAD:
                raise refusal(response.text, status=response.status_code) from error
            raise UnreadableAnswerError(
                f"The reader at {self._url} sent something that is not JSON: {quote(response.text)}. Check the address."
            ) from error
        message = error_message(body)
        if response.status_code >= _FIRST_BAD or message is not None:
            raise refusal(message or quote(body), status=response.status_code)
        return read_completion(body, seconds)
