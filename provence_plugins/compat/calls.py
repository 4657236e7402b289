"""Shapes of the published calls: how questions, contexts and titles are paired, and how results are laid out."""

from collections.abc import Sequence
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
        layout: Shape of each field of the result: one value, a list with a value for each context of the one question,
            a list with a value for each question, or a list of lists.
    """

    requests: list[Request]
    layout: Literal["single", "contexts", "questions", "nested"]

    def lay_out(self, rows: Sequence[Sequence[T]]) -> Any:  # the shape is the caller's
        """Return the values of one field, given by question and context, in the shape of the call."""
        match self.layout:
            case "single":
                return rows[0][0]
            case "contexts":
                return list(rows[0])
            case "questions":
                return [row[0] for row in rows]
        return [list(row) for row in rows]


def provence_call(question: object, context: object) -> Call:
    """Read a call in naver's shapes: one question with one text, or lists of questions and of lists of texts.

    Raises:
        InvalidInputError: It has another shape.
    """
    if isinstance(question, str) and isinstance(context, str):
        return Call([Request(question, [context])], "single")
    if not (_is_list(question) and _is_list(context) and all(_is_list(row) for row in context)):
        raise InvalidInputError(
            f"process() takes a question and a context, or a list of questions and a list of lists of contexts; got "
            f"{_shape(question)} and {_shape(context)}. Write several contexts of one question as [question], "
            f"[contexts]."
        )
    _check_equal(len(question), len(context))
    requests = [
        Request(_text(one), [_text(text) for text in texts]) for one, texts in zip(question, context, strict=True)
    ]
    return Call(requests, "nested")


def open_provence_call(question: object, context: object) -> Call:
    """Read a call in OpenProvence's shapes; with one question an inner list is a context that is cut into sentences.

    Raises:
        InvalidInputError: It has another shape.
    """
    questions = [question] if isinstance(question, str) else question
    if not _is_list(questions) or not (isinstance(context, str) or _is_list(context)):
        raise InvalidInputError(
            f"process() takes a question or a list of questions, and a text or lists of texts as context; got "
            f"{_shape(question)} and {_shape(context)}."
        )
    if isinstance(context, str):
        _check_equal(len(questions), 1)
        return Call([Request(_text(questions[0]), [context])], "single")
    if len(questions) == 1:
        return Call([Request(_text(questions[0]), [_context(entry) for entry in context])], "contexts")
    _check_equal(len(questions), len(context))
    pairs = list(zip(questions, context, strict=True))
    if not any(_is_list(entry) for entry in context):
        return Call([Request(_text(one), [_text(text)]) for one, text in pairs], "questions")
    if not all(_is_list(entry) for entry in context):
        raise InvalidInputError("The contexts of several questions must be all texts or all lists; got a mixture.")
    return Call([Request(_text(one), [_context(entry) for entry in entries]) for one, entries in pairs], "nested")


def provence_titles(title: object, call: Call) -> Titles:
    """Read titles in naver's shapes: a text for a single context, or a list of lists like the contexts.

    Raises:
        InvalidInputError: They have another shape.
    """
    if isinstance(title, str) and call.layout == "single":
        return [[_title(title)]]
    sizes = [len(request.contexts) for request in call.requests]
    if _is_list(title) and all(_is_list(row) for row in title) and [len(row) for row in title] == sizes:
        return [[_title(entry) for entry in row] for row in title]
    raise InvalidInputError(
        f"title must be {FIRST_SENTENCE!r}, None, a text for a single context, or a list of lists with a title for "
        f"each context; got {_shape(title)}."
    )


def open_provence_titles(title: object, call: Call) -> Titles:
    """Read titles in OpenProvence's shapes; contexts without one get none.

    Args:
        title: A text for every context; a list with one for each context of the one question, or one for each of
            several questions; or a list of lists by question and context.
        call: The call.

    Raises:
        InvalidInputError: They have another shape.
    """
    sizes = [len(request.contexts) for request in call.requests]
    if isinstance(title, str):
        rows: list[Sequence[object]] = [[title] * size for size in sizes]
    elif not _is_list(title):
        rows = []
    elif all(_is_list(entry) for entry in title):
        rows = list(title)
    elif any(_is_list(entry) for entry in title):
        rows = []
    elif len(sizes) == 1:
        rows = [title]
    else:
        rows = [[entry] * size for entry, size in zip(title, sizes, strict=False)] if len(title) == len(sizes) else []
    if len(rows) != len(sizes):
        raise InvalidInputError(
            f"title must be {FIRST_SENTENCE!r}, None, a text, or lists shaped like the contexts; got {_shape(title)} "
            f"for {len(sizes)} questions."
        )
    return [_fill_up([_title(entry) for entry in row], size) for row, size in zip(rows, sizes, strict=True)]


def _fill_up(titles: list[str | None], size: int) -> list[str | None]:
    return [*titles, *[None] * size][:size]


def _title(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"A title must be a text or None, got {_shape(value)}.")
    return value.strip() or None


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _context(entry: Any) -> Context:
    return [_text(sentence) for sentence in entry] if _is_list(entry) else _text(entry)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(
            f"Questions and contexts must be texts, got {_shape(value)}. Is one of the lists nested too deep?"
        )
    return value


def _check_equal(questions: int, contexts: int) -> None:
    if questions != contexts:
        raise InvalidInputError(f"{questions} questions need as many entries of context, got {contexts}.")


def _shape(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a value of type {type(value).__name__}"
