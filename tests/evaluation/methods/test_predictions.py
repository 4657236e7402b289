import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.data.examples import Example
from provence_plugins.errors import DataError
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.evaluation.methods.predictions import (
    ANY_WORD,
    FixedOutput,
    find_text,
    read_predictions,
)
from provence_plugins.types import Span

TEXT = "One is red. Two is blue. Three is red."


@pytest.fixture
def passage(make_example: Callable[..., Example]) -> SplitPassage:
    [passage] = split([make_example("One is red.", "Two is blue.", "Three is red.", id="a")], "sentencex")
    return passage


def write(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "system.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    return path


@pytest.mark.parametrize(
    "key", [{"id": "a"}, {"id": "a", "source": "s"}, {"question": "Who?", "passage": TEXT + " "}], ids=str
)
def test_a_passage_is_found_by_its_id_or_its_texts(tmp_path: Path, passage: SplitPassage, key: dict[str, str]) -> None:
    predictions = read_predictions(write(tmp_path, {"id": "b", "spans": []}, {**key, "spans": [[4, 9]]}))
    assert predictions.output(passage) == FixedOutput([Span(4, 9)])


def test_the_source_tells_equal_ids_apart(tmp_path: Path, passage: SplitPassage) -> None:
    lines = [{"id": "a", "source": source, "spans": [[0, end]]} for source, end in (("t", 3), ("s", 6))]
    assert read_predictions(write(tmp_path, *lines)).output(passage).spans == [Span(0, 6)]


def test_a_sentence_has_the_share_of_its_words_that_is_kept(tmp_path: Path, passage: SplitPassage) -> None:
    predictions = read_predictions(write(tmp_path, {"id": "a", "spans": [[4, 6], [12, 37]]}))
    [scores] = predictions.score([passage])
    assert scores.probabilities.tolist() == pytest.approx([1 / 3, 1.0, 1.0])
    assert scores.probabilities.min() > ANY_WORD


def test_a_passage_without_a_prediction_is_named(tmp_path: Path, passage: SplitPassage) -> None:
    predictions = read_predictions(write(tmp_path, {"id": "a", "source": "t", "spans": []}))
    with pytest.raises(DataError, match="no prediction for the passage 'a' of 's'"):
        predictions.output(passage)


def test_a_span_behind_the_end_is_named(tmp_path: Path, passage: SplitPassage) -> None:
    predictions = read_predictions(write(tmp_path, {"id": "a", "spans": [[30, 99]]}))
    with pytest.raises(DataError, match="'a' has a span from 30 to 99, but the passage has 39 characters"):
        predictions.output(passage)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "a"}, "either spans or texts"),
        ({"id": "a", "spans": [], "texts": []}, "either spans or texts"),
        ({"id": "a", "texts": "One is red."}, "must be a list of strings"),
        ({"id": "a", "spans": [[5, 2]]}, "start <= end"),
        ({"id": "a", "spans": [5]}, r"spans must hold ranges \[start, end\] with 0 <= start <= end; got 5\."),
        ({"question": "Who?", "spans": []}, "passage"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, record: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=rf"system\.jsonl, line 1: .*{reason}.* Expected an object with id"):
        read_predictions(write(tmp_path, record))


def test_two_lines_about_one_passage_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two predictions for 'a'"):
        read_predictions(write(tmp_path, {"id": "a", "spans": []}, {"id": "a", "texts": []}))


@pytest.mark.parametrize(
    ("kept", "found", "foreign"),
    [
        ("Two is blue.", ["Two is blue."], 0),
        ("  Two\nis   blue.", ["Two is blue."], 0),
        ("One is red. Three is red.", ["One is red.", "Three is red."], 0),
        ("One red. Two blue.", ["One", "red. Two", "blue."], 0),
        ("Nothing about green.", [], 3),
        ("Surely Two is blue.", ["Two is blue."], 1),
        ("", [], 0),
    ],
)
def test_texts_are_found_word_by_word(kept: str, found: list[str], foreign: int) -> None:
    output = find_text(kept, TEXT)
    assert [span.of(TEXT) for span in output.spans] == found
    assert output.foreign_words == foreign


@given(words=st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), data=st.data())
def test_a_run_of_words_is_found_whole(words: list[str], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(words)))
    last = data.draw(st.integers(first, len(words)))
    kept = " ".join(words[first:last])
    output = find_text(kept, " ".join(words))
    assert [span.of(" ".join(words)) for span in output.spans] == ([kept] if kept else [])
    assert output.foreign_words == 0


def test_texts_become_spans_of_the_passage(tmp_path: Path, passage: SplitPassage) -> None:
    predictions = read_predictions(write(tmp_path, {"id": "a", "texts": ["Three is red.", "made up", "One"]}))
    output = predictions.output(passage)
    assert [span.of(TEXT) for span in output.spans] == ["Three is red.", "One"]
    assert output.foreign_words == 2
