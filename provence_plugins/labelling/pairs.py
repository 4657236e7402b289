"""A question and a passage that is to be labelled, as a line of data holds them."""

from dataclasses import dataclass
from typing import Any

from provence_plugins.data.detached_labels import ID_KEY, PASSAGE_ID_KEY
from provence_plugins.data.examples import is_id
from provence_plugins.data.silver import SILVER_KEY, TEACHER_KEY
from provence_plugins.engine.requests import check_query
from provence_plugins.errors import InvalidInputError
from provence_plugins.types import Passage, shorten

_NAMING_KEYS = (ID_KEY, PASSAGE_ID_KEY)
_WRITTEN_KEYS = ("line", "error", "discarded", SILVER_KEY)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a passage."""

    question: str
    passage: Passage


# Any: whatever JSON holds.
def read_pair(value: Any) -> Pair:
    """Return the pair in a line of data, which may hold anything else beside it.

    Raises:
        InvalidInputError: The line has no question or no passage, or it has a key that is reserved
            for the output.
    """
    if not isinstance(value, dict) or not {"question", "passage"} <= value.keys():
        raise InvalidInputError("The line must be an object with question, passage and optionally title.")
    taken = [key for key in _WRITTEN_KEYS if key in value]
    if taken:
        raise InvalidInputError(
            f"The key {taken[0]!r} is reserved for the output. Rename or remove this key of the line."
        )
    question, text, title = value["question"], value["passage"], value.get("title")
    check_query(question)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInputError(f"passage must be a string that is not blank; got {shorten(text)}.")
    if title is not None and not isinstance(title, str):
        raise InvalidInputError(f"title must be a string or null; got {shorten(title)}.")
    return Pair(question, Passage(text, title))


# Any: whatever JSON holds, in both functions.
def labelled_line(
    number: int, line: dict[str, Any], silver: list[list[Any]], teacher_score: float | None = None
) -> dict[str, Any]:
    """Return a line of data with its silver labels and the teacher's relevance."""
    labelled = {"line": number, **line}
    if teacher_score is not None:
        labelled[TEACHER_KEY] = teacher_score
    return {**labelled, SILVER_KEY: silver}


def without_texts(line: dict[str, Any]) -> dict[str, Any]:
    """Return of a line only what names its pair; see `data.detached_labels`.

    Raises:
        InvalidInputError: The line has no id, or one that is neither a string nor a number.
    """
    names = {key: line[key] for key in _NAMING_KEYS if line.get(key) is not None}
    if ID_KEY not in names:
        raise InvalidInputError(f"The line must have an {ID_KEY}, because labels without texts are found by it.")
    for key, value in names.items():
        if not is_id(value):
            raise InvalidInputError(f"{key} must be a string or a number; got {shorten(value)}.")
    # As texts, because training reads the ids of examples so.
    return {key: str(value) for key, value in names.items()}
