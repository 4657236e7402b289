import os
import shutil
from pathlib import Path

import pytest

from provence_plugins.errors import BackendError, CheckpointError, CheckpointNotFoundError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.onnx_backend import OnnxBackend, load


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def test_int8_is_taken_when_there_is_a_choice(tiny_checkpoint: Checkpoint) -> None:
    assert "model_int8.onnx" in load(tiny_checkpoint, BackendOptions()).description


def test_float32_is_taken_when_there_is_nothing_else(folder: Path) -> None:
    (folder / "model_int8.onnx").unlink()
    assert "model.onnx" in load(open_checkpoint(folder), BackendOptions()).description


def test_a_precision_can_be_chosen(tiny_checkpoint: Checkpoint) -> None:
    assert "model.onnx" in load(tiny_checkpoint, BackendOptions(dtype="float32")).description


@pytest.mark.parametrize(("dtype", "missing"), [("int8", "model_int8.onnx"), (None, "model_int8.onnx or model.onnx")])
def test_a_missing_file_is_named_with_the_command_that_makes_it(folder: Path, dtype: str | None, missing: str) -> None:
    for path in folder.glob("*.onnx"):
        path.unlink()
    with pytest.raises(CheckpointNotFoundError, match=rf"no {missing}\..*provence export"):
        load(open_checkpoint(folder), BackendOptions(dtype=dtype))


def test_another_device_is_refused_with_the_backend_that_has_it(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(BackendError, match="backend='torch'"):
        load(tiny_checkpoint, BackendOptions(device="cuda"))


def test_the_cpu_can_be_asked_for_by_name(tiny_checkpoint: Checkpoint) -> None:
    load(tiny_checkpoint, BackendOptions(device="cpu"))


@pytest.mark.parametrize("keep", [0, 1, 1000, -1], ids=["empty", "one byte", "cut early", "cut late"])
def test_a_truncated_file_is_a_checkpoint_error(folder: Path, keep: int) -> None:
    path = folder / "model_int8.onnx"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="model_int8"):
        load(open_checkpoint(folder), BackendOptions())


def test_the_graph_of_another_model_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save

    node = helper.make_node("Identity", ["pixels"], ["label"])
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("pixels", "label")]
    graph = helper.make_graph([node], "other", value[:1], value[1:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx")
    with pytest.raises(CheckpointError, match="maps pixels to label"):
        OnnxBackend(tmp_path / "model.onnx", max_tokens=64)


def test_the_threads_asked_for_are_used_and_by_default_those_allowed(tiny_checkpoint: Checkpoint) -> None:
    assert "3 threads" in load(tiny_checkpoint, BackendOptions(threads=3)).description
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert f"{allowed} threads" in load(tiny_checkpoint, BackendOptions()).description


def test_the_budget_grows_with_long_windows(tiny_folder: Path) -> None:
    assert OnnxBackend(tiny_folder / "model.onnx", max_tokens=8192).max_batch_tokens == 8192
