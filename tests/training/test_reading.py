import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import DataError
from provence_plugins.training.reading import read_dev_examples, read_train_examples
from provence_plugins.training.settings import DataSettings

LINE = {"id": "q", "question": "Who?", "passage": "It was Ada. Nobody else.", "is_positive": True}
PRUNABLE = LINE | {"answer_spans": [[7, 10]]}


def settings_of(folder: Path, *lines: dict[str, Any], labels: Sequence[str] = (), **settings: Any) -> DataSettings:
    """Settings whose data, for training and for dev, are some lines."""
    file = folder / "data.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return DataSettings(train=[str(file)], dev=[str(file)], labels=labels, **settings)


def test_examples_are_read_with_the_labels_of_a_teacher_where_there_are_some(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": "q", "silver": [[0, 11, 0.75]]}', encoding="utf-8")
    [plain] = read_train_examples(settings_of(tmp_path, PRUNABLE))
    [labelled] = read_train_examples(settings_of(tmp_path, PRUNABLE, labels=[str(labels)]))
    assert (plain.silver, labelled.silver[0].probability) == ((), 0.75)
    labels.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"There are no labels in .*labels\.jsonl"):
        read_train_examples(settings_of(tmp_path, PRUNABLE, labels=[str(labels)]))


@pytest.mark.parametrize("read", [read_train_examples, lambda data: read_dev_examples(data, "sentencex")])
def test_a_file_without_examples_is_named(tmp_path: Path, read: Any) -> None:
    with pytest.raises(DataError, match=r"There are no examples in .*data\.jsonl"):
        read(settings_of(tmp_path))


def test_one_dev_example_that_can_be_pruned_is_enough(tmp_path: Path) -> None:
    assert len(read_dev_examples(settings_of(tmp_path, LINE, PRUNABLE), "sentencex")) == 2


@pytest.mark.parametrize(
    "line",
    [PRUNABLE | {"is_positive": False}, LINE, PRUNABLE | {"passage": "It was Ada."}],
    ids=["no positive", "no evidence", "one sentence"],
)
def test_dev_data_that_cannot_be_pruned_are_refused_with_their_files(tmp_path: Path, line: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"no positive with annotated evidence .* in .*data\.jsonl\. Name dev files"):
        read_dev_examples(settings_of(tmp_path, line), "sentencex")


def test_questions_above_the_limit_do_not_count(tmp_path: Path) -> None:
    data = settings_of(tmp_path, LINE | {"id": "first"}, PRUNABLE, final_dev_limit=1)
    with pytest.raises(DataError, match="no positive with annotated evidence"):
        read_dev_examples(data, "sentencex")
