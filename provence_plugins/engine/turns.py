"""Share a model among calls: choose whose windows are scored next, and in which thread.

Two rules keep a short call from waiting behind long ones, whatever their number:

- Short calls and long calls have a worker thread each, and the two run side by side.
- Within a thread, every other batch goes to the calls that have the least left to score, and the
  batches between go round all calls in turn, so that each of them proceeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import zip_longest
from time import monotonic

from provence_plugins.engine.scoring import BatchedModel, WindowScores
from provence_plugins.errors import BackendError
from provence_plugins.threads import Workers, settle
from provence_plugins.tokens.windows import Window

# A call of up to this share of a batch is short. A batch of long calls takes so much longer than
# such a call that it would wait for a multiple of its own time.
_SHORT_SHARE = 4

# Shared batches are chosen from this many batches' worth of windows: enough to put windows of
# similar lengths together.
_CHOICE_BATCHES = 2


class Call:
    """The windows of one call, and the future of their scores.

    The future stays pending until all windows are scored, so that it can be cancelled at any time
    before.

    Attributes:
        future: Gets the scores of all windows in order.
        waiting: Numbers of the windows that are not yet in a batch, in order; only the keys count.
        tokens: How many tokens these windows have.
    """

    def __init__(self, windows: Sequence[Window]) -> None:
        self.future: Future[list[WindowScores]] = Future()
        self.waiting = dict.fromkeys(range(len(windows)))
        self.tokens = sum(len(window.ids) for window in windows)
        self._windows = windows
        self._scores: dict[int, WindowScores] = {}

    def window(self, number: int) -> Window:
        """Return a window by its number."""
        return self._windows[number]

    def take(self, number: int) -> None:
        """Note that a window is in a batch now."""
        del self.waiting[number]
        self.tokens -= len(self._windows[number].ids)

    def add(self, number: int, scores: WindowScores) -> None:
        """Take in the scores of one window; the last one completes the call."""
        self._scores[number] = scores
        if len(self._scores) == len(self._windows):
            settle(self.future, [self._scores[row] for row in range(len(self._windows))])


_Place = tuple[Call, int]  # a window: its call, and its number there


@dataclass(frozen=True, slots=True)
class _Batch:
    """Windows that are scored together."""

    places: Sequence[_Place]
    model: BatchedModel

    def run(self) -> None:
        places = [(call, number) for call, number in self.places if not call.future.done()]
        if not places:
            return
        try:
            scores = self.model.score([call.window(number) for call, number in places])
        except Exception as error:
            self.fail(error)
            return
        for (call, number), window_scores in zip(places, scores, strict=True):
            call.add(number, window_scores)

    def fail(self, error: BaseException) -> None:
        if not isinstance(error, Exception):
            died = BackendError(f"The thread that runs the model ended with {error!r}; the next call starts a new one.")
            died.__cause__ = error
            error = died
        for call, _ in self.places:
            settle(call.future, error=error)


class WaitingCalls(ABC):
    """Calls that wait for their turn; subclasses choose the windows of the next batch.

    Args:
        model: The loaded model.
        gather_seconds: How long the first of several calls waits for others to share its batch,
            unless the batch is full before.
    """

    def __init__(self, model: BatchedModel, gather_seconds: float = 0.0) -> None:
        self.model = model
        self._gather_seconds = gather_seconds
        self._calls: dict[Call, None] = {}  # those whose turn is next come first; only the keys count
        self._since = 0.0
        self._shortest_first = True

    @property
    def tokens(self) -> int:
        """How many tokens wait; those of a call that was cancelled or has failed do not."""
        return sum(call.tokens for call in list(self._calls) if not call.future.done())

    def put(self, call: Call) -> None:
        """Let a call wait for its turn; one without windows is done at once."""
        if not call.waiting:
            settle(call.future, [])
            return
        if not self._calls:
            self._since = monotonic()
        self._calls[call] = None

    def seconds_until_ready(self) -> float | None:
        if not self._calls:
            return None
        if self._gather_seconds == 0 or self.tokens >= self.model.max_batch_tokens:
            return 0.0
        return max(0.0, self._since + self._gather_seconds - monotonic())

    def take(self) -> _Batch | None:
        self._forget(call for call in self._calls if call.future.done())
        if not self._calls:
            return None
        if self._shortest_first:
            line = _call_by_call(sorted(self._calls, key=lambda call: call.tokens))
        else:
            line = _round_the_calls(list(self._calls))
        self._shortest_first = not self._shortest_first
        places = self.choose(line)
        for call, number in places:
            call.take(number)
            # To the end of the line.
            self._calls[call] = self._calls.pop(call)
        self._forget(call for call, _ in places if not call.waiting)
        return _Batch(places, self.model)

    def clear(self) -> list[_Batch]:
        calls = list(self._calls)
        self._calls.clear()
        return [_Batch([(call, 0) for call in calls], self.model)]

    @abstractmethod
    def choose(self, line: Iterator[_Place]) -> list[_Place]:
        """Return the windows of the next batch, given all that wait in the order of service."""

    def _forget(self, calls: Iterable[Call]) -> None:
        for call in list(calls):
            self._calls.pop(call, None)


class OwnBatches(WaitingCalls):
    """Every batch holds windows of one call."""

    def choose(self, line: Iterator[_Place]) -> list[_Place]:
        """Return the next batch of the call that is first in line: its longest windows."""
        call, _ = next(line)
        numbers = list(call.waiting)
        rows = next(self.model.batches([call.window(number) for number in numbers]))
        return [(call, numbers[row]) for row in rows]


class SharedBatches(WaitingCalls):
    """A batch holds windows of many calls."""

    def choose(self, line: Iterator[_Place]) -> list[_Place]:
        """Return the first window in line, and those soon after it that are about as long."""
        nearest: list[_Place] = []
        room = self.model.max_batch_tokens * _CHOICE_BATCHES
        for call, number in line:
            nearest.append((call, number))
            room -= len(call.window(number).ids)
            if room <= 0:
                break
        batches = self.model.batches([call.window(number) for call, number in nearest])
        first_rows = next(rows for rows in batches if 0 in rows)
        return [nearest[row] for row in first_rows]


def _call_by_call(calls: Sequence[Call]) -> Iterator[_Place]:
    for call in calls:
        yield from _places(call)


def _round_the_calls(calls: Sequence[Call]) -> Iterator[_Place]:
    for places in zip_longest(*map(_places, calls)):
        yield from filter(None, places)


def _places(call: Call) -> Iterator[_Place]:
    for number in call.waiting:
        yield call, number


class TwoLanes:
    """A worker thread for short calls and one for long calls.

    Args:
        make: Makes the waiting line of a lane.
        name: Name of the threads.
    """

    def __init__(self, make: Callable[[], WaitingCalls], *, name: str) -> None:
        self._short_line, self._long_line = make(), make()
        self._short = Workers(self._short_line, name=f"{name}-short")
        self._long = Workers(self._long_line, name=f"{name}-long")
        self._limit = self._short_line.model.max_batch_tokens // _SHORT_SHARE

    @property
    def tokens(self) -> int:
        """How many tokens wait."""
        return self._short_line.tokens + self._long_line.tokens

    def add(self, call: Call) -> None:
        """Let a call wait for its turn.

        Raises:
            ClosedError: The lanes were closed.
        """
        line, workers = self._long_line, self._long
        if call.tokens <= self._limit:
            line, workers = self._short_line, self._short
        workers.add(lambda: line.put(call))

    def close(self, *, wait: bool = True) -> None:
        """Let running batches end, fail calls that wait, and end the threads."""
        self._short.close(wait=False)
        self._long.close(wait=wait)
        self._short.close(wait=wait)
