"""Read the answers of chat servers, in the form that OpenAI, llama.cpp, Ollama and vLLM share."""

from collections.abc import Mapping
from typing import Any

from provence_plugins.errors import PromptTooLongError, ReaderError, UnreadableAnswerError
from provence_plugins.readers.reader import Answer
from provence_plugins.text.visible import show_on_one_line

# Servers say in different words that a prompt is too long; the first two are codes, the others
# parts of messages.
_TOO_LONG = (
    "exceed_context_size",
    "context_length_exceeded",
    "maximum context length",
    "exceeds the available context",
    "context window",
    "too many tokens",
)

_LONGEST_QUOTE = 300

# A probability that rounds to 0 has minus infinity or, from llama.cpp, the lowest number of its type: no mean is known.
_IMPOSSIBLE = -1e4


# Any: whatever JSON holds, in all of this file.
def read_completion(body: Any, seconds: float) -> Answer:
    """Return the answer in the body of a chat completion.

    Args:
        body: The decoded body.
        seconds: How long the request took.

    Raises:
        UnreadableAnswerError: The body is not a chat completion.
    """
    try:
        [choice, *_] = body["choices"]
        text = choice["message"]["content"] or ""
        usage = body.get("usage") or {}
        prefill = (body.get("timings") or {}).get("prompt_ms")
        return Answer(
            text=text.strip(),
            prompt_tokens=_whole(usage.get("prompt_tokens")),
            answer_tokens=_whole(usage.get("completion_tokens")),
            prefill_seconds=None if prefill is None else float(prefill) / 1000,
            seconds=seconds,
            is_complete=choice.get("finish_reason") != "length",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableAnswerError(
            f"The reader sent something that is not a chat completion: {quote(body)}. Check that "
            f"the address ends where the server's API begins, often in /v1."
        ) from error


def mean_log_probability(body: Any, answer: str) -> float | None:
    """Return the mean log-probability of an answer that a grammar forced; None if missing.

    The token that ends the answer is left out: whether a model stops there says nothing about the
    answer.
    """
    try:
        entries = body["choices"][0]["logprobs"]["content"]
        read, total, tokens = b"", 0.0, 0
        for entry in entries:
            piece = bytes(entry["bytes"] or ())
            if piece:
                read += piece
                total += float(entry["logprob"])
                tokens += 1
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    if not tokens or not total > _IMPOSSIBLE * tokens or read.strip() != answer.strip().encode():
        return None
    return total / tokens


def refusal(message: str, *, status: int | None = None) -> ReaderError:
    """Return the error for a reader that refused a request.

    Args:
        message: What the reader says.
        status: The status of the response; None for a reader that is not a server.
    """
    said = quote(message)
    if status is not None:
        said = f"status {status}, {said}"
    if any(words in message.lower() for words in _TOO_LONG):
        return PromptTooLongError(
            f"The prompt does not fit into the reader's context: {said}. Give the reader a longer "
            f"context, or show it fewer passages."
        )
    return ReaderError(f"The reader refused the request: {said}. Check the model's name and the access key.")


def quote(content: Any) -> str:
    """Return the beginning of a body on one line, without control characters."""
    text = show_on_one_line(content if isinstance(content, str) else repr(content))
    if len(text) <= _LONGEST_QUOTE:
        return text
    return f"{text[:_LONGEST_QUOTE]}…"


def error_message(body: Any) -> str | None:
    """Return the message of a body that reports an error; None when it reports none."""
    if not isinstance(body, Mapping) or not body.get("error"):
        return None
    error = body["error"]
    if isinstance(error, Mapping):
        return f"{error.get('type') or error.get('code') or 'error'}: {error.get('message', '')}"
    return str(error)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
