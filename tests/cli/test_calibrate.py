import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provence_plugins.model.checkpoint import open_checkpoint

Run = Callable[..., Any]


def test_calibrate_writes_the_named_thresholds_and_the_other_commands_take_them(
    run: Run, page: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    record = {
        "question": "Where?",
        "passage": "Paris is old. It is far.",
        "is_positive": True,
        "answer_spans": [[0, 5]],
    }
    (tmp_path / "dev.jsonl").write_text(json.dumps(record))
    refused = run("prune", "-q", "where?", page, "--model", folder, "--threshold", "short")
    assert "threshold='short' needs a model that stores a threshold of this name" in refused.complaint

    done = run("calibrate", folder, tmp_path / "dev.jsonl")
    assert done.code == 0, done.err
    stored = open_checkpoint(folder).thresholds
    lines = done.out.decode().splitlines()
    assert [line.split()[:2] for line in lines] == [[name, f"{value:g}:"] for name, value in stored.named.items()]
    assert all("100.0% of the answers kept" in line for line in lines)

    named = run("prune", "-q", "where?", page, "--model", folder, "--threshold", "short", "--json")
    assert json.loads(named.out)["threshold"] == stored.short
    shown = run("doctor", "--model", folder).out.decode()
    [line] = [line for line in shown.splitlines() if line.startswith("  balanced")]
    assert f" {stored.balanced:g} (on labelled data: 100.0% of the answers kept" in line
