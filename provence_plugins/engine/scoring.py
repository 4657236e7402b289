"""Windows to probabilities: the seam between engine and model, and the scorer for callers of their own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import ClosedError
from provence_plugins.model.backend import Backend, check_scores
from provence_plugins.tokens.batches import iter_batches, pad_windows
from provence_plugins.tokens.windows import Window

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowScores:
    """What the model says of one window.

    Attributes:
        relevance: How well its text answers the query.
        keep: Keep probability of each of its tokens, special tokens included, of shape (tokens,).
    """

    relevance: float
    keep: FloatArray


@dataclass(frozen=True, slots=True)
class BatchedModel:
    """A loaded model with what is needed to feed it.

    Attributes:
        backend: The model.
        pad_id: Id that fills rows up.
        max_batch_tokens: Budget of a batch, padding included.
    """

    backend: Backend
    pad_id: int
    max_batch_tokens: int

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score the windows of one batch.

        Raises:
            BackendError: The model failed, or gave something that is no number.
        """
        batch = pad_windows(windows, pad_id=self.pad_id)
        scores = check_scores(self.backend.forward(batch), batch)
        return [
            WindowScores(float(relevance), keep[: len(window.ids)])
            for window, relevance, keep in zip(windows, scores.relevance, scores.keep, strict=True)
        ]

    def batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """Group windows into batches by number, longest first."""
        return iter_batches([len(window.ids) for window in windows], max_batch_tokens=self.max_batch_tokens)


class Scorer(Protocol):
    """Scores windows for any number of threads; the one seam between the engine and the model."""

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows and wait for it, in their order."""
        ...

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows in a thread of the scorer's own; cancelling the future spares what was not yet begun."""
        ...

    def close(self) -> None:
        """End the scorer's threads; what still waits fails with ClosedError or is cancelled."""
        ...


ScorerFactory = Callable[[BatchedModel], Scorer]


@dataclass(eq=False, slots=True)
class ScoreRequest:
    """The windows of one call, the place for their scores, and whoever waits for them.

    The future stays pending until it is delivered, so that it can be cancelled at any time before.
    """

    windows: Sequence[Window]
    future: "Future[list[WindowScores]]" = field(default_factory=Future)
    scores: dict[int, WindowScores] = field(default_factory=dict)

    def deliver(self) -> None:
        """Hand all scores to whoever waits, if anybody still does."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_result([self.scores[row] for row in range(len(self.windows))])

    def fail(self, error: Exception) -> None:
        """Hand an error to whoever waits, if anybody still does."""
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


def closed_error() -> ClosedError:
    """What every use after closing gets."""
    return ClosedError("This pruner was closed. Make a new one, or close it after its last use.")


class DirectScorer:
    """Scores each call's windows on their own: in the caller's thread, or in one thread for those who do not wait."""

    def __init__(self, model: BatchedModel) -> None:
        self._model = model
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="provence-direct")

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows in the caller's thread.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = ScoreRequest(windows)
        self._run(request)
        return request.future.result()

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows behind those submitted before.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = ScoreRequest(windows)
        try:
            self._executor.submit(self._run, request)
        except RuntimeError as error:  # the executor was shut down
            raise closed_error() from error
        return request.future

    def close(self) -> None:
        """Let the batch that is running end, and fail what waits."""
        self._closed.set()
        self._executor.shutdown(wait=True)

    def _run(self, request: ScoreRequest) -> None:
        try:
            for rows in self._model.batches(request.windows):
                if self._closed.is_set():
                    raise closed_error()
                if request.future.cancelled():
                    break
                for row, scores in zip(rows, self._model.score([request.windows[r] for r in rows]), strict=True):
                    request.scores[row] = scores
            request.deliver()
        except Exception as error:
            request.fail(error)
