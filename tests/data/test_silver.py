import json
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.data.examples import Example, read_examples
from provence_plugins.data.silver import SilverSpan, spread_silver
from provence_plugins.errors import DataError
from provence_plugins.types import Span

TEXT = "Paris is old. It is far."
PAIR = {"question": "Where is Paris?", "passage": TEXT}


def read(path: Path, *records: dict[str, Any]) -> list[Example]:
    file = path / "silver.jsonl"
    file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return list(read_examples(file))


def test_a_pair_that_only_a_teacher_labelled_is_read(tmp_path: Path) -> None:
    [example] = read(tmp_path, {**PAIR, "silver": [[0, 14, 0.75], [14, 24, 0.1]], "teacher_score": 1.5})
    assert example.silver == (SilverSpan(Span(0, 14), 0.75), SilverSpan(Span(14, 24), 0.1))
    assert (example.positive, example.is_annotated, example.has_sentence_labels) == (True, False, False)
    assert example.teacher == 1.5


def test_labels_of_people_stay_beside_those_of_a_teacher(tmp_path: Path) -> None:
    [example] = read(tmp_path, {**PAIR, "is_positive": False, "silver": [[0, 14, 0.75]]})
    assert (example.positive, example.is_annotated, example.has_sentence_labels) == (False, True, True)


def test_lines_without_labels_of_a_run_are_skipped(tmp_path: Path) -> None:
    lines = ({"line": 1, "error": "blank"}, {"line": 2, "discarded": "no citation", "answer": "Paris."})
    assert read(tmp_path, *lines, {**PAIR, "silver": [[0, 14, 0.2]]})[0].positive is False


@pytest.mark.parametrize(
    ("silver", "reason"),
    [
        ([[0, 99, 0.5]], "silver must hold ranges .* <= 24, the number of characters of the passage"),
        ([[0, 5, 1.5]], "a probability in silver must be between 0 and 1; got 1.5"),
        ([[0, 5]], r"silver must hold lists of .*; got \[0, 5\]"),
    ],
    ids=["range", "probability", "shape"],
)
def test_silver_labels_that_cannot_be_right_are_refused_with_their_line(
    silver: list[Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"line 1: .*{reason}"):
        read(tmp_path, {**PAIR, "silver": silver})


def test_a_pair_without_any_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is_positive"):
        read(tmp_path, PAIR)


def test_a_sentence_takes_the_highest_probability_of_the_ranges_that_it_overlaps() -> None:
    silver = [SilverSpan(Span(0, 10), 0.2), SilverSpan(Span(10, 20), 0.7), SilverSpan(Span(30, 40), 0.4)]
    assert spread_silver(silver, [Span(0, 20), Span(20, 30), Span(5, 35), Span(32, 33)]) == [0.7, 0.0, 0.7, 0.4]
