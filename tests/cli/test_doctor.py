import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provence_plugins import __version__

Run = Callable[..., Any]


def test_the_doctor_prints_facts_and_the_exit_code_says_whether_all_is_well(run: Run, tiny_folder: Path) -> None:
    done = run("doctor", "--model", tiny_folder)
    assert done.code == 0
    for fact in (__version__, str(tiny_folder), "model_int8.onnx", "onnx, torch", "offline ready     yes"):
        assert fact in done.out.decode()
    ill = run("doctor", "--model", "nowhere", "--json")
    assert ill.code == 1
    assert json.loads(ill.out)["ready"] is False
