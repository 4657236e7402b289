import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.training.fingerprints import digest_files, fingerprint, is_same_run
from provence_plugins.training.settings import DataSettings, OptimizerSettings, SoftLabelSettings, TrainSettings

SETTINGS = TrainSettings(
    base="bundled",
    output="run",
    data=DataSettings(train=["a.jsonl"], dev=["b.jsonl"]),
    optimizer=OptimizerSettings(tokens=1_000, learning_rate=3e-4),
    soft_labels=SoftLabelSettings(encoder="encoder"),
)


def without(table: str, key: str) -> str:
    """The fingerprint as a version wrote it that did not know a key yet."""
    values: dict[str, Any] = json.loads(fingerprint(SETTINGS))
    del values[table][key]
    return json.dumps(values)


def with_value(table: str, key: str, value: object) -> str:
    values: dict[str, Any] = json.loads(fingerprint(SETTINGS))
    values[table][key] = value
    return json.dumps(values)


OLDER = without("data", "random_negatives")


def test_a_run_goes_on_from_before_a_key_existed() -> None:
    assert is_same_run(OLDER, SETTINGS)
    assert is_same_run(without("soft_labels", "similarity_share"), SETTINGS)


def test_a_new_key_with_another_value_is_another_run() -> None:
    changed = replace(SETTINGS, data=replace(SETTINGS.data, random_negatives=1))
    assert not is_same_run(OLDER, changed)
    assert is_same_run(fingerprint(changed), changed)


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [("optimizer", "learning_rate", 1e-4), ("data", "crop_sentences", [1, 2]), ("data", "unknown", 1)],
)
def test_another_value_of_a_known_or_unknown_key_is_another_run(table: str, key: str, value: object) -> None:
    assert not is_same_run(with_value(table, key, value), SETTINGS)


def test_length_and_card_may_change() -> None:
    optimizer = replace(SETTINGS.optimizer, tokens=None, epochs=2.0)
    assert is_same_run(fingerprint(SETTINGS), replace(SETTINGS, optimizer=optimizer, card={"license": "mit"}))


def test_soft_labels_without_a_key_are_another_run_than_none() -> None:
    assert not is_same_run(fingerprint(replace(SETTINGS, soft_labels=None)), SETTINGS)


def test_a_digest_depends_on_the_content_and_order_of_files_and_not_on_their_names(tmp_path: Path) -> None:
    one, two, copy = (tmp_path / name for name in ("one", "two", "copy"))
    for path, content in ((one, "1"), (two, "2"), (copy, "1")):
        path.write_text(content, encoding="utf-8")
    assert digest_files([one, two]) == digest_files([copy, two])
    assert len({digest_files([one, two]), digest_files([two, one]), digest_files([one])}) == 3
