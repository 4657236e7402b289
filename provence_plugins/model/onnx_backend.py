"""The model in ONNX Runtime on the CPU: the backend that needs nothing but the package itself.

ONNX Runtime from version 1.29 on sends telemetry unless an environment variable says otherwise
before it is first imported. Importing this module switches it off; a value that the user has set is
left alone.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, Semaphore

import numpy as np

from provence_plugins.errors import (
    BackendError,
    CheckpointError,
    CheckpointNotFoundError,
    InvalidInputError,
)
from provence_plugins.forks import renew_in_child
from provence_plugins.installation import count_processors
from provence_plugins.model.backend import BackendOptions, BatchScores, FloatArray
from provence_plugins.model.backends import BACKENDS
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.folder import ONNX_FILES, show_error
from provence_plugins.model.onnx_graph import INPUTS, OUTPUTS, require_plain_graph
from provence_plugins.text.visible import show_on_one_line
from provence_plugins.threads import map_in_threads
from provence_plugins.tokens.batches import TokenBatch

_TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"
_WAS_LOADED_BEFORE = "onnxruntime" in sys.modules and _TELEMETRY_SWITCH not in os.environ
os.environ.setdefault(_TELEMETRY_SWITCH, "1")

import onnxruntime as ort  # noqa: E402 - only now, because it reads the switch once, when it is loaded

# Each thread takes the next window as it becomes free. With this many tokens per thread, little
# time is lost at the end of a batch, when some threads have nothing left to do.
_BATCH_TOKENS_PER_THREAD = 2048

# Errors are raised as exceptions. Printed, they would show names from a model file as they are.
_FATAL_ONLY = 4

# Its loop over one value at a time takes longer than the two operators that it replaces: with it a
# window of the shipped model takes 8 % more time. `examples/onnx_decoder.py` leaves it out too.
_SLOW_FUSIONS = ["SkipLayerNormFusion"]

_Outputs = tuple[FloatArray, FloatArray]  # relevance and keep of one window, as the graph gives them


class OnnxBackend:
    """Runs an exported file, whose graph ends in probabilities.

    Every window runs alone, without padding: int8 scales activations by the largest value of a run,
    so that windows in one run would change each other's scores. Many windows run side by side, each
    in one thread, which is faster than one run of all of them; few windows run one after another,
    each in all threads.

    Args:
        path: The ONNX file.
        max_tokens: Longest window of the model.
        threads: Maximum number of windows that run at once, over all callers, and threads of a
            window that runs by itself; None for one per processor that the process may use.

    Raises:
        CheckpointError: The file is damaged, or is not an exported model of this package.
        UnsafeCheckpointError: The graph holds more than ordinary operators, or names files outside
            its folder.
    """

    def __init__(self, path: Path, *, max_tokens: int, threads: int | None = None) -> None:
        require_plain_graph(path)
        self._path = path
        self._max_tokens = max_tokens
        self._threads = threads or count_processors()
        self._turns = Semaphore(self._threads)
        self._narrow = _Session(path, threads=1)
        self._wide = _Session(path, self._threads) if self._threads > 1 else self._narrow
        session = self._narrow.open()
        self._inputs = [node.name for node in session.get_inputs()]
        _require_our_graph(session, path)
        renew_in_child(self)

    def renew(self) -> None:
        """Open new sessions in this process when they are next used."""
        self._turns = Semaphore(self._threads)
        self._wide.renew()
        self._narrow.renew()

    @property
    def description(self) -> str:
        """Backend, device and precision in a few words."""
        return f"onnxruntime, cpu ({self._threads} threads), {self._path.name}"

    @property
    def max_batch_tokens(self) -> int:
        """Number of tokens, padding included, at which batches run fastest here."""
        return max(_BATCH_TOKENS_PER_THREAD * self._threads, self._max_tokens)

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row; neither the other rows nor the padding change its scores.

        Raises:
            BackendError: ONNX Runtime failed, or its graph returned scores of a wrong shape.
        """
        lengths = batch.mask.sum(axis=1).tolist()
        windows = [_cut(batch, row, length) for row, length in enumerate(lengths)]
        scores = BatchScores(np.zeros(len(windows), np.float32), np.zeros(batch.ids.shape, np.float32))
        try:
            outputs = self._score(windows)
        except Exception as error:  # its exceptions have no other class in common
            rows, length = batch.ids.shape
            raise BackendError(
                f"ONNX Runtime could not score {rows} rows of {length} tokens: "
                f"{show_error(error)}. If every text fails, export the model again."
            ) from error
        for row, (output, length) in enumerate(zip(outputs, lengths, strict=True)):
            relevance, keep = self._require_shapes(output, length)
            scores.relevance[row] = relevance[0]
            scores.keep[row, :length] = keep[0]
        return scores

    def _require_shapes(self, output: _Outputs, length: int) -> _Outputs:
        shapes = [getattr(array, "shape", None) for array in output]
        are_floats = all(getattr(array, "dtype", None) == np.float32 for array in output)
        if shapes != [(1,), (1, length)] or not are_floats:
            raise BackendError(
                f"The graph {self._path} returned scores of the shapes {shapes} for one window of "
                f"{length} tokens; expected float32 of [(1,), (1, {length})]. Export the model "
                f"again."
            )
        return output

    def _score(self, windows: Sequence[TokenBatch]) -> list[_Outputs]:
        # Run side by side, so few windows would leave half of the threads idle.
        if len(windows) <= self._threads // 2:
            session = self._wide.open() if self._wide.can_open else self._narrow.open()
            return [self._run(session, window) for window in windows]
        # Starting threads takes 0.01 % of a batch's time, and threads that end with it need not be
        # closed.
        return map_in_threads(self._take_turn, windows, threads=self._threads, name="provence-onnx")

    def _take_turn(self, window: TokenBatch) -> _Outputs:
        with self._turns:
            return self._run(self._narrow.open(), window)

    def _run(self, session: ort.InferenceSession, window: TokenBatch) -> _Outputs:
        arrays = dict(zip(INPUTS, (window.ids, window.mask, window.type_ids), strict=True))
        relevance, keep = session.run(OUTPUTS, {name: arrays[name] for name in self._inputs})
        return relevance, keep


