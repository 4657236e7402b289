"""The model in ONNX Runtime, on the CPU: what runs when nothing but the package itself is installed."""

import os
from pathlib import Path

import onnxruntime as ort

from provence_plugins.errors import BackendError, CheckpointError, CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.backend import BackendOptions, BatchScores, require_finite
from provence_plugins.model.checkpoint import ONNX_FILES, Checkpoint
from provence_plugins.tokens.batches import TokenBatch

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("relevance", "keep")

# Small batches stay in the processor's cache; larger ones are no faster and take more memory.
_MAX_BATCH_TOKENS = 1024

_ERRORS_ONLY = 3


class OnnxBackend:
    """Runs an exported file; its graph ends in probabilities.

    Args:
        path: The ONNX file.
        max_tokens: Longest window of the model.
        threads: Threads of one pass; None takes one for each processor that the process may use.

    Raises:
        CheckpointError: The file is damaged, or of something else than an exported model of this package.
    """

    def __init__(self, path: Path, *, max_tokens: int, threads: int | None = None) -> None:
        self._path = path
        self._max_tokens = max_tokens
        self._threads = threads or _processors()
        self._session = _open_session(path, self._threads)
        self._inputs = [node.name for node in self._session.get_inputs()]
        _require_our_graph(self._session, path)

    @property
    def description(self) -> str:
        """Runtime, device and precision in a few words."""
        return f"onnxruntime, cpu ({self._threads} threads), {self._path.name}"

    @property
    def max_batch_tokens(self) -> int:
        """The budget of tokens, padding included, at which batches run fastest here."""
        return max(_MAX_BATCH_TOKENS, self._max_tokens)

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row.

        Raises:
            BackendError: ONNX Runtime failed.
        """
        arrays = dict(zip(INPUTS, (batch.ids, batch.mask, batch.type_ids), strict=True))
        try:
            relevance, keep = self._session.run(OUTPUTS, {name: arrays[name] for name in self._inputs})
        except Exception as error:  # its exceptions have no common class but this one
            rows, length = batch.ids.shape
            raise BackendError(f"ONNX Runtime could not score {rows} rows of {length} tokens: {error}") from error
        return require_finite(BatchScores(relevance, keep), batch)


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
