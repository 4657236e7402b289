import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provence_plugins import __version__

Run = Callable[..., Any]


def test_export_writes_the_files_and_says_how_close_they_are(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx"))
    done = run("export", folder, "--precision", "float32")
    assert done.code == 0
    assert done.out.startswith(f"{folder / 'model.onnx'}\tmean difference ".encode())
    assert [path.name for path in folder.glob("*.onnx")] == ["model.onnx"]
    assert "got 'int4'" in run("export", folder, "--precision", "int4").complaint


def test_what_was_not_given_as_a_folder_is_not_changed(run: Run, tmp_path: Path) -> None:
    complaint = "'bundled' is an installed, published or bundled model, whose files are not changed"
    assert complaint in run("export", "bundled").complaint
    (tmp_path / "dev.jsonl").write_text(json.dumps({"question": "Where?", "passage": "Paris.", "is_positive": False}))
    assert complaint in run("calibrate", "bundled", tmp_path / "dev.jsonl").complaint


def test_package_writes_a_package_with_the_name_of_its_folder_and_says_how_to_install_it(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    output = tmp_path / "tiny-pruner"
    assert "has no README.md" in run("package", folder, output).complaint
    (folder / "README.md").write_text("# A tiny model")
    done = run("package", folder, output, "--version", "1.2")
    assert done.out.decode() == f"{output}\n"
    assert f"pip install {output}" in done.err
    assert "Pruner('tiny-pruner')" in done.err
    assert (output / "tiny_pruner" / "model_int8.onnx").is_file()
    project = (output / "pyproject.toml").read_text()
    assert 'version = "1.2"' in project
    assert f'dependencies = ["provence-plugins>={__version__}"]' in project
    assert "exists. Name a new folder" in run("package", folder, output).complaint


def test_a_copy_is_never_written_over_the_model_itself(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (folder / "README.md").write_text("# A tiny model")
    (tmp_path / "link").symlink_to(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for output in (folder, tmp_path / "link", folder / ".." / "model"):
        done = run("export", folder, "--output", output, "--precision", "float32")
        assert "is the model's own folder" in done.complaint
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_unknown_precision_is_refused_before_a_copy_replaces_files(
    run: Run, tiny_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "copy"
    output.mkdir()
    (output / "model.onnx").write_bytes(b"an earlier one")
    assert "got 'int4'" in run("export", tiny_folder, "--output", output, "--precision", "int4").complaint
    assert [path.name for path in output.iterdir()] == ["model.onnx"]


def test_a_precision_has_no_effect_on_a_stock_model_and_is_refused(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    options = ("--as", "sequence-classification", "--precision", "int8")
    done = run("export", tiny_folder, "--output", tmp_path / "stock", *options)
    assert done.code == 2
    assert "--precision cannot be used with --as" in done.err
