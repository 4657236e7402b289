"""`Reader`, the interface of language models that answer prompts, here or on a server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from provence_plugins.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str

    def to_dict(self) -> dict[str, str]:
        """Return the message as chat servers take it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader answered, and what the answer cost.

    Attributes:
        text: The answer, without white space around it.
        prompt_tokens: Tokens of the prompt, as the reader counts them; None when it does not tell.
        answer_tokens: Tokens of the answer; None when it does not tell.
        prefill_seconds: Seconds until the prompt was read; None when it does not tell.
        seconds: Seconds from sending the prompt to the end of the answer.
        is_complete: Whether the reader ended the answer itself; False where `max_tokens` cut it.
    """

    text: str
    prompt_tokens: int | None
    answer_tokens: int | None
    prefill_seconds: float | None
    seconds: float
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """How a reader is run.

    Attributes:
        threads: Threads of a model on this machine; None takes one for each processor.
        context_tokens: Longest prompt and answer together, for a model on this machine.
        timeout: Seconds after which a request to a server counts as failed.
        attempts: How often a request is sent when the server is busy or the connection breaks.
    """

    threads: int | None = None
    context_tokens: int = 4096
    timeout: float = 120.0
    attempts: int = 3

    def __post_init__(self) -> None:
        for name in ("threads", "context_tokens", "timeout", "attempts"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InvalidInputError(f"{name} must be above 0; got {value}.")


class Reader(Protocol):
    """Answers prompts, always with the most probable tokens. Any thread may call it."""

    @property
    def name(self) -> str:
        """A name for tables: the model, without folders and addresses."""
        ...

    def answer(self, messages: Sequence[Message], *, max_tokens: int) -> Answer:
        """Answer a conversation.

        Raises:
            PromptTooLongError: Prompt and answer do not fit into the reader's context.
            ReaderTimeoutError: The reader took too long.
            UnreadableAnswerError: What came back is not an answer.
            ReaderError: The reader cannot be reached, or refuses to answer.
        """
        ...

    def score(self, messages: Sequence[Message], answer: str) -> float | None:
        """Return the mean log-probability of a given answer, in nats per token; None if unknown.

        Raises:
            ReaderError: As for `answer`.
        """
        ...

    def close(self) -> None:
        """Free what the reader holds."""
        ...
