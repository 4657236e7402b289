import gc
import os
import shutil
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provence_plugins.errors import BackendError, CheckpointError, CheckpointNotFoundError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.onnx_backend import OnnxBackend, load
from provence_plugins.tokens.batches import TokenBatch

pytestmark = pytest.mark.usefixtures("own_sessions")

TASKS = Path("/proc/self/task")  # where Linux lists the threads of a process, those outside Python included
counts_threads = pytest.mark.skipif(not TASKS.is_dir(), reason="only Linux lists its threads")


def batch_of(lengths: Sequence[int]) -> TokenBatch:
    """Rows of random tokens: a question of four, then text."""
    random = np.random.default_rng(5)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    ids = random.integers(5, 80, mask.shape) * mask
    ids[:, 5] = 3  # parts the question from the text
    return TokenBatch(ids, mask, mask * (np.arange(max(lengths)) > 5))


def rows_of(batch: TokenBatch, rows: list[int]) -> TokenBatch:
    length = int(batch.mask[rows].sum(axis=1).max())
    return TokenBatch(batch.ids[rows, :length], batch.mask[rows, :length], batch.type_ids[rows, :length])


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
def test_a_truncated_file_is_a_checkpoint_error(folder: Path, capfd: pytest.CaptureFixture[str], keep: int) -> None:
    path = folder / "model_int8.onnx"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="model_int8"):
        load(open_checkpoint(folder), BackendOptions())
    assert capfd.readouterr().out == ""


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


def threads_become(count: int) -> bool:
    """Whether the process soon has so many threads; one that has been joined may take a moment to vanish."""
    until = time.monotonic() + 5
    while len(os.listdir(TASKS)) != count and time.monotonic() < until:
        time.sleep(0.001)
    return len(os.listdir(TASKS)) == count


@pytest.mark.parametrize(
    ("model", "threads"),
    [
        ("tiny", 1),
        ("tiny", 2),
        ("tiny", 4),
        ("shipped", 2),
        pytest.param("shipped", 1, marks=pytest.mark.slow),
        pytest.param("shipped", 4, marks=pytest.mark.slow),
    ],
)
def test_int8_scores_of_a_window_are_the_same_to_the_bit_in_any_company(
    tiny_checkpoint: Checkpoint, model: str, threads: int
) -> None:
    checkpoint = tiny_checkpoint if model == "tiny" else open_checkpoint(None)
    backend = load(checkpoint, BackendOptions(dtype="int8", threads=threads))
    lengths = [int(share * checkpoint.max_tokens) for share in (0.15, 0.5, 0.5, 0.7, 0.95, 1.0)]
    batch = batch_of(lengths)
    together = backend.forward(batch)
    order = [4, 1, 5, 0, 3, 2]
    turned = backend.forward(rows_of(batch, order))
    for row, length in enumerate(lengths):
        alone = backend.forward(rows_of(batch, [row]))
        place = order.index(row)
        assert alone.relevance[0] == together.relevance[row] == turned.relevance[place]
        np.testing.assert_array_equal(alone.keep[0], together.keep[row, :length])
        np.testing.assert_array_equal(alone.keep[0], turned.keep[place, :length])
    assert together.relevance.std() > 0


@counts_threads
def test_one_thread_means_one_thread_in_all(tiny_checkpoint: Checkpoint) -> None:
    before = most = len(os.listdir(TASKS))
    backend = load(tiny_checkpoint, BackendOptions(threads=1))
    session = backend._narrow._session

    class Watching:
        def run(self, *arguments: Any) -> Any:
            nonlocal most
            most = max(most, len(os.listdir(TASKS)))
            return session.run(*arguments)

    backend._narrow._session = Watching()
    backend.forward(batch_of([20, 30, 40]))
    backend.forward(batch_of([20]))
    assert most == before
    assert backend._wide is backend._narrow  # one copy of the weights


@counts_threads
def test_threads_end_with_the_batch_and_with_the_backend(tiny_checkpoint: Checkpoint) -> None:
    before = len(os.listdir(TASKS))
    backend = load(tiny_checkpoint, BackendOptions(threads=3))
    backend.forward(batch_of([20, 30, 40]))
    assert threads_become(before)
    backend.forward(batch_of([20]))
    assert threads_become(before + 2)  # a window by itself has all three threads
    del backend
    gc.collect()
    assert threads_become(before)


class CountingSession:
    """A real session that notes how many callers are in it at once."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.inside = self.most = 0
        self.lock = threading.Lock()

    def run(self, *arguments: Any) -> Any:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.002)
        try:
            return self.session.run(*arguments)
        finally:
            with self.lock:
                self.inside -= 1


@pytest.mark.parametrize("threads", [1, 2])
def test_many_callers_together_run_no_more_windows_at_once_than_there_are_threads(
    tiny_checkpoint: Checkpoint, threads: int
) -> None:
    backend = load(tiny_checkpoint, BackendOptions(threads=threads))
    counting = CountingSession(backend._narrow._session)
    backend._narrow._session = counting
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(backend.forward, [batch_of([20, 30, 40])] * 12))
    assert counting.most == threads


def test_a_model_that_is_replaced_while_it_runs_is_not_mixed_with_the_new_one(folder: Path) -> None:
    backend = load(open_checkpoint(folder), BackendOptions(threads=2))
    batch = batch_of([20, 30, 40])
    together = backend.forward(batch)
    path = folder / "model_int8.onnx"
    (folder / "new").write_bytes(b"another model")
    (folder / "new").replace(path)
    alone = backend.forward(rows_of(batch, [2]))
    np.testing.assert_array_equal(alone.keep[0], together.keep[2])
    path.unlink()
    np.testing.assert_array_equal(backend.forward(rows_of(batch, [2])).keep, alone.keep)


def test_the_budget_grows_with_long_windows(tiny_folder: Path) -> None:
    assert OnnxBackend(tiny_folder / "model.onnx", max_tokens=8192).max_batch_tokens == 8192


def test_the_budget_grows_with_the_threads_that_share_it(tiny_folder: Path) -> None:
    one, four = (OnnxBackend(tiny_folder / "model.onnx", max_tokens=64, threads=threads) for threads in (1, 4))
    assert four.max_batch_tokens == 4 * one.max_batch_tokens
