"""Shapes of the published calls: how questions, contexts, titles and results are paired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, TypeVar

from provence_plugins.errors import InvalidInputError

T = TypeVar("T")

Context = str | list[str]
"""A text, or a text that is already cut into sentences."""

Titles = list[list[str | None]]
"""The title of each context, by question; None for a context without one."""

FIRST_SENTENCE = "first_sentence"
"""Value of `title` that makes the first sentence of each context its title."""


@dataclass(frozen=True, slots=True)
class Request:
    """A question with its contexts."""

    question: str
    contexts: list[Context]


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of `process` asks for.

    Attributes:
        requests: Each question with its contexts.
        shape: Shape of each field of the result: one value, a list with a value for each context of
            the one question, a list with a value for each question, or a list of lists.
    """

    requests: list[Request]
    shape: Literal["single", "contexts", "questions", "nested"]

    @property
    def sizes(self) -> list[int]:
        """Number of contexts of each question."""
        return [len(request.contexts) for request in self.requests]

    def check_top_k(self, top_k: int | None) -> None:
        """Check that so many contexts of each question can be returned in the shape of the call.

        Raises:
            InvalidInputError: A context that has one value in this shape would be left out.
        """
        if self.shape in ("single", "questions") and top_k is not None and top_k < 1:
            raise InvalidInputError(
                "top_k must be at least 1 where each question has one context, because the result "
                "has a value for it. Leave top_k out, or write lists of contexts to get empty ones."
            )

    def lay_out(self, rows: Sequence[Sequence[T]]) -> Any:  # the shape is the caller's
        """Return the values of a field, given by question and context, in the shape of the call."""
        match self.shape:
            case "single":
                return rows[0][0]
            case "contexts":
                return list(rows[0])
            case "questions":
                return [row[0] for row in rows]
        return list(map(list, rows))


def provence_call(question: object, context: object) -> Call:
    """Read a call in naver's shapes: a question with a text, or lists with lists of texts.

    Raises:
        InvalidInputError: It has another shape.
    """
    if isinstance(question, str) and isinstance(context, str):
        return Call([Request(question, [context])], "single")
    if not (_is_list(question) and _is_list(context) and all(map(_is_list, context))):
        raise InvalidInputError(
            f"process() takes a question and a context, or a list of questions and a list of lists "
            f"of contexts; got {_describe(question)} and {_describe(context)}. Write several "
            f"contexts of one question as [question], [contexts]."
        )
    return Call(_pair(question, context, _text), "nested")


def open_provence_call(question: object, context: object) -> Call:
    """Read a call in OpenProvence's shapes; an inner list of one question is a cut context.

    Raises:
        InvalidInputError: It has another shape.
    """
    questions = [question] if isinstance(question, str) else question
    if not _is_list(questions) or not (isinstance(context, str) or _is_list(context)):
        raise InvalidInputError(
            f"process() takes a question or a list of questions, and a text or lists of texts as "
            f"context; got {_describe(question)} and {_describe(context)}. Write for example "
            f"process(question, [text, text])."
        )
    if isinstance(context, str):
        return Call(_pair(questions, [[context]], _text), "single")
    if len(questions) == 1:
        return Call(_pair(questions, [context], _context), "contexts")
    lists = sum(map(_is_list, context))
    if lists == 0:
        return Call(_pair(questions, [[text] for text in context], _text), "questions")
    if lists == len(context):
        return Call(_pair(questions, context, _context), "nested")
    raise InvalidInputError(
        "The contexts of several questions must be all texts or all lists; got a mixture. Write [text] for a text."
    )


def provence_titles(title: object, call: Call) -> Titles:
    """Read titles in naver's shapes: a text for a single context, or lists like the contexts.

    Raises:
        InvalidInputError: They have another shape.
    """
    if isinstance(title, str) and call.shape == "single":
        return [[_title(title)]]
    if _is_list(title) and all(map(_is_list, title)) and list(map(len, title)) == call.sizes:
        return [list(map(_title, row)) for row in title]
    raise InvalidInputError(
        f"title must be {FIRST_SENTENCE!r}, None, a text for a single context, or a list of lists "
        f"with a title for each context; got {_describe(title)}."
    )


def open_provence_titles(title: object, call: Call) -> Titles:
    """Read titles in OpenProvence's shapes; contexts without one get none.

    Args:
        title: A text for every context; a list with one for each context of the one question, or
            one for each of several questions; or a list of lists by question and context.
        call: The call.

    Raises:
        InvalidInputError: They have another shape.
    """
    rows = _title_rows(title, call.sizes)
    if rows is None:
        raise InvalidInputError(
            f"title must be {FIRST_SENTENCE!r}, None, a text, or lists shaped like the contexts; "
            f"got {_describe(title)} for {len(call.sizes)} questions."
        )
    titles = []
    for row, size in zip(rows, call.sizes, strict=True):
        titles.append([*map(_title, row), *[None] * size][:size])
    return titles


def _pair(
    questions: Sequence[object],
    contexts: Sequence[Sequence[object]],
    read: Callable[[object], Context],
) -> list[Request]:
    """Return each question with its contexts, each of which `read` checks."""
    if len(questions) != len(contexts):
        raise InvalidInputError(
            f"{len(questions)} questions need as many entries of context; got {len(contexts)}. "
            f"Pass one entry for each question."
        )
    pairs = zip(questions, contexts, strict=True)
    return [Request(_text(question), list(map(read, row))) for question, row in pairs]


def _title_rows(title: object, sizes: Sequence[int]) -> list[Sequence[object]] | None:
    """Return titles by question, in any number; None for another shape."""
    if isinstance(title, str):
        return [[title] * size for size in sizes]
    if not _is_list(title):
        return None
    lists = sum(map(_is_list, title))
    if title and lists == 0 and len(sizes) == 1:
        return [title]
    if len(title) != len(sizes) or 0 < lists < len(title):
        return None
    if lists:
        return list(title)
    return [[entry] * size for entry, size in zip(title, sizes, strict=True)]


def _title(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"A title must be a text or None; got {_describe(value)}.")
    return value.strip() or None


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _context(entry: object) -> Context:
    return list(map(_text, entry)) if _is_list(entry) else _text(entry)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(
            f"Questions and contexts must be texts; got {_describe(value)}. Is one of the lists nested too deep?"
        )
    return value


def _describe(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a value of type {type(value).__name__}"
