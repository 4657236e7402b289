"""Make lines of data from questions and the passages that were found for them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from provence_plugins.data.fields import read_question
from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.errors import DataError
from provence_plugins.keywords import are_texts
from provence_plugins.labelling.corpus import CorpusPassage
from provence_plugins.labelling.retrieval import RetrievalSettings, Retrieved
from provence_plugins.types import Span


def find_answers(text: str, answers: Iterable[str]) -> list[Span]:
    """Return where answers occur in a text, as whole words, ignoring case and white space."""
    spans: set[tuple[int, int]] = set()
    for answer in answers:
        words = answer.split()
        if words:
            pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, words)) + r"(?!\w)"
            for found in re.finditer(pattern, text, re.IGNORECASE):
                spans.add(found.span())
    outer: list[Span] = []
    for one in sorted(spans):
        # An answer inside a longer one says nothing more.
        if not any(_holds(other, one) for other in spans):
            outer.append(Span(*one))
    return outer


# Any: plain values of JSON, in the rest of this file.
def read_questions(path: Path) -> Iterator[dict[str, Any]]:
    """Read questions from JSON lines; `id`, `answers` and `passages` are optional.

    Raises:
        DataError: The file cannot be read, or a line is malformed.
    """

    def parse(record: dict[str, Any], number: int) -> dict[str, Any]:
        read_question(record)
        answers = record.get("answers") or []
        if not are_texts(answers):
            raise ValueError(f"answers must be a list of strings; got {answers!r}")
        return {"id": f"{path.name.split('.')[0]}:{number}", **record}

    return read_json_lines(path, parse, expected="an object with question, and optionally id, answers and passages")


def read_retrieved(question: dict[str, Any], settings: RetrievalSettings) -> Retrieved:
    """Return the passages that another retriever found for a question, from its line.

    Raises:
        DataError: The line holds no passages, or one is neither a text nor an object with a text.
    """
    given = question.get("passages")
    if not isinstance(given, list) or not given:
        raise DataError(
            f"The question {question['id']!r} has no passages. Put the list that your retriever "
            f"found into its line, or name a corpus with --corpus."
        )
    try:
        passages = [_read_passage(passage, number) for number, passage in enumerate(given)]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"A passage of the question {question['id']!r} is neither a text nor an object with a text."
        ) from error
    return Retrieved(passages[: settings.top_k], passages[settings.top_k :])


def build_lines(
    question: dict[str, Any], retrieved: Retrieved, settings: RetrievalSettings
) -> Iterator[dict[str, Any]]:
    """Yield the lines of one question: its top passages, and its negatives.

    With answer strings, a passage is positive if it holds one, and negatives hold none. Without,
    nobody knows, and the lines are there to be labelled.

    Args:
        question: `id`, `question` and optionally `answers`.
        retrieved: What was found for it.
        settings: How many negatives are taken.
    """
    answers: Sequence[str] = question.get("answers") or ()
    for number, passage in enumerate(retrieved.top):
        yield _line(question, f"{question['id']}-{number}", passage, answers)
    free = [passage for passage in retrieved.rest if not find_answers(passage.text, answers)]
    for number, passage in enumerate(free[: settings.negatives]):
        # Training finds the negatives of a question by this form of their ids.
        yield _line(question, f"{question['id']}-0#n{number}", passage, answers)


def _read_passage(given: Any, number: int) -> CorpusPassage:
    if isinstance(given, str):
        return CorpusPassage(str(number), given, None)
    text, title = given["text"], given.get("title")
    if not isinstance(text, str) or not isinstance(title, str | None):
        raise TypeError(f"passage {number} has a text or a title that is not a string")
    return CorpusPassage(str(number), text, title)


def _line(
    question: dict[str, Any],
    identity: str,
    passage: CorpusPassage,
    answers: Sequence[str],
) -> dict[str, Any]:
    line: dict[str, Any] = {"id": identity, "question": question["question"], "passage": passage.text}
    if passage.title:
        line["title"] = passage.title
    if answers:
        spans = find_answers(passage.text, answers)
        line |= {
            "answers": list(answers),
            "is_positive": bool(spans),
            "answer_spans": [[span.start, span.end] for span in spans],
        }
    return line


def _holds(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1]
