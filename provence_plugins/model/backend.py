"""What the engine asks of a backend, and how one is loaded."""

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import BackendError, InvalidInputError, InvalidScoresError
from provence_plugins.model.backends import BACKENDS, BackendName
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.tokens.batches import TokenBatch

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BatchScores:
    """Probabilities of one batch, float32 in [0, 1].

    Attributes:
        relevance: How well each row's text answers its query, of shape (rows,); a raw score for
            formats defined that way.
        keep: Probability that each token is kept, of shape (rows, length); values on padding mean
            nothing.
    """

    relevance: FloatArray
    keep: FloatArray


def check_scores(scores: BatchScores, batch: TokenBatch) -> BatchScores:
    """Return the scores if they have the batch's shapes and are finite at all tokens.

    Raises:
        BackendError: The backend returned something else than scores, or other shapes.
        InvalidScoresError: The model ran into an overflow or has broken weights.
    """
    if not _holds_numbers(scores, "relevance") or not _holds_numbers(scores, "keep"):
        raise BackendError(
            f"The model returned {type(scores).__name__}; BatchScores with two arrays of numbers "
            f"were expected. Check the forward method of the backend."
        )
    rows, length = batch.ids.shape
    if scores.relevance.shape != (rows,) or scores.keep.shape != (rows, length):
        raise BackendError(
            f"The model returned scores of the shapes {scores.relevance.shape} and "
            f"{scores.keep.shape} for {rows} rows of {length} tokens; ({rows},) and ({rows}, "
            f"{length}) were expected. Check the backend or the exported file."
        )
    if not (np.isfinite(scores.relevance).all() and np.isfinite(scores.keep[batch.mask == 1]).all()):
        raise InvalidScoresError(
            "The model returned NaN or infinite scores. In half precision this usually means an "
            "overflow: load it with dtype='float32'. If it persists, the weights are corrupt."
        )
    return scores


def _holds_numbers(scores: object, name: str) -> bool:
    """Return whether an attribute is an array of real numbers."""
    array = getattr(scores, name, None)
    return isinstance(array, np.ndarray) and array.dtype.kind in "fiub"


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """How a model is run.

    Attributes:
        device: "cpu", "cuda", "cuda:1", "mps", or several separated by commas, each of which scores
            a share of every batch; None for the best that the backend finds.
        dtype: Precision of the weights: "int8", "float32", "bfloat16" or "float16"; None for the
            backend's choice.
        threads: Threads of one forward pass; None for one per available processor.
        attention: How torch computes attention: "eager", "sdpa", "flash_attention_2", or another
            implementation that is installed; None for the encoder's default.
        compiled: Whether torch compiles the network at its first pass.
    """

    device: str | None = None
    dtype: str | None = None
    threads: int | None = None
    attention: str | None = None
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise InvalidInputError(f"threads must be at least 1; got {self.threads}.")
        if self.device is not None and not all(name.strip() for name in self.device.split(",")):
            raise InvalidInputError(
                f"device must be the name of a device or several separated by commas, or None for "
                f"the best one; got {self.device!r}."
            )


class Backend(Protocol):
    """Computes the probabilities of padded batches. `forward` may be called from many threads."""

    @property
    def description(self) -> str:
        """Backend, device and precision in a few words."""
        ...

    @property
    def max_batch_tokens(self) -> int:
        """Number of tokens, padding included, at which batches run fastest here."""
        ...

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row.

        Raises:
            BackendError: The model could not be run.
        """
        ...


def load_backend(
    checkpoint: Checkpoint, name: BackendName | None = None, options: BackendOptions | None = None
) -> Backend:
    """Load a checkpoint into a backend.

    Args:
        checkpoint: The opened model folder.
        name: A name in `BACKENDS`; None for ONNX Runtime if the folder has an ONNX file and the
            device is the CPU, and for torch otherwise.
        options: Device, precision and threads.

    Raises:
        InvalidInputError: There is no backend of that name.
        MissingExtraError: The backend's packages are not installed.
        CheckpointError: The folder does not hold what the backend needs.
        BackendError: The device is not available.
    """
    options = options or BackendOptions()
    if name is None:
        name = _default_backend(checkpoint, options)
    if name not in BACKENDS:
        raise InvalidInputError(f"backend must be one of {', '.join(BACKENDS)}; got {name!r}.")
    backend: Backend = import_module(BACKENDS[name].module).load(checkpoint, options)
    return backend


def _default_backend(checkpoint: Checkpoint, options: BackendOptions) -> BackendName:
    *preferred, last = BACKENDS
    for name in preferred:
        row = BACKENDS[name]
        if row.finds_weights(checkpoint) and row.runs_on(options.device):
            return name
    return last
