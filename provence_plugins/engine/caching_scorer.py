"""Scores that need no second run of the model: of windows that repeat in one call, and of those of earlier calls."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import ref

from provence_plugins.engine.scoring import Scorer, WindowScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.tokens.windows import Window

# All that the model reads of a window: where the text begins, the token types of both sides, and the ids.
_Key = tuple[int, int, int, bytes]

_ScoresFuture = Future[list[WindowScores]]


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What a pruner did not have to score, counted in windows since it was opened.

    Attributes:
        hits: Scores that an earlier call had left behind.
        repeats: Windows that stood in the same call before.
        misses: Windows that went to the model.
        entries: Scores that are kept now.
        tokens: How many tokens these have, at most the pruner's `cache_tokens`.
    """

    hits: int
    repeats: int
    misses: int
    entries: int
    tokens: int


class CachingScorer:
    """Asks another scorer for each distinct window of a call once, and remembers its scores for later calls.

    Args:
        scorer: Whoever knows the scores; it is closed with this one.
        max_tokens: The scores of at most so many tokens are remembered, those used last; with 0 none are.

    Raises:
        InvalidInputError: `max_tokens` is no whole number from 0 on.
    """

    def __init__(self, scorer: Scorer, max_tokens: int = 0) -> None:
        if not isinstance(max_tokens, int) or max_tokens < 0:
            raise InvalidInputError(
                f"cache_tokens is the number of tokens whose scores are remembered, a whole number from 0 on; got "
                f"{max_tokens!r}."
            )
        self._scorer = scorer
        self._memory = _Memory(max_tokens)

    @property
    def statistics(self) -> CacheStatistics:
        """What has been saved so far, and what is remembered."""
        return self._memory.statistics

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Score windows in their order; the other scorer is asked for those whose scores are not known.

        Raises:
            ClosedError: The scorer was closed.
        """
        request = self._look_up(windows)
        return request.complete(self._scorer.score(request.missing) if request.missing else [])

    def submit(self, windows: Sequence[Window]) -> _ScoresFuture:
        """Score windows in a thread of the other scorer; when all scores are known, they are there at once.

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
        distinct = dict(zip(keys, windows, strict=True))
        found = self._memory.find(distinct, repeats=len(keys) - len(distinct))
        wanted = {key: window for key, window in distinct.items() if key not in found}
        return _Request(keys, found, wanted, self._memory)


@dataclass(frozen=True, slots=True)
class _Request:
    """The windows of one call by what the model reads of them: in order, known already, and wanted from the model."""

    keys: Sequence[_Key]
    found: Mapping[_Key, WindowScores]
    wanted: Mapping[_Key, Window]
    memory: "_Memory"

    @property
    def missing(self) -> list[Window]:
        return list(self.wanted.values())

    def complete(self, scores: Sequence[WindowScores]) -> list[WindowScores]:
        """The scores of all windows in order, given those of the missing ones, which are remembered."""
        scored = dict(zip(self.wanted, scores, strict=True))
        self.memory.store(scored)
        known = {**self.found, **scored}
        return [known[key] for key in self.keys]

    def pass_on(self, source: _ScoresFuture, future: _ScoresFuture) -> None:
        """Hand on what has come of the missing windows: their scores, an error or that nobody wants them."""
        if source.cancelled():
            future.cancel()
        elif not future.done() and future.set_running_or_notify_cancel():
            error = source.exception()
            if error is None:
                future.set_result(self.complete(source.result()))
            else:
                future.set_exception(error)


class _Memory:
    """Scores by window, the least recently used first, for any number of threads."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens
        self._scores: OrderedDict[_Key, WindowScores] = OrderedDict()
        self._tokens = 0
        self._hits = self._repeats = self._misses = 0
        self._lock = threading.Lock()

    @property
    def statistics(self) -> CacheStatistics:
        with self._lock:
            return CacheStatistics(self._hits, self._repeats, self._misses, len(self._scores), self._tokens)

    def find(self, keys: Iterable[_Key], *, repeats: int) -> dict[_Key, WindowScores]:
        found = {}
        with self._lock:
            self._repeats += repeats
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
                    # A copy, for the scores of a window are part of an array that holds those of its whole batch.
                    self._scores[key] = WindowScores(score.relevance, score.keep.copy())
                    self._tokens += len(score.keep)
            while self._tokens > self._max_tokens:
                self._tokens -= len(self._scores.popitem(last=False)[1].keep)

    def clear(self) -> None:
        with self._lock:
            self._scores.clear()
            self._tokens = 0


def _cancel_together(future: _ScoresFuture, source: _ScoresFuture) -> None:
    # A weak reference, for the source holds the future: together they would be a cycle that keeps all scores.
    reference = ref(source)

    def cancel(done: _ScoresFuture) -> None:
        waiting = reference()
        if done.cancelled() and waiting is not None:
            waiting.cancel()

    future.add_done_callback(cancel)


def _key(window: Window) -> _Key:
    return window.text_start, window.query_type, window.text_type, array("I", window.ids).tobytes()
