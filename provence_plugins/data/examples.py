"""Labelled questions and passages, read from JSON lines."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provence_plugins.data.fields import read_list, read_number, read_question, read_string, to_range
from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.data.silver import LIKELY, SilverSpan, read_silver, read_teacher_score
from provence_plugins.keywords import are_texts, check_class_keywords
from provence_plugins.types import Passage, Sentence, Span, shorten

# The end of a mined negative's id, after the id of its question. Ids may hold any characters, also
# page addresses with a "#".
_MINED = re.compile(r"#n\d+$")

_GRADES = ("grade", "relevance")
_EVIDENCE = ("answer_spans", "relevant_sentences")


@check_class_keywords
@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage with the labels of people or of a teacher.

    Attributes:
        id: Unique in its data set; a mined negative has its question's id, "#n" and a number.
        source: Name of the data set.
        question: The question or claim.
        passage: The passage, with its title if it has one.
        evidence: Character ranges that hold an answer or its evidence.
        positive: Whether the passage answers the question.
        teacher: Relevance that a stronger model gave the pair, as a raw score; None where there is
            none.
        grade: How relevant people found the passage, 0 for not at all; None where nobody graded it.
        answers: Right answers to the question in a few words, any of which counts; empty where they
            are not known.
        silver: How surely a teacher keeps the parts of the passage; empty where no teacher was
            asked.
        is_annotated: Whether people decided that the passage answers the question, or does not.
            Otherwise `positive` is what the teacher finds more likely.
        kind: What kind of text the passage is, such as "table"; None where it is unknown.
        question_type: What type of question it is, such as "how-to"; None where it is unknown.
    """

    id: str
    source: str
    question: str
    passage: Passage
    evidence: tuple[Span, ...]
    positive: bool
    teacher: float | None = None
    grade: float | None = None
    answers: tuple[str, ...] = ()
    silver: tuple[SilverSpan, ...] = ()
    is_annotated: bool = True
    kind: str | None = None
    question_type: str | None = None

    @property
    def has_sentence_labels(self) -> bool:
        """Whether people annotated the sentences; in a positive without evidence they did not."""
        return self.is_annotated and (bool(self.evidence) or not self.positive)

    @property
    def question_id(self) -> str:
        """The id that a positive and its mined negatives share."""
        if self.positive:
            return self.id
        return _MINED.sub("", self.id)

    @property
    def is_mined(self) -> bool:
        """Whether it is a negative that a search found for the question of another example."""
        return self.question_id != self.id


def label_sentences(example: Example, sentences: Sequence[Sentence]) -> list[bool]:
    """Return for each sentence whether it overlaps an answer or evidence span."""
    return [any(span.overlaps(sentence) for span in example.evidence) for sentence in sentences]


def read_examples(path: Path) -> Iterator[Example]:
    """Read a `.jsonl` or `.jsonl.gz` file with one example on each line, and skip blank lines.

    A line holds `question`, `passage`, `is_positive`, and may hold `id`, `source`, `title`,
    `answer_spans`, `relevant_sentences` (both lists of `[start, end]`), `answers` (a list of
    strings), `teacher_score`, `grade` (or `relevance`), `kind` and `question_type`. A line that
    `provence label` wrote also holds `silver`, a list of `[start, end, probability]`, and then
    needs no `is_positive`; a line for which that command had no labels is skipped.

    Raises:
        DataError: The file cannot be read, or a line is malformed; the message names the line.
    """
    default_source = path.name.split(".")[0]

    def parse(record: dict[str, Any], number: int) -> Example | None:
        if "passage" not in record and ({"error", "discarded"} & record.keys()):
            return None
        return _to_example(record, default_id=f"{path.name}:{number}", default_source=default_source)

    expected = "an object with question, passage and is_positive or silver"
    return (example for example in read_json_lines(path, parse, expected=expected) if example is not None)


def read_all_examples(paths: Iterable[Path]) -> list[Example]:
    """Return the examples of several files.

    Raises:
        DataError: A file cannot be read, or a line is malformed; the message names the line.
    """
    examples: list[Example] = []
    for path in paths:
        examples += read_examples(path)
    return examples


def is_id(value: object) -> bool:
    """Return whether a value of JSON names an example: a string, or a number, which counts as its digits."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def first_questions(examples: Sequence[Example], most: int | None) -> list[Example]:
    """Return the first `most` questions of each source (None for all) with their negatives."""
    chosen: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        questions = chosen[example.source]
        if example.positive and (most is None or len(questions) < most):
            questions.add(example.question_id)
    return [example for example in examples if example.question_id in chosen[example.source]]


def _to_example(record: dict[str, Any], *, default_id: str, default_source: str) -> Example:
    question, passage = read_question(record), _read_passage(record)
    silver = read_silver(record, passage.text)
    is_annotated = not silver or "is_positive" in record
    positive = record["is_positive"] if is_annotated else any(given.probability >= LIKELY for given in silver)
    if not isinstance(positive, bool):
        raise ValueError(f"is_positive must be true or false; got {positive!r}")
    evidence = _read_evidence(record, passage.text)
    return Example(
        id=_read_id(record) or default_id,
        source=read_string(record, "source") or default_source,
        question=question,
        passage=passage,
        evidence=evidence if positive else (),
        positive=positive,
        teacher=read_teacher_score(record),
        grade=_read_grade(record),
        answers=_read_answers(record.get("answers") or []),
        silver=silver,
        is_annotated=is_annotated,
        kind=read_string(record, "kind") or None,
        question_type=read_string(record, "question_type") or None,
    )


def _read_passage(record: dict[str, Any]) -> Passage:
    text = record["passage"]
    if not isinstance(text, str):
        raise ValueError(f"passage must be a string; got {shorten(text)}")
    return Passage(text, read_string(record, "title"))


def _read_evidence(record: dict[str, Any], text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for name in _EVIDENCE:
        spans += (to_range(value, name, text) for value in read_list(record, name))
    return tuple(spans)


def _read_grade(record: dict[str, Any]) -> float | None:
    name = next((name for name in _GRADES if record.get(name) is not None), _GRADES[0])
    grade = read_number(record, name)
    if grade is not None and grade < 0:
        raise ValueError(f"{name} must not be negative; got {record[name]}")
    return grade


# Any: whatever JSON holds.
def _read_answers(answers: Any) -> tuple[str, ...]:
    if not are_texts(answers):
        raise ValueError(f"answers must be a list of strings; got {answers!r}")
    return tuple(answer.strip() for answer in answers if answer.strip())


def _read_id(record: dict[str, Any]) -> str | None:
    value = record.get("id")
    if value is None:
        return None
    if not is_id(value):
        raise ValueError(f"id must be a string or a number; got {value!r}")
    return str(value)
