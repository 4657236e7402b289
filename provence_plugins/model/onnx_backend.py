"""The model in ONNX Runtime, on the CPU: what runs when nothing but the package itself is installed."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, Semaphore

import numpy as np
import onnxruntime as ort

from provence_plugins.errors import BackendError, CheckpointError, CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.backend import BackendOptions, BatchScores, FloatArray
from provence_plugins.model.checkpoint import ONNX_FILES, Checkpoint
from provence_plugins.tokens.batches import TokenBatch

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("relevance", "keep")

# Each thread takes the next window as it becomes free; with this many tokens for each of them little time is lost at
# the end of a batch, where some have nothing left to do.
_BATCH_TOKENS_PER_THREAD = 2048

_ERRORS_ONLY = 3

_Outputs = tuple[FloatArray, FloatArray]  # relevance and keep of one window, as the graph gives them


class OnnxBackend:
    """Runs an exported file; its graph ends in probabilities.

    Every window runs alone, without padding: int8 scales activations by the largest of all that is run together, so
    that in a common run each window would change the scores of the others. Many windows run side by side, each in one
    thread, which is faster than one run of all of them; few windows run one after another, each in all threads.

    Args:
        path: The ONNX file.
        max_tokens: Longest window of the model.
        threads: How many windows run at once, whoever asks, and threads of a window that runs by itself; None takes
            one for each processor that the process may use.

    Raises:
        CheckpointError: The file is damaged, or of something else than an exported model of this package.
    """

    def __init__(self, path: Path, *, max_tokens: int, threads: int | None = None) -> None:
        self._path = path
        self._max_tokens = max_tokens
        self._threads = threads or _processors()
        self._turns = Semaphore(self._threads)
        self._wide = _WideSession(path, self._threads)
        self._session = _open_session(path, threads=1)
        self._inputs = [node.name for node in self._session.get_inputs()]
        _require_our_graph(self._session, path)

    @property
    def description(self) -> str:
        """Runtime, device and precision in a few words."""
        return f"onnxruntime, cpu ({self._threads} threads), {self._path.name}"

    @property
    def max_batch_tokens(self) -> int:
        """The budget of tokens, padding included, at which batches run fastest here."""
        return max(_BATCH_TOKENS_PER_THREAD * self._threads, self._max_tokens)

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row; the other rows and the padding change nothing in its scores.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        windows = [_cut(batch, row, length) for row, length in enumerate(batch.mask.sum(axis=1).tolist())]
        scores = BatchScores(np.zeros(len(windows), np.float32), np.zeros(batch.ids.shape, np.float32))
        try:
            for row, (relevance, keep) in enumerate(self._score(windows)):
                scores.relevance[row] = relevance[0]
                scores.keep[row, : keep.shape[1]] = keep[0]
        except Exception as error:  # its exceptions have no common class but this one
            rows, length = batch.ids.shape
            raise BackendError(f"ONNX Runtime could not score {rows} rows of {length} tokens: {error}") from error
        return scores

    def _score(self, windows: Sequence[TokenBatch]) -> list[_Outputs]:
        # Side by side, so few would leave half of the threads idle.
        if len(windows) <= self._threads // 2:
            session = self._wide.session or self._session
            return [self._run(session, window) for window in windows]
        if self._threads == 1:
            return [self._take_turn(window) for window in windows]
        # Starting threads takes a ten-thousandth of a batch's time, and threads that end with it need no closing.
        with ThreadPoolExecutor(self._threads, thread_name_prefix="provence-onnx") as pool:
            return list(pool.map(self._take_turn, windows))

    def _take_turn(self, window: TokenBatch) -> _Outputs:
        with self._turns:
            return self._run(self._session, window)

    def _run(self, session: ort.InferenceSession, window: TokenBatch) -> _Outputs:
        arrays = dict(zip(INPUTS, (window.ids, window.mask, window.type_ids), strict=True))
        relevance, keep = session.run(OUTPUTS, {name: arrays[name] for name in self._inputs})
        return relevance, keep


class _WideSession:
    """A second session over the same file that gives all threads to one window, opened at its first use."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        self._file = _identity(path)
        self._opening = Lock()
        self._session: ort.InferenceSession | None = None

    @property
    def session(self) -> ort.InferenceSession | None:
        """The session; None when another file has taken the place of the one that the model was opened from."""
        with self._opening:
            if self._session is None and _identity(self._path) == self._file:
                self._session = _open_session(self._path, self._threads)
            return self._session


def load(checkpoint: Checkpoint, options: BackendOptions) -> OnnxBackend:
    """Load a model folder's ONNX file: the int8 one when there is a choice, as it is the faster on a CPU.

    Raises:
        CheckpointError: The file is missing or damaged.
        InvalidInputError: There is no such precision.
        BackendError: Another device than the CPU was asked for.
    """
    if options.device not in (None, "cpu"):
        raise BackendError(
            f"The onnx backend runs on the CPU only, not on {options.device!r}. Use backend='torch' for that device."
        )
    if options.dtype is not None and options.dtype not in ONNX_FILES:
        raise InvalidInputError(
            f"There is no precision {options.dtype!r} in the onnx backend; choose {', '.join(ONNX_FILES)}."
        )
    path = _choose_file(checkpoint, options.dtype)
    return OnnxBackend(path, max_tokens=checkpoint.max_tokens, threads=options.threads)


def _choose_file(checkpoint: Checkpoint, dtype: str | None) -> Path:
    wanted = list(ONNX_FILES) if dtype is None else [dtype]
    there = checkpoint.onnx_files
    for name in wanted:
        if name in there:
            return there[name]
    missing = " or ".join(ONNX_FILES[name] for name in wanted)
    raise CheckpointNotFoundError(
        f"The folder {checkpoint.folder} has no {missing}. Make it with `provence export`, or use backend='torch'."
    )


def _open_session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    # Threads that wait for work would otherwise spin and take the processor from the application around us.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class but this one
        raise CheckpointError(f"{path} is no ONNX file that can be run ({error}). Export the model again.") from error


def _cut(batch: TokenBatch, row: int, length: int) -> TokenBatch:
    part = slice(row, row + 1), slice(length)
    return TokenBatch(batch.ids[part], batch.mask[part], batch.type_ids[part])


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from one that replaced it; None when there is no file."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _require_our_graph(session: ort.InferenceSession, path: Path) -> None:
    inputs = {node.name for node in session.get_inputs()}
    outputs = {node.name for node in session.get_outputs()}
    if not set(INPUTS[:2]) <= inputs <= set(INPUTS) or not outputs.issuperset(OUTPUTS):
        raise CheckpointError(
            f"{path} is the graph of another model: it maps {', '.join(sorted(inputs))} to "
            f"{', '.join(sorted(outputs))}, where {', '.join(OUTPUTS)} were expected. Make it with `provence export`."
        )


def _processors() -> int:
    # A container or taskset may allow fewer processors than the machine has; not every system can tell.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
