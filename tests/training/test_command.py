"""`provence train` with several configurations."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provence_plugins.cli.app import app
from provence_plugins.model.checkpoint import open_checkpoint

TEXT = "Paris is old. The cheese is in the house. The river is far."
LINE = {"question": "Where is the cheese?", "passage": TEXT, "is_positive": True, "answer_spans": [[18, 24]]}


@pytest.fixture
def configs(tmp_path: Path, tiny_folder: Path) -> list[Path]:
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join(json.dumps({**LINE, "id": f"q{number}"}) for number in range(8)))
    paths = []
    for name, base in (("one", tiny_folder), ("two", tmp_path / "one" / "model")):
        path = tmp_path / f"{name}.toml"
        path.write_text(
            f'base = "{base}"\noutput = "{tmp_path / name}"\nwindow_tokens = 60\nthreads = 1\nprecision = "float32"\n'
            f'[data]\ntrain = ["{data}"]\ndev = ["{data}"]\n'
            f'[optimizer]\ntokens = 400\nbatch_tokens = 256\nautocast = "float32"\n'
        )
        paths.append(path)
    return paths


def test_a_run_may_start_from_what_the_one_before_has_made(configs: list[Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", *map(str, configs)])
    assert done.exit_code == 0, done.output
    folders = [tmp_path / name / "model" for name in ("one", "two")]
    assert [line for line in done.stdout.splitlines() if line.startswith(str(tmp_path))] == [str(f) for f in folders]
    assert f"Base: `{folders[0]}`" in (folders[1] / "README.md").read_text()
    assert open_checkpoint(folders[1]).format.name == "native"


def test_one_output_for_several_runs_is_refused(configs: list[Path], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", *map(str, configs), "--output", str(tmp_path / "both")])
    assert done.exit_code == 2
    assert "--output is for a single run" in done.output
    assert not (tmp_path / "one").exists()
