"""What the engine asks of a model runtime, and the runtimes by name."""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import BackendError, InvalidInputError
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.tokens.batches import TokenBatch

FloatArray = npt.NDArray[np.float32]
BackendName = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class BatchScores:
    """Probabilities of one batch, float32 in [0, 1].

    Attributes:
        relevance: How well each row's text answers its query, of shape (rows,); a raw score where the checkpoint's
            layout has it so.
        keep: How surely each token should stay, of shape (rows, length); what stands on padding means nothing.
    """

    relevance: FloatArray
    keep: FloatArray


def check_scores(scores: BatchScores, batch: TokenBatch) -> BatchScores:
    """Return the scores if they have the shapes of the batch and are finite wherever the batch has a token.

    Raises:
        BackendError: The backend returned other shapes, or the model ran into an overflow or has broken weights.
    """
    rows, length = batch.ids.shape
    if scores.relevance.shape != (rows,) or scores.keep.shape != (rows, length):
        raise BackendError(
            f"The model returned scores of the shapes {scores.relevance.shape} and {scores.keep.shape} for {rows} rows "
            f"of {length} tokens; ({rows},) and ({rows}, {length}) were expected. Check the backend or the exported "
            f"file."
        )
    if not (np.isfinite(scores.relevance).all() and np.isfinite(scores.keep[batch.mask == 1]).all()):
        raise BackendError(
            "The model returned NaN or infinite scores. In half precision this usually means an overflow: load it with "
            "dtype='float32'. If it persists, the weights are corrupt."
        )
    return scores


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How a model is run.

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps", or several with commas between them, each of which takes a share of
            every batch; None takes the best that the backend finds.
        dtype: Precision of the weights: "int8", "float32", "bfloat16" or "float16"; None takes the backend's choice.
        threads: Threads of one forward pass; None takes as many as the process has processors.
        attention: How torch computes attention: "eager", "sdpa", "flash_attention_2" or whatever else Transformers
            offers for the encoder; None takes its choice.
        compiled: Let torch compile the network at its first pass.
    """

    device: str | None = None
    dtype: str | None = None
    threads: int | None = None
    attention: str | None = None
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InvalidInputError(f"A forward pass needs at least one thread, got threads={self.threads}.")


class Backend(Protocol):
    """Turns padded batches into probabilities. `forward` may be called from many threads."""

    @property
    def description(self) -> str:
        """Runtime, device and precision in a few words."""
        ...

    @property
    def max_batch_tokens(self) -> int:
        """The budget of tokens, padding included, at which batches run fastest here."""
        ...

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row.

        Raises:
            BackendError: The runtime failed.
        """
        ...


_MODULES: dict[str, str] = {
    "onnx": "provence_plugins.model.onnx_backend",
    "torch": "provence_plugins.model.torch_backend",
}


def load_backend(
    checkpoint: Checkpoint, name: BackendName | None = None, options: BackendOptions | None = None
) -> Backend:
    """Load a checkpoint into a runtime.

    Args:
        checkpoint: The opened model folder.
        name: "onnx" or "torch"; None takes ONNX Runtime when the folder holds an ONNX file that suits the options,
            and torch otherwise.
        options: Device, precision and threads.

    Raises:
        InvalidInputError: There is no backend of that name.
        MissingExtraError: The backend's packages are not installed.
        CheckpointError: The folder does not hold what the backend needs.
        BackendError: The device is not there.
    """
    options = options or BackendOptions()
    if name is None:
        name = "onnx" if checkpoint.onnx_files and options.device in (None, "cpu") else "torch"
    if name not in _MODULES:
        raise InvalidInputError(f"There is no backend {name!r}; choose one of {', '.join(get_args(BackendName))}.")
    backend: Backend = import_module(_MODULES[name]).load(checkpoint, options)
    return backend
