"""Windows to probabilities: in the caller's thread, or in batches that many callers share."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol
from weakref import finalize

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.planning import PassagePlan
from provence_plugins.errors import BackendError, ClosedError, InvalidInputError, OverloadedError
from provence_plugins.model.backend import Backend
from provence_plugins.tokens.batches import iter_batches, pad_windows
from provence_plugins.tokens.windows import Window

FloatArray = npt.NDArray[np.float32]

# A round of the shared scorer takes at most this many batches' worth of windows from the queue: enough to sort them
# by length, few enough that whoever comes next does not wait long.
_ROUND_BATCHES = 8


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
class PassageScores:
    """What the model says of one passage.

    Attributes:
        relevance: Highest relevance of its windows; 0.0 when it has no tokens.
        probabilities: Keep probability of each sentence, the mean over its tokens, of shape (sentences,); 0.0 for a
            sentence without tokens.
    """

    relevance: float
    probabilities: FloatArray


@dataclass(frozen=True, slots=True)
class Runtime:
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
        scores = self.backend.forward(pad_windows(windows, pad_id=self.pad_id))
        if not (np.isfinite(scores.relevance).all() and np.isfinite(scores.keep).all()):
            raise BackendError(
                f"{self.backend.description} gave probabilities that are no numbers. The weights may be damaged, or "
                f"their precision too low: load the model with dtype='float32'."
            )
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


ScorerFactory = Callable[[Runtime], Scorer]


class DirectScorer:
    """Scores each call's windows on their own: in the caller's thread, or in one thread for those who do not wait."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._closed = threading.Event()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="provence-direct")

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows in the caller's thread.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = _Request(windows)
        self._run(request)
        return request.future.result()

    def submit(self, windows: Sequence[Window]) -> "Future[list[WindowScores]]":
        """Score windows behind those submitted before.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = _Request(windows)
        try:
            self._executor.submit(self._run, request)
        except RuntimeError as error:  # the executor was shut down
            raise _closed() from error
        return request.future

    def close(self) -> None:
        """Let the batch that is running end, and fail what waits."""
        self._closed.set()
        self._executor.shutdown(wait=True)

    def _run(self, request: "_Request") -> None:
        try:
            for rows in self._runtime.batches(request.windows):
                if self._closed.is_set():
                    raise _closed()
                if request.future.cancelled():
                    break
                for row, scores in zip(rows, self._runtime.score([request.windows[r] for r in rows]), strict=True):
                    request.scores[row] = scores
            request.deliver()
        except Exception as error:
            request.fail(error)


class SharedScorer:
    """Gathers the windows of many callers, threads and tasks alike, into common batches.

    One worker thread owns the model. It waits a few milliseconds for company, or until a batch is full, sorts what it
    has by length and runs it; while the model works, the next round gathers by itself.

    Args:
        runtime: The loaded model.
        gather_seconds: Longest wait for company.
        max_pending_tokens: Windows beyond this many tokens are refused; a single call may be larger when nobody waits.
    """

    def __init__(self, runtime: Runtime, *, gather_seconds: float = 0.002, max_pending_tokens: int = 4_000_000) -> None:
        if gather_seconds < 0 or max_pending_tokens < 1:
            raise InvalidInputError(
                f"A shared scorer needs gather_seconds >= 0 and max_pending_tokens >= 1, got {gather_seconds} and "
                f"{max_pending_tokens}."
            )
        self._queue = _Queue(gather_seconds, max_pending_tokens, runtime.max_batch_tokens)
        # The thread knows the queue and the model, not this object: a forgotten scorer can be collected, and its
        # thread ends with it.
        self._thread = threading.Thread(target=_serve, args=(self._queue, runtime), name="provence-shared", daemon=True)
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
        request = _Request(windows)
        if windows:
            self._queue.put(request)
        else:
            request.deliver()
        return request.future

    def close(self) -> None:
        """Let the batch that is running end, fail what waits, and end the thread."""
        self._queue.close()
        self._thread.join()


@dataclass(eq=False, slots=True)
class _Request:
    """The windows of one call, the place for their scores, and whoever waits for them."""

    windows: Sequence[Window]
    future: "Future[list[WindowScores]]" = field(default_factory=Future)
    scores: dict[int, WindowScores] = field(default_factory=dict)

    def deliver(self) -> None:
        # The future stays pending until here, so that it can be cancelled at any time before.
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_result([self.scores[row] for row in range(len(self.windows))])

    def fail(self, error: Exception) -> None:
        if not self.future.done() and self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)


_Waiting = tuple[_Request, int]  # a window: its request, and its number there


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

    def put(self, request: _Request) -> None:
        tokens = sum(len(window.ids) for window in request.windows)
        with self._changed:
            if self._closed:
                raise _closed()
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
            request.fail(_closed())

    @property
    def closed(self) -> bool:
        return self._closed


def _serve(queue: _Queue, runtime: Runtime) -> None:
    while not queue.closed:
        taken = queue.take()
        for rows in runtime.batches([request.windows[row] for request, row in taken]):
            batch = [taken[place] for place in rows if not taken[place][0].future.done()]
            if batch:
                _score_shared(batch, runtime)


def _score_shared(batch: Sequence[_Waiting], runtime: Runtime) -> None:
    try:
        scores = runtime.score([request.windows[row] for request, row in batch])
    except Exception as error:
        for request, _ in batch:
            request.fail(error)
        return
    for (request, row), score in zip(batch, scores, strict=True):
        request.scores[row] = score
        if len(request.scores) == len(request.windows):
            request.deliver()


def _closed() -> ClosedError:
    return ClosedError("This pruner was closed. Make a new one, or close it after its last use.")


def combine(plan: PassagePlan, scores: Sequence[WindowScores]) -> PassageScores:
    """Bring the windows of one passage together: the best relevance, and each sentence's mean over all its tokens."""
    sums = np.zeros(len(plan.sentences), dtype=np.float64)
    for window, score in zip(plan.windows, scores, strict=True):
        starts = [part.start for part in window.sentences]
        numbers = [part.sentence for part in window.sentences]
        # A sentence has at most one part in a window, so no number is added to twice.
        sums[numbers] += np.add.reduceat(score.keep[: window.sentences[-1].end], starts, dtype=np.float64)
    means = sums / np.maximum(plan.token_counts, 1)
    relevance = max((score.relevance for score in scores), default=0.0)
    return PassageScores(relevance, np.clip(means, 0.0, 1.0).astype(np.float32))
