"""Call shapes of the two published interfaces: how questions and contexts are paired, and how results are laid out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, TypeVar

from provence_plugins.errors import InvalidInputError

T = TypeVar("T")

Context = str | list[str]
"""A text, or a text that is already cut into sentences."""

Interface = Literal["provence", "open-provence"]


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
        layout: Whether a field of the result is one value, a list with a value for each context of the one question,
            a list with a value for each question, or a list of lists.
    """

    requests: list[Request]
    layout: Literal["single", "contexts", "questions", "nested"]

    def lay_out(self, rows: Sequence[Sequence[T]]) -> Any:  # the shape is the caller's
        """One field of the result in the shape of the call, from its values by question and context."""
        match self.layout:
            case "single":
                return rows[0][0]
            case "contexts":
                return list(rows[0])
            case "questions":
                return [row[0] for row in rows]
        return [list(row) for row in rows]


def provence_call(question: object, context: object) -> Call:
    """A call in naver's shapes: one question with one text, or lists of questions and of lists of texts.

    Raises:
        InvalidInputError: It has another shape.
    """
    if isinstance(question, str) and isinstance(context, str):
        return Call([Request(question, [context])], "single")
    if not (_is_list(question) and _is_list(context) and all(_is_list(row) for row in context)):
        raise InvalidInputError(
            f"process() takes a question and a context, or a list of questions and a list of lists of contexts; got "
            f"{_shape(question)} and {_shape(context)}. Several contexts of one question are ([question], [contexts])."
        )
    _check_equal(len(question), len(context))
    rows = zip(question, context, strict=True)
    return Call([Request(_text(one), [_text(text) for text in texts]) for one, texts in rows], "nested")


def open_provence_call(question: object, context: object) -> Call:
    """A call in OpenProvence's shapes; with one question an inner list is a context that is cut into sentences.

    Raises:
        InvalidInputError: It has another shape.
    """
    questions = [question] if isinstance(question, str) else list(question) if _is_list(question) else None
    if questions is None or not (isinstance(context, str) or _is_list(context)):
        raise InvalidInputError(
            f"process() takes a question or a list of them, and a text or lists of texts as context; got "
            f"{_shape(question)} and {_shape(context)}."
        )
    if isinstance(context, str):
        _check_equal(len(questions), 1)
        return Call([Request(_text(questions[0]), [context])], "single")
    if len(questions) == 1:
        return Call([Request(_text(questions[0]), [_context(entry) for entry in context])], "contexts")
    _check_equal(len(questions), len(context))
    if not any(_is_list(entry) for entry in context):
        rows = zip(questions, context, strict=True)
        return Call([Request(_text(one), [_text(text)]) for one, text in rows], "questions")
    if not all(_is_list(entry) for entry in context):
        raise InvalidInputError("Contexts of several questions are all texts or all lists; got a mixture.")
    nested = zip(questions, context, strict=True)
    return Call([Request(_text(one), [_context(entry) for entry in entries]) for one, entries in nested], "nested")


CALLS: dict[Interface, Callable[[object, object], Call]] = {
    "provence": provence_call,
    "open-provence": open_provence_call,
}


def titles_of(title: object, call: Call) -> list[list[str | None]]:
    """The explicit title of each context, by question; None where there is none.

    Args:
        title: None, a text for every context, a list with one for each context of the one question or for each
            question, or a list of lists like the contexts. Missing and blank titles are none.
        call: The call.

    Raises:
        InvalidInputError: It has another shape.
    """
    sizes = [len(request.contexts) for request in call.requests]
    if title is None:
        return [[None] * size for size in sizes]
    if isinstance(title, str):
        rows: list[Sequence[object]] = [[title] * size for size in sizes]
    elif _is_list(title) and all(isinstance(entry, str) for entry in title):
        rows = [title] if len(sizes) == 1 else [[entry] * size for entry, size in zip(title, sizes, strict=False)]
    elif _is_list(title) and all(_is_list(entry) for entry in title):
        rows = list(title)
    else:
        rows = []
    if len(rows) != len(sizes):
        raise InvalidInputError(
            f"title must be 'first_sentence', None, a text, or lists shaped like the contexts; got {_shape(title)} for "
            f"{len(sizes)} questions."
        )
    return [
        [_title(row[n]) if n < len(row) else None for n in range(size)] for row, size in zip(rows, sizes, strict=True)
    ]


def _title(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def _context(entry: Any) -> Context:
    return [_text(sentence) for sentence in entry] if _is_list(entry) else _text(entry)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"Questions and contexts are texts, got {_shape(value)}. Is a list nested too deep?")
    return value


def _check_equal(questions: int, contexts: int) -> None:
    if questions != contexts:
        raise InvalidInputError(f"{questions} questions need as many entries of context, got {contexts}.")


def _shape(value: object) -> str:
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, list | tuple) else "")
