"""Score windows with a model: a loaded model with its batches, and the `Scorer` protocol."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import BackendError, translate_panics
from provence_plugins.model.backend import Backend, check_scores
from provence_plugins.tokens.batches import iter_batches, pad_windows
from provence_plugins.tokens.windows import Window

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowScores:
    """The model's scores of one window.

    Attributes:
        relevance: How well its text answers the query.
        keep: Keep probability of each of its tokens, special tokens included, of shape (tokens,).
    """

    relevance: float
    keep: FloatArray


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """A loaded model, and how windows become its batches.

    Attributes:
        backend: The model.
        pad_id: Token id of padding.
        max_batch_tokens: Maximum number of tokens of a batch, padding included.
    """

    backend: Backend
    pad_id: int
    max_batch_tokens: int

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score the windows of one batch.

        Raises:
            BackendError: The model failed, or returned invalid scores.
        """
        batch = pad_windows(windows, pad_id=self.pad_id)
        with translate_panics(BackendError, f"scoring {len(windows)} windows"):
            scores = check_scores(self.backend.forward(batch), batch)
        return [
            WindowScores(float(relevance), keep[: len(window.ids)])
            for window, relevance, keep in zip(windows, scores.relevance, scores.keep, strict=True)
        ]

    def batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Group the numbers of windows into batches, longest windows first."""
        return iter_batches([len(window.ids) for window in windows], max_batch_tokens=self.max_batch_tokens)


class Scorer(Protocol):
    """Scores windows for any number of threads; the one seam between the engine and the model."""

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows, wait, and return their scores in order."""
        ...

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows in a thread of the scorer; a cancelled future's windows are skipped."""
        ...

    def close(self) -> None:
        """End the scorer's threads; calls that wait fail with ClosedError."""
        ...


ScorerFactory = Callable[[BatchedModel], Scorer]
