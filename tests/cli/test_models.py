import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_export_writes_the_files_and_says_how_close_they_are(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.onnx"))
    done = run("export", folder, "--precision", "float32")
    assert done.code == 0
    assert done.out.startswith(f"{folder / 'model.onnx'}\tmean difference ".encode())
    assert [path.name for path in folder.glob("*.onnx")] == ["model.onnx"]
    assert "got 'int4'" in run("export", folder, "--precision", "int4").complaint
