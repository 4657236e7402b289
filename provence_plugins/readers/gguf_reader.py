"""A GGUF model on this machine, run by llama.cpp inside this process."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from provence_plugins.errors import InvalidInputError, ReaderError, needs_extra
from provence_plugins.installation import count_processors
from provence_plugins.readers.completions import (
    error_message,
    mean_log_probability,
    read_completion,
    refusal,
)
from provence_plugins.readers.reader import Answer, Message, ReaderOptions

_MAGIC = b"GGUF"

# An answer that is scored has its own length; this many tokens are never reached by one of few
# words.
_LONGEST_SCORED = 256


class GgufReader:
    """Runs a model with llama.cpp; one prompt at a time."""

    def __init__(self, path: str, options: ReaderOptions) -> None:
        """Load the model.

        Args:
            path: The file.
            options: `threads` and `context_tokens` are used.

        Raises:
            InvalidInputError: The file does not exist or is not a GGUF file.
            MissingExtraError: The package xllamacpp is not installed.
            ReaderError: llama.cpp cannot load the model.
        """
        _check_file(Path(path))
        with needs_extra("gguf"):
            import xllamacpp
        parameters = xllamacpp.CommonParams()
        parameters.model.path = path
        parameters.n_ctx = options.context_tokens
        parameters.n_parallel = 1
        parameters.verbosity = -1
        parameters.warmup = False
        threads = options.threads or count_processors()
        parameters.cpuparams.n_threads = threads
        parameters.cpuparams_batch.n_threads = threads
        self.name = Path(path).stem
        self._lock = Lock()
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except (RuntimeError, ValueError) as error:
            raise ReaderError(f"llama.cpp cannot load {path}: {error}. Try another file of the model.") from error

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        """Answer a conversation; see `Reader`. No prompt is reused: times are comparable."""
        begin = time.perf_counter()
        body = self._ask(messages, max_tokens=max_tokens, cache_prompt=False)
        return read_completion(body, time.perf_counter() - begin)

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        """Return the mean log-probability of a given answer; see `Reader`.

        A grammar leaves the model no other answer, and llama.cpp reports what it would have given
        each token without one. The prompt of the answer before is reused.
        """
        body = self._ask(
            messages,
            max_tokens=_LONGEST_SCORED,
            cache_prompt=True,
            grammar=f"root ::= {json.dumps(answer.strip(), ensure_ascii=False)}",
            logprobs=True,
            top_logprobs=1,
        )
        return mean_log_probability(body, answer)

    def close(self) -> None:
        """Unload the model."""
        self._server = None

    # Any: whatever JSON holds.
    def _ask(self, messages: Sequence[Message], **options: Any) -> Any:
        request = {"messages": [message.to_dict() for message in messages], "temperature": 0, "seed": 0, **options}
        if self._server is None:
            raise ReaderError("This reader was closed. Open a new one.")
        try:
            with self._lock:
                body = self._server.handle_chat_completions(request)
        except (RuntimeError, ValueError) as error:
            raise refusal(str(error)) from error
        message = error_message(body)
        if message is not None:
            raise refusal(message)
        return body


def _check_file(path: Path) -> None:
    """Check that a file begins as GGUF files do; llama.cpp would end the process.

    Raises:
        InvalidInputError: It does not, or it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise InvalidInputError(f"Cannot read {path} as a GGUF model: {error.strerror}. Name a .gguf file.") from error
    if magic != _MAGIC:
        raise InvalidInputError(f"{path} is not a GGUF file: it begins with {magic!r}. Name a .gguf file.")
