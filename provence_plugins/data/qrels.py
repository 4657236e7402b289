"""Graded judgements of passages in the forms of TREC and BEIR, and their candidates."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from provence_plugins.data.examples import Example
from provence_plugins.data.fields import read_question
from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.errors import DataError
from provence_plugins.types import Passage

Qrels = Mapping[str, Mapping[str, float]]
"""For each query's id the grade of each judged passage, by the passage's id."""

_TREC_COLUMNS, _BEIR_COLUMNS = 4, 3


def read_qrels(path: Path) -> Qrels:
    """Read judgements of TREC ("query 0 passage grade") or BEIR ("query passage grade").

    Grades below 0, which some tracks give to spam, count as 0.

    Raises:
        DataError: The file cannot be read, holds no judgement, or a line is malformed; the message
            names the line.
    """
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path} as judgements: {error}. Name a file of UTF-8 text.") from error
    for number, line in enumerate(lines, start=1):
        columns = line.split()
        if columns and not (number == 1 and _is_heading(columns)):
            query, passage, grade = _parse(columns, path, number)
            grades[query][passage] = max(0.0, grade)
    if not grades:
        raise DataError(f"{path} holds no judgement. Expected lines of a query, 0, a passage and a grade.")
    return dict(grades)


def read_candidates(path: Path, qrels: Qrels) -> Iterator[Example]:
    """Read the passages that are ranked, one a line, with their grades.

    A line holds `query_id`, `question`, `passage_id`, `passage`, and may hold `title` and `source`.
    As in TREC's own evaluation, a passage that nobody judged has the grade 0; questions without any
    judgement are left out.

    Raises:
        DataError: The file cannot be read, or a line is malformed; the message names the line.
    """
    default_source = path.name.split(".")[0]

    # Any: whatever JSON holds.
    def parse(record: dict[str, Any], number: int) -> Example | None:
        judged = qrels.get(str(record["query_id"]))
        if judged is None:
            return None
        grade = judged.get(str(record["passage_id"]), 0.0)
        return Example(
            id=str(record["passage_id"]),
            source=str(record.get("source", default_source)),
            question=read_question(record),
            passage=Passage(record["passage"], record.get("title")),
            evidence=(),
            positive=False,
            grade=grade,
        )

    expected = "an object with query_id, question, passage_id and passage"
    return (example for example in read_json_lines(path, parse, expected=expected) if example is not None)


def _is_heading(columns: list[str]) -> bool:
    return len(columns) == _BEIR_COLUMNS and columns[-1] == "score"


def _parse(columns: list[str], path: Path, number: int) -> tuple[str, str, float]:
    try:
        if len(columns) not in (_TREC_COLUMNS, _BEIR_COLUMNS):
            raise ValueError(f"it has {len(columns)} columns")
        grade = float(columns[-1])
        if not math.isfinite(grade):
            raise ValueError(f"the grade {columns[-1]} is not a finite number")
        return columns[0], columns[-2], grade
    except ValueError as error:
        raise DataError(
            f"{path}, line {number}: {error}. Expected a query, 0, a passage and a grade, or these without the 0."
        ) from error
