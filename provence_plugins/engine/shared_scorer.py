"""Windows of many callers, threads and tasks alike, scored in common batches."""

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic
from weakref import finalize

from provence_plugins.engine.scoring import BatchedModel, ScoreRequest, WindowScores, closed_error
from provence_plugins.errors import InvalidInputError, OverloadedError
from provence_plugins.tokens.windows import Window

# A round of the shared scorer takes at most this many batches' worth of windows from the queue: enough to sort them by
# length, few enough that calls are answered in about the order of their coming. Eight were no faster, and half of the
# calls waited twice as long.
_ROUND_BATCHES = 2


class SharedScorer:
    """Gathers the windows of many callers, threads and tasks alike, into common batches.

    One worker thread owns the model. It waits a few milliseconds for company, or until a batch is full, sorts what it
    has by length and runs it; while the model works, the next round gathers by itself.

    Args:
        model: The loaded model.
        gather_seconds: Longest wait for company.
        max_pending_tokens: Windows beyond this many tokens are refused; a single call may be larger when nobody waits.
    """

    def __init__(
        self, model: BatchedModel, *, gather_seconds: float = 0.002, max_pending_tokens: int = 4_000_000
    ) -> None:
        if gather_seconds < 0 or max_pending_tokens < 1:
            raise InvalidInputError(
                f"A shared scorer needs gather_seconds >= 0 and max_pending_tokens >= 1, got {gather_seconds} and "
                f"{max_pending_tokens}."
            )
        self._queue = _Queue(gather_seconds, max_pending_tokens, model.max_batch_tokens)
        # The thread knows the queue and the model, not this object: a forgotten scorer can be collected, and its
        # thread ends with it.
        self._thread = threading.Thread(target=_serve, args=(self._queue, model), name="provence-shared", daemon=True)
        self._thread.start()
        finalize(self, self._queue.close)

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows together with those of other callers, and wait for it.

        Raises:
            OverloadedError: Too many windows wait already.
            ClosedError: The scorer was closed.
        """
        future = self.submit(windows)
        try:
            return future.result()
        finally:
            future.cancel()  # does nothing to a finished one; an interrupted caller costs nothing more

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Queue windows.

        Raises:
            OverloadedError: Too many windows wait already.
            ClosedError: The scorer was closed.
        """
        request = ScoreRequest(windows)
        if windows:
            self._queue.put(request)
        else:
            request.deliver()
        return request.future

    def close(self) -> None:
        """Let the batch that is running end, fail what waits, and end the thread."""
        self._queue.close()
        self._thread.join()


_Waiting = tuple[ScoreRequest, int]  # a window: its request, and its number there


class _Queue:
    """Windows that wait, in order of arrival, and how many tokens they have."""

    def __init__(self, gather_seconds: float, max_pending_tokens: int, batch_tokens: int) -> None:
        self._gather_seconds = gather_seconds
        self._max_pending_tokens = max_pending_tokens
        self._batch_tokens = batch_tokens
        self._waiting: deque[_Waiting] = deque()
        self._tokens = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, request: ScoreRequest) -> None:
        tokens = sum(len(window.ids) for window in request.windows)
        with self._changed:
            if self._closed:
                raise closed_error()
            if self._tokens and self._tokens + tokens > self._max_pending_tokens:
                raise OverloadedError(
                    f"{self._tokens} tokens wait to be scored; {tokens} more would pass the limit of "
                    f"{self._max_pending_tokens}. Try again later, or raise max_pending_tokens."
                )
            self._waiting.extend((request, row) for row in range(len(request.windows)))
            self._tokens += tokens
            self._changed.notify()

    def take(self) -> list[_Waiting]:
        """Wait for windows and for company, and take a round of them; nothing once the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            until = monotonic() + self._gather_seconds
            while self._tokens < self._batch_tokens and not self._closed and (left := until - monotonic()) > 0:
                self._changed.wait(left)
            taken: list[_Waiting] = []
            room = 0 if self._closed else self._batch_tokens * _ROUND_BATCHES
            while self._waiting and room > 0:
                request, row = self._waiting.popleft()
                tokens = len(request.windows[row].ids)
                self._tokens -= tokens
                if not request.future.cancelled():
                    taken.append((request, row))
                    room -= tokens
            return taken

    def close(self) -> None:
        with self._changed:
            self._closed = True
            left = {id(request): request for request, _ in self._waiting}
            self._waiting.clear()
            self._changed.notify_all()
        for request in left.values():
            request.fail(closed_error())

    @property
    def closed(self) -> bool:
        return self._closed


def _serve(queue: _Queue, model: BatchedModel) -> None:
    while not queue.closed:
        taken = queue.take()
        for rows in model.batches([request.windows[row] for request, row in taken]):
            batch = [taken[place] for place in rows if not taken[place][0].future.done()]
            if batch:
                _score_shared(batch, model)


def _score_shared(batch: Sequence[_Waiting], model: BatchedModel) -> None:
    try:
        scores = model.score([request.windows[row] for request, row in batch])
    except Exception as error:
        for request, _ in batch:
            request.fail(error)
        return
    for (request, row), score in zip(batch, scores, strict=True):
        request.scores[row] = score
        if len(request.scores) == len(request.windows):
            request.deliver()
