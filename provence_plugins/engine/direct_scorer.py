"""Score each call's windows by themselves."""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Event
from weakref import finalize

from provence_plugins.engine.scoring import BatchedModel, WindowScores
from provence_plugins.engine.turns import Call, OwnBatches, TwoLanes
from provence_plugins.errors import ClosedError
from provence_plugins.tokens.windows import Window


class DirectScorer:
    """Scores each call's windows by themselves.

    `score` runs the model in the caller's thread. `submit` runs it in threads of the scorer, where
    the batches of several calls take turns.

    Args:
        model: The loaded model.
    """

    def __init__(self, model: BatchedModel) -> None:
        self._model = model
        self._closed = Event()
        self._lanes = TwoLanes(lambda: OwnBatches(model), name="provence-direct")
        finalize(self, self._lanes.close, wait=False)

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows in the caller's thread.

        Raises:
            BackendError: The model failed.
            ClosedError: The scorer was closed.
        """
        self._require_open()
        scores: dict[int, WindowScores] = {}
        for rows in self._model.batches(windows):
            self._require_open()
            scores.update(zip(rows, self._model.score([windows[row] for row in rows]), strict=True))
        return [scores[row] for row in range(len(windows))]

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows in the scorer's threads, taking turns with other calls.

        Raises:
            ClosedError: The scorer was closed.
        """
        call = Call(windows)
        self._lanes.add(call)
        return call.future

    def close(self) -> None:
        """Let running batches end, fail calls that wait, and end the threads."""
        self._closed.set()
        self._lanes.close()

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise ClosedError
