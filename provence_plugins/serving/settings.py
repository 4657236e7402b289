"""What a server serves, what it decides by default, and what it accepts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provence_plugins.engine.policy import PruningPolicy, check_policy
from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_class_keywords, check_count, check_number, show_value

if TYPE_CHECKING:
    from provence_plugins.engine.options import PrunerOptions

_MEBIBYTE = 1024 * 1024

_LEAST_COUNTS = ("max_requests", "max_pending_tokens", "max_body_bytes", "max_passages")
_DURATIONS = ("timeout_seconds", "body_seconds")
_SET_BY_THE_SERVER = ("policy", "scorer")


@check_class_keywords
@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Settings of the HTTP application, which every worker process gets pickled.

    Attributes:
        model: None for the model that ships with the package, a model folder, or a repo id.
        options: The other keywords of `Pruner`, except `scorer` and `policy`.
        policy: Decides where a request does not.
        api_key: Key that clients send as "Authorization: Bearer KEY"; None lets everybody in.
        max_requests: Maximum number of requests that run or wait; further ones are refused with
            status 429.
        max_pending_tokens: Maximum number of tokens that wait for the model; see `SharedScorer`.
        gather_seconds: Maximum time that a request waits for others to share its batch.
        timeout_seconds: Maximum time from a complete request to its answer; then it fails with
            status 504.
        max_body_bytes: Maximum size of a request; a larger one is refused with status 413.
        body_seconds: Maximum time that a client takes to send its request; then it is refused with
            status 408.
        max_passages: Maximum number of passages of a request; more are refused with status 413.
    """

    model: str | Path | None = None
    options: "PrunerOptions" = field(default_factory=dict)  # type: ignore[assignment]
    policy: PruningPolicy = field(default_factory=PruningPolicy)
    api_key: str | None = field(default=None, repr=False)
    max_requests: int = 64
    max_pending_tokens: int = 1_000_000
    gather_seconds: float = 0.002
    timeout_seconds: float = 60.0
    max_body_bytes: int = 4 * _MEBIBYTE
    body_seconds: float = 10.0
    max_passages: int = 1_000

    def __post_init__(self) -> None:
        check_policy(self.policy)
        _check_options(self.options)
        for name in _LEAST_COUNTS:
            check_count(name, getattr(self, name), least=1)
        for name in _DURATIONS:
            check_number(name, getattr(self, name), least=0, above=True)
        check_number("gather_seconds", self.gather_seconds, least=0)
        if self.api_key is not None:
            _check_key(self.api_key)


def _check_options(value: object) -> None:
    # Their names and values are checked by the pruner.
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"options must be a dictionary of keywords of Pruner; got {show_value(value)}.")
    for name in _SET_BY_THE_SERVER:
        if name in value:
            raise InvalidInputError(
                f"options must not contain {name!r}, which the server sets itself. Give a policy as "
                f"policy=PruningPolicy(...)."
            )


def _check_key(value: object) -> None:
    # The value is not shown, because it may be most of a real key.
    if not isinstance(value, str) or not (value.isascii() and value.isprintable() and value.split() == [value]):
        raise InvalidInputError(
            f"api_key must be a text of printable ASCII characters without spaces, or None for no key; got another "
            f"{type(value).__name__}."
        )
