"""Labelled questions and passages, read from JSON lines."""

import gzip
import json
import math
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provence_plugins.errors import DataError
from provence_plugins.types import Passage, Sentence, Span

# What a mined negative's id has behind its question's. Ids hold signs of every kind, page addresses with a "#" too.
_MINED = re.compile(r"#n\d+$")


@dataclass(frozen=True, slots=True)
class Example:
    """A question, a passage, and what people marked in it.

    Attributes:
        id: Unique in its data set; a mined negative has its question's id, "#n" and a number.
        source: Name of the data set.
        question: The question or claim.
        passage: The passage, with its title if it has one.
        evidence: Character ranges that hold an answer or its evidence.
        positive: Whether the passage answers the question.
        teacher: Relevance that a stronger model gave the pair, as a raw score; None where there is none.
    """

    id: str
    source: str
    question: str
    passage: Passage
    evidence: tuple[Span, ...]
    positive: bool
    teacher: float | None = None

    @property
    def has_sentence_labels(self) -> bool:
        """Whether it says which sentences matter; a positive without evidence says only that some do."""
        return bool(self.evidence) or not self.positive

    @property
    def question_id(self) -> str:
        """Id that a positive and its mined negatives share."""
        return self.id if self.positive else _MINED.sub("", self.id)

    @property
    def is_mined(self) -> bool:
        """Whether it is a negative that a search found for the question of another example."""
        return self.question_id != self.id


def label_sentences(example: Example, sentences: Sequence[Sentence]) -> list[bool]:
    """Mark the sentences that overlap an answer or evidence span."""
    return [any(span.overlaps(sentence) for span in example.evidence) for sentence in sentences]


def read_examples(path: Path) -> Iterator[Example]:
    """Read a `.jsonl` or `.jsonl.gz` file, one example a line; blank lines are passed over.

    A line holds `question`, `passage`, `is_positive`, and may hold `id`, `source`, `title`, `answer_spans`,
    `relevant_sentences` (both lists of `[start, end]`) and `teacher_score`.

    Raises:
        DataError: The file cannot be read, or a line is malformed; the message names the line.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _read_line(line, path, number)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as JSON lines: {error}.") from error


def first_questions(examples: Sequence[Example], most: int | None) -> list[Example]:
    """The first positives of each source, at most so many questions (None for all), and all their mined negatives."""
    chosen: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        questions = chosen[example.source]
        if example.positive and (most is None or len(questions) < most):
            questions.add(example.question_id)
    return [example for example in examples if example.question_id in chosen[example.source]]


def _read_line(line: str, path: Path, number: int) -> Example:
    try:
        record = json.loads(line)
        return _to_example(record, default_id=f"{path.name}:{number}", default_source=path.name.split(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}, line {number}: {type(error).__name__}: {error}. Expected an object with question, passage and "
            f"is_positive."
        ) from error


def _to_example(record: dict[str, Any], *, default_id: str, default_source: str) -> Example:
    passage = Passage(record["passage"], record.get("title"))
    spans = [*(record.get("answer_spans") or ()), *(record.get("relevant_sentences") or ())]
    evidence = tuple(Span(start, end) for start, end in spans)
    if any(span.end > len(passage.text) for span in evidence):
        raise ValueError(f"a span ends behind the passage, which has {len(passage.text)} characters")
    if not isinstance(record["question"], str) or not record["question"].strip():
        raise ValueError("the question is blank or no string")
    if not isinstance(record["is_positive"], bool):
        raise ValueError("is_positive is neither true nor false")
    teacher = record.get("teacher_score")
    if teacher is not None and not math.isfinite(teacher):
        raise ValueError(f"teacher_score is {teacher}, no finite number")
    return Example(
        id=str(record.get("id", default_id)),
        source=str(record.get("source", default_source)),
        question=record["question"],
        passage=passage,
        evidence=evidence if record["is_positive"] else (),
        positive=record["is_positive"],
        teacher=None if teacher is None else float(teacher),
    )
