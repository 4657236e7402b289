"""Requests to prune, from callers and from senders of JSON, checked once at the front door."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from provence_plugins.errors import InvalidInputError
from provence_plugins.keywords import check_class_keywords
from provence_plugins.types import Passage

# A passage takes about as long as so many characters of text, however short it is.
_CHARACTERS_PER_PASSAGE = 50
# So many are a long call, whatever their texts; adding up these would take time on the event loop.
_MANY_PASSAGES = 1_000


@check_class_keywords
class PruneRequest(NamedTuple):
    """One item of `Pruner.prune_many`; a plain pair works too.

    Attributes:
        query: The question.
        passages: Texts or `Passage`s.
    """

    query: str
    passages: Sequence[str | Passage]


def check_query(query: str) -> None:
    """Check that a query is a string with text.

    Raises:
        InvalidInputError: The query is not a string, or is blank.
    """
    if not isinstance(query, str):
        raise InvalidInputError(f"query must be a string; got {type(query).__name__}.")
    if not query.strip():
        raise InvalidInputError("query is blank. Pass the question that the passages should answer.")


def check_passages(passages: Iterable[str | Passage]) -> list[Passage]:
    """Return the passages of a caller as a list of `Passage`s.

    Raises:
        InvalidInputError: `passages` is not a list, or one item is neither a string nor a
            `Passage`.
    """
    return [_to_passage(passage, number) for number, passage in enumerate(list_passages(passages))]


def list_passages(passages: Iterable[str | Passage]) -> list[str | Passage]:
    """Return the passages of a caller as a list, without a check of its items.

    Raises:
        InvalidInputError: `passages` is not a list or another iterable of several things.
    """
    if isinstance(passages, str | Passage):
        raise InvalidInputError(
            f"passages must be a list of strings or Passages; got a single {type(passages).__name__}. Write [text]."
        )
    if not isinstance(passages, Iterable):
        raise InvalidInputError(f"passages must be a list of strings or Passages; got {type(passages).__name__}.")
    return list(passages)


def check_texts(texts: Sequence[str]) -> None:
    """Check that texts are a list of strings.

    Raises:
        InvalidInputError: They are something else.
    """
    if not isinstance(texts, list | tuple):
        raise InvalidInputError(f"texts must be a list of strings; got {type(texts).__name__}. Write [text].")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(f"Text {number} must be a string; got {type(text).__name__}.")


def estimate_size(query: object, passages: Sequence[object]) -> int:
    """Estimate the work of a call in characters; titles, query and number of passages count too.

    Nothing has been checked yet, so whatever is not text counts as empty.
    """
    if len(passages) > _MANY_PASSAGES:
        return len(passages) * _CHARACTERS_PER_PASSAGE
    texts = [query]
    for passage in passages:
        texts += [passage.text, passage.title] if isinstance(passage, Passage) else [passage]
    return len(passages) * _CHARACTERS_PER_PASSAGE + sum(len(text) for text in texts if isinstance(text, str))


# Any: a caller may pass anything.
def iterate_requests(requests: Any) -> Iterator[Any]:
    """Return an iterator over requests.

    Raises:
        InvalidInputError: They are not iterable.
    """
    if not isinstance(requests, Iterable):
        raise InvalidInputError(
            f"requests must be an iterable of pairs of a query and its passages; got {type(requests).__name__}."
        )
    return iter(requests)


def check_request(request: Any) -> tuple[str, list[Passage]]:
    """Return the query and the passages of a caller's request.

    Raises:
        InvalidInputError: It is not a pair of a query and a list of passages.
    """
    try:
        query, passages = request
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"A request must be a pair of a query and its passages; got {type(request).__name__}. "
            f"Write (query, [text])."
        ) from error
    return query, check_passages(passages)


def decode_json(data: bytes) -> object:
    """Return the value of a JSON text in UTF-8.

    Raises:
        InvalidInputError: The data is not valid JSON, or holds NaN or a number that is too large.
    """
    try:
        return json.loads(data.decode("utf-8-sig"), parse_float=_finite, parse_constant=_finite)
    except json.JSONDecodeError as error:  # its own message counts lines, which misleads in a file of JSON lines
        raise InvalidInputError(f"This is not valid JSON: {error.msg} at character {error.pos + 1}.") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"This is not valid JSON: {error}.") from error


# Any: a value that JSON can hold.
def is_deeper_than(value: Any, levels: int) -> bool:
    """Return whether a value is nested deeper than this; JSON can be too deep to write."""
    level = [value]
    for _ in range(levels):
        below: list[Any] = []
        for parent in level:
            if isinstance(parent, dict):
                below += parent.values()
            elif isinstance(parent, list):
                below += parent
        level = below
    return bool(level)


# Any: the sender's own keys may hold any JSON value.
def read_request(value: object) -> tuple[PruneRequest, dict[str, Any]]:
    """Read a request from a decoded JSON object.

    Args:
        value: An object with `query` and `passages`: a list of strings, and of objects with `text`
            and optionally `title`.

    Returns:
        The request, and all other keys of the object.

    Raises:
        InvalidInputError: The value is not an object, or lacks `query` or `passages`, or these hold
            something else.
    """
    if not isinstance(value, dict):
        raise InvalidInputError(f"A request must be an object with query and passages; got {type(value).__name__}.")
    for name in ("query", "passages"):
        if name not in value:
            raise InvalidInputError(f"The request has no {name!r}. It must be an object with query and passages.")
    others = {key: item for key, item in value.items() if key not in ("query", "passages")}
    query, passages = value["query"], value["passages"]
    check_query(query)
    if not isinstance(passages, list):
        raise InvalidInputError(f"passages must be a list; got {type(passages).__name__}.")
    return PruneRequest(query, [_from_json(passage, number) for number, passage in enumerate(passages)]), others


def _to_passage(passage: object, number: int) -> Passage:
    if isinstance(passage, Passage):
        return passage
    if isinstance(passage, str):
        return Passage(passage)
    raise InvalidInputError(
        f"Passage {number} must be a string or a Passage; got {type(passage).__name__}. Pass its text."
    )


def _from_json(passage: object, number: int) -> Passage:
    if not isinstance(passage, dict):
        return _to_passage(passage, number)
    if "text" not in passage:
        raise InvalidInputError(
            f"Passage {number} has no 'text'. It must be a string, or an object with text and optionally title."
        )
    return Passage(passage["text"], passage.get("title"))


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value
