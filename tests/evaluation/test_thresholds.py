import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provence_plugins import Pruner
from provence_plugins.data.examples import Example, read_examples
from provence_plugins.errors import CheckpointError
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples, ScoredExample
from provence_plugins.evaluation.thresholds import choose_threshold, measure_thresholds, write_thresholds
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.formats import PROVENCE
from provence_plugins.thresholds import Thresholds


def judged(*answers: float) -> JudgedExamples:
    """Questions whose answers score as given, each beside a sentence that scores nothing."""
    scored = [
        ScoredExample("s", "Who?", np.array([answer, 0.0]), np.array([10.0, 10.0]), np.array([True, False]), 2)
        for answer in answers
    ]
    return JudgedExamples(scored)


def test_the_threshold_keeps_the_target_share_of_answers() -> None:
    assert choose_threshold(judged(0.4, 0.3, 0.2, 0.1), 0.75) == 0.2


def test_a_threshold_from_data_without_mistakes_is_capped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert choose_threshold(judged(0.99, 0.98), 1.0) == 0.5
    assert "too easy to choose a default threshold: 0.98" in caplog.text


def test_each_name_keeps_its_share_of_the_answers_and_the_table_says_what_it_removes() -> None:
    measured = measure_thresholds(judged(*(number / 200 for number in range(100, 0, -1))), default_recall=0.5)
    assert measured.thresholds == Thresholds(0.255, careful=0.01, balanced=0.02, short=0.04)
    kept = [round(measured.row_of(value).kept, 9) for value in measured.thresholds.named.values()]
    assert kept == [0.99, 0.97, 0.93]
    assert measured.row_of(0.04).removed == pytest.approx((100 + 7) / 200)


def test_a_threshold_has_three_digits_however_small_it_is_and_is_never_rounded_up() -> None:
    measured = measure_thresholds(judged(*(0.0007777,) * 50))
    assert set(measured.thresholds.named.values()) == {0.000777}
    assert measured.to_config()["default_threshold"] == 0.000777
    assert {"threshold": 0.000777, "kept": 1.0, "removed": 0.5} in measured.to_config()["calibration"]
    assert choose_threshold(judged(0.0, 0.0), 1.0) == 0.0


def test_named_thresholds_are_capped_like_the_default(caplog: pytest.LogCaptureFixture) -> None:
    assert set(measure_thresholds(judged(0.99, 0.98)).thresholds.named.values()) == {0.5}
    assert len(caplog.records) == 1


def write_examples(path: Path) -> list[Example]:
    """Three questions on a passage of three sentences, of which the first holds the answer."""
    text = "Paris is the capital of France. The river is long. Cheese is good."
    records = [
        {"question": question, "passage": text, "is_positive": True, "answer_spans": [[0, 5]]}
        for question in ("Where is Paris?", "What is the capital?", "Who is good?")
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return list(read_examples(path))


def test_the_thresholds_of_a_folder_are_measured_with_its_own_backend_and_its_pruner_takes_them(
    tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    examples = write_examples(tmp_path / "dev.jsonl")
    before = json.loads((folder / "config.json").read_text())
    measured = write_thresholds(open_checkpoint(folder), examples)
    after = json.loads((folder / "config.json").read_text())
    assert {key for key in after if after[key] != before[key]} == {"default_threshold", "thresholds", "calibration"}
    with Pruner(folder) as pruner:
        assert pruner.thresholds == measured.thresholds
        results = [pruner.prune(example.question, [example.passage]) for example in examples]
        lowest = min((*result.passages, *result.dropped)[0].sentences[0].probability for result in results)
        assert min(lowest, 0.5) - 1e-3 <= measured.thresholds.named["careful"] <= lowest


def test_a_published_model_keeps_the_thresholds_of_its_authors(tiny_checkpoint: Checkpoint) -> None:
    published = replace(tiny_checkpoint, format=PROVENCE)
    with pytest.raises(CheckpointError, match="the format provence, whose configuration cannot store"):
        write_thresholds(published, [])
