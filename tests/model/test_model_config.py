import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import CheckpointError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.formats import FORMATS


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


@pytest.fixture
def change_config(folder: Path) -> Callable[..., None]:
    def change(**fields: Any) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | fields))

    return change


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format_version": 2}, r"format version 2, and this package reads version 1"),
        ({"format_version": None}, r"format version None"),
        ({"default_threshold": 1.5}, r"default_threshold=1\.5; expected a number of 0 to 1"),
        ({"default_threshold": "low"}, r"default_threshold='low'"),
        ({"default_threshold": None}, r"default_threshold=None"),
        ({"thresholds": {"careful": 2}}, r"careful=2; expected a number of 0 to 1"),
        ({"thresholds": {"bold": 0.5}}, r"thresholds=\{'bold': 0\.5\}; this version knows careful, balanced, short"),
        ({"thresholds": 0.5}, r"thresholds=0\.5; this version knows"),
        ({"default_threshold": float("nan")}, r"default_threshold=nan"),
        ({"comparison": -1}, r"comparison=-1; expected a number of 0 to 10"),
        ({"comparison": 11}, r"comparison=11"),
        ({"comparison": float("nan")}, r"comparison=nan"),
        ({"comparison": "much"}, r"comparison='much'"),
        ({"comparison": True}, r"comparison=True"),
        ({"passage_comparison": 11}, r"passage_comparison=11; expected a number of 0 to 10"),
        ({"max_tokens": 65}, r"max_tokens=65; expected a number of 1 to 64"),
        ({"max_tokens": 0}, r"max_tokens=0"),
        ({"max_tokens": "64"}, r"max_tokens='64'"),
        ({"backbone_config": {"model_type": "gpt2"}}, r"family 'gpt2'; known families are bert"),
        ({"backbone_config": None}, r"family None"),
    ],
)
def test_a_configuration_with_a_wrong_field_says_which(
    folder: Path, change_config: Callable[..., None], fields: dict[str, Any], message: str
) -> None:
    change_config(**fields)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(folder)


def test_a_comparison_of_sentences_is_read_and_published_models_have_none(
    folder: Path, change_config: Callable[..., None]
) -> None:
    assert open_checkpoint(folder).format.scoring.comparison == 0.0
    change_config(comparison=1)
    checkpoint = open_checkpoint(folder)
    assert checkpoint.format.scoring.comparison == 1.0
    assert checkpoint.format.is_native
    assert all(row.scoring.comparison == 0.0 for row in FORMATS)


def test_a_comparison_of_passages_belongs_to_the_thresholds_and_published_models_have_none(
    folder: Path, change_config: Callable[..., None]
) -> None:
    assert open_checkpoint(folder).thresholds.passage_comparison == 0.0
    change_config(passage_comparison=0.25)
    assert open_checkpoint(folder).thresholds.passage_comparison == 0.25
    assert all(row.thresholds.passage_comparison == 0.0 for row in FORMATS)
