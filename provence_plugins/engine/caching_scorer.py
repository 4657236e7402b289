"""Remember the scores of windows across calls: a scorer around another one."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import ref

from provence_plugins.engine.scoring import Scorer, WindowScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.forks import renew_in_child
from provence_plugins.threads import settle
from provence_plugins.tokens.windows import Window

# Everything that the model reads of a window: where the text begins, the token types of both sides,
# and the ids.
_Key = tuple[int, int, int, bytes]

_ScoresFuture = Future[list[WindowScores]]


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Usage of a pruner's cache, in windows since the pruner was opened; all zeros without a cache.

    Attributes:
        hits: Windows whose scores were remembered from an earlier call.
        misses: Windows that went to the model.
        entries: Windows whose scores are remembered now.
        tokens: Tokens of these windows, at most the pruner's `cache_tokens`.
    """

    hits: int = 0
    misses: int = 0
    entries: int = 0
    tokens: int = 0


class CachingScorer:
    """A scorer that asks another one only for windows whose scores it does not remember.

    Args:
        scorer: The scorer that runs the model; it is closed with this one.
        max_tokens: Maximum number of tokens whose scores are remembered; the most recently used are
            kept.

    Raises:
        InvalidInputError: `max_tokens` is not a positive integer.
    """

    def __init__(self, scorer: Scorer, max_tokens: int) -> None:
        if not isinstance(max_tokens, int) or max_tokens < 1:
            raise InvalidInputError(
                f"cache_tokens must be a whole number; got {max_tokens!r}. Give the number of "
                f"tokens whose scores are remembered, or 0 for no cache."
            )
        self._scorer = scorer
        self._memory = _Memory(max_tokens)

    @property
    def stats(self) -> CacheStats:
        """Hits and misses so far, and the size of the cache."""
        return self._memory.stats

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows; the other scorer gets those whose scores are not remembered.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = self._look_up(windows)
        return request.complete(self._scorer.score(request.missing) if request.missing else [])

    def submit(self, windows: Sequence[Window]) -> _ScoresFuture:
        """Score windows in a thread of the other scorer, or at once if all are remembered.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = self._look_up(windows)
        future: _ScoresFuture = Future()
        if not request.missing:
            future.set_result(request.complete([]))
            return future
        source = self._scorer.submit(request.missing)
        _cancel_together(future, source)
        source.add_done_callback(lambda done: request.pass_on(done, future))
        return future

    def close(self) -> None:
        """Close the other scorer and forget all scores."""
        self._scorer.close()
        self._memory.clear()

    def _look_up(self, windows: Sequence[Window]) -> "_Request":
        keys = [_key(window) for window in windows]
        found = self._memory.find(keys)
        missing = [window for key, window in zip(keys, windows, strict=True) if key not in found]
        return _Request(keys, found, missing, self._memory)


@dataclass(frozen=True, slots=True)
class _Request:
    """The windows of one call by their keys: all in order, those remembered, and those missing."""

    keys: Sequence[_Key]
    found: Mapping[_Key, WindowScores]
    missing: Sequence[Window]
    memory: "_Memory"

    def complete(self, scores: Sequence[WindowScores]) -> list[WindowScores]:
        """Remember the scores of the missing windows, and return those of all windows in order."""
        new = [key for key in self.keys if key not in self.found]
        scored = dict(zip(new, scores, strict=True))
        self.memory.store(scored)
        known = {**self.found, **scored}
        return [known[key] for key in self.keys]

    def pass_on(self, source: _ScoresFuture, future: _ScoresFuture) -> None:
        """Pass the outcome of the missing windows on: their scores, an error, or a cancellation."""
        if source.cancelled():
            future.cancel()
        elif (error := source.exception()) is not None:
            settle(future, error=error)
        else:
            settle(future, self.complete(source.result()))


class _Memory:
    """Scores by window, the least recently used first; safe to use from many threads."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._scores: OrderedDict[_Key, WindowScores] = OrderedDict()
        self._tokens = 0
        self._hits = self._misses = 0
        self._lock = threading.Lock()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget everything: the parent may have been in the middle of a change."""
        self._lock = threading.Lock()
        self.clear()

    @property
    def stats(self) -> CacheStats:
        with self._lock:
            return CacheStats(self._hits, self._misses, len(self._scores), self._tokens)

    def find(self, keys: Iterable[_Key]) -> dict[_Key, WindowScores]:
        found = {}
        with self._lock:
            for key in keys:
                if key in self._scores:
                    self._scores.move_to_end(key)
                    found[key] = self._scores[key]
                    self._hits += 1
                else:
                    self._misses += 1
        return found

    def store(self, scores: Mapping[_Key, WindowScores]) -> None:
        with self._lock:
            for key, score in scores.items():
                if key not in self._scores and len(score.keep) <= self._max_tokens:
                    # A copy, because the scores of a window are a view of its whole batch's array.
                    self._scores[key] = WindowScores(score.relevance, score.keep.copy())
                    self._tokens += len(score.keep)
            while self._tokens > self._max_tokens:
                self._tokens -= len(self._scores.popitem(last=False)[1].keep)

    def clear(self) -> None:
        with self._lock:
            self._scores.clear()
            self._tokens = 0


def _cancel_together(future: _ScoresFuture, source: _ScoresFuture) -> None:
    # A weak reference, because the source holds the future: a cycle would keep all scores alive.
    reference = ref(source)

    def cancel(done: _ScoresFuture) -> None:
        waiting = reference()
        if done.cancelled() and waiting is not None:
            waiting.cancel()

    future.add_done_callback(cancel)


def _key(window: Window) -> _Key:
    return window.text_start, window.query_type, window.text_type, array("I", window.ids).tobytes()
