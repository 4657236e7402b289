import json
import math
from pathlib import Path

import pytest

from provence_plugins.data.examples import read_examples
from provence_plugins.data.silver import SilverSpan
from provence_plugins.errors import DataError
from provence_plugins.labelling.open_provence_data import read_rows
from provence_plugins.types import Span

ROW = {
    "id": "msmarco:7",
    "query": "where do quokkas live",
    "texts": ["They live on Rottnest. They eat leaves.", "Tea is green."],
    "context_spans": [[[0, 23], [23, 39]], [[0, 13]]],
    "labels": [1, 0],
    "context_spans_relevance": [[1, 0], [0]],
    "teacher_scores.one": [0.75, 0.25],
    "teacher_scores.two": [3.0, -5.0],
    "dataset_name": "msmarco",
}


def test_a_row_becomes_a_line_for_each_of_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, read_rows(ROW))))
    first, second = read_examples(path)
    assert (first.id, first.source, first.positive, second.positive) == ("msmarco:7-0", "msmarco", True, False)
    assert first.silver == (SilverSpan(Span(0, 23), 1.0), SilverSpan(Span(23, 39), 0.0))
    assert first.teacher == pytest.approx((math.log(3) + 3) / 2, abs=1e-4)
    assert second.teacher == pytest.approx((-math.log(3) - 5) / 2, abs=1e-4)


def test_what_a_row_does_not_say_is_left_open() -> None:
    plain = {name: ROW[name] for name in ("id", "query", "texts", "context_spans")}
    for line in read_rows(plain):
        assert line.keys() == {"id", "question", "passage"}


@pytest.mark.parametrize(
    "change", [{"labels": [1]}, {"context_spans_relevance": [[1], [0]]}, {"texts": None}, {"query": ...}], ids=str
)
def test_a_row_whose_columns_do_not_fit_is_refused(change: dict[str, object]) -> None:
    row = {name: value for name, value in {**ROW, **change}.items() if value is not ...}
    with pytest.raises(DataError, match=r"row 'msmarco:7' is not in the layout of OpenProvence"):
        list(read_rows(row))
