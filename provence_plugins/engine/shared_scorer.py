"""Score the windows of many callers, threads and tasks alike, in common batches."""

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from weakref import finalize

from provence_plugins.engine.scoring import BatchedModel, WindowScores
from provence_plugins.engine.turns import Call, SharedBatches, TwoLanes
from provence_plugins.errors import OverloadedError
from provence_plugins.forks import renew_in_child
from provence_plugins.keywords import check_count, check_keywords, check_number
from provence_plugins.tokens.windows import Window


class SharedScorer:
    """Scores the windows of many callers, threads and tasks alike, in common batches.

    Short calls and long calls have a worker thread each. A worker waits a few milliseconds for
    windows of other calls, or until a batch is full. Windows that arrive while the model runs form
    the next batch without waiting.

    Args:
        model: The loaded model.
        gather_seconds: Maximum time that a call waits for others to share its batch.
        max_pending_tokens: Maximum number of tokens that wait; a call beyond it is refused. A
            single call may be larger if no other waits.

    Raises:
        InvalidInputError: An option has an invalid value.
    """

    @check_keywords
    def __init__(
        self,
        model: BatchedModel,
        *,
        gather_seconds: float = 0.002,
        max_pending_tokens: int = 4_000_000,
    ) -> None:
        check_number("gather_seconds", gather_seconds, least=0)
        check_count("max_pending_tokens", max_pending_tokens, least=1)
        self._max_pending_tokens = max_pending_tokens
        self._lanes = TwoLanes(lambda: SharedBatches(model, gather_seconds), name="provence-shared")
        self._admission = Lock()
        renew_in_child(self)
        finalize(self, self._lanes.close, wait=False)

    def renew(self) -> None:
        """Replace the lock."""
        self._admission = Lock()

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows together with those of other callers, and wait.

        Raises:
            BackendError: The model failed.
            OverloadedError: Too many windows wait already.
            ClosedError: The scorer was closed.
        """
        future = self.submit(windows)
        try:
            return future.result()
        finally:
            future.cancel()  # does nothing to a finished one; an interrupted caller's windows are skipped

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows together with those of other callers.

        Raises:
            OverloadedError: Too many windows wait already.
            ClosedError: The scorer was closed.
        """
        call = Call(windows)
        with self._admission:
            waiting = self.waiting_tokens
            if waiting and waiting + call.tokens > self._max_pending_tokens:
                raise OverloadedError(
                    f"{waiting} tokens wait to be scored; {call.tokens} more would exceed "
                    f"max_pending_tokens={self._max_pending_tokens}. Try again later, or raise "
                    f"that limit."
                )
            self._lanes.add(call)
        return call.future

    @property
    def waiting_tokens(self) -> int:
        """How many tokens wait to be scored."""
        return self._lanes.tokens

    def close(self) -> None:
        """Let running batches end, fail calls that wait, and end the threads."""
        self._lanes.close()