class _Session:
    """A session over the model file, opened at its first use in each process."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._threads = threads
        self._file = _identity(path)
        self._opening = Lock()
        self._session: ort.InferenceSession | None = None

    @property
    def can_open(self) -> bool:
        """Whether the session is open, or the file is the one that the model was loaded from."""
        return self._session is not None or _identity(self._path) == self._file

    def open(self) -> ort.InferenceSession:
        """Return the session, and open it if necessary.

        Raises:
            CheckpointError: The file is damaged, or another one has taken its place.
        """
        with self._opening:
            if not self.can_open:
                raise CheckpointError(
                    f"{self._path} has changed since the model was loaded, and a forked process "
                    f"must open it again. Create the pruner in the child process."
                )
            if self._session is None:
                self._session = _open_session(self._path, self._threads)
            return self._session

    def renew(self) -> None:
        """Leave the parent's session untouched, and open another one at the next use."""
        self._opening = Lock()
        if self._session is not None:
            # Its threads exist in the parent only, and its destructor would wait for them forever,
            # at the end of the process at the latest. One reference that is never given back keeps
            # the destructor from running.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


def telemetry_is_off() -> bool:
    """Return whether ONNX Runtime was told not to send telemetry before it was loaded."""
    return not _WAS_LOADED_BEFORE and os.environ.get(_TELEMETRY_SWITCH) == "1"


def load(checkpoint: Checkpoint, options: BackendOptions) -> OnnxBackend:
    """Load a model folder's ONNX file, by default the int8 one, which is the fastest on a CPU.

    Raises:
        CheckpointError: The file is missing, damaged or unsafe.
        InvalidInputError: There is no such precision, or an option is given that only torch has.
        BackendError: The options name another device than the CPU.
    """
    if options.attention is not None or options.compiled:
        raise InvalidInputError(
            "attention and compiled have no effect on the onnx backend. Leave them out, or use backend='torch'."
        )
    if not BACKENDS["onnx"].runs_on(options.device):
        raise BackendError(
            f"device={options.device!r} is not possible with the onnx backend, which runs on the "
            f"CPU only. Use backend='torch' for that device."
        )
    if options.dtype is not None and options.dtype not in ONNX_FILES:
        raise InvalidInputError(
            f"dtype must be one of {', '.join(ONNX_FILES)} with the onnx backend; got {options.dtype!r}."
        )
    path = _find_file(checkpoint, options.dtype)
    return OnnxBackend(path, max_tokens=checkpoint.max_tokens, threads=options.threads)


def _find_file(checkpoint: Checkpoint, dtype: str | None) -> Path:
    wanted = list(ONNX_FILES) if dtype is None else [dtype]
    found = checkpoint.onnx_files
    for name in wanted:
        if name in found:
            return found[name]
    missing = " or ".join(ONNX_FILES[name] for name in wanted)
    raise CheckpointNotFoundError(
        f"The folder {checkpoint.folder} has no {missing}. Make it with 'provence export', or use backend='torch'."
    )


def _open_session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = threads
    # Threads that wait for work would otherwise spin and take the processor from the application
    # around us.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The file was checked as ONNX; it must not be read as anything else.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # Its fallback would print on standard output and try the same once more.
        return ort.InferenceSession(
            path,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=_SLOW_FUSIONS,
            enable_fallback=0,
        )
    except Exception as error:  # its exceptions have no other class in common
        raise CheckpointError(
            f"{path} is not an ONNX file that can be run ({show_error(error)}). Export the model again."
        ) from error


def _cut(batch: TokenBatch, row: int, length: int) -> TokenBatch:
    part = slice(row, row + 1), slice(length)
    return TokenBatch(batch.ids[part], batch.mask[part], batch.type_ids[part])


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what distinguishes a file from one that replaced it; None if there is no file."""
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
            f"{path} is the graph of another model: it maps {_listed(inputs)} to "
            f"{_listed(outputs)}; expected {', '.join(OUTPUTS)}. Make the file with 'provence "
            f"export'."
        )


def _listed(names: set[str]) -> str:
    return show_on_one_line(", ".join(sorted(names)))[:200]
