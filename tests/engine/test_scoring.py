import gc
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from provence_plugins.engine.caching_scorer import CachingScorer
from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.scoring import BatchedModel, Scorer, ScorerFactory, WindowScores
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.errors import BackendError, ClosedError, InvalidInputError, OverloadedError
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import NumberBackend
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.tokens.windows import Window

BATCH_TOKENS = 64


def window(first: int, length: int) -> Window:
    return Window(list(range(first, first + length)), 2, 0, 1, ((0, 2, length),))


def expected(windows: Sequence[Window]) -> list[tuple[float, list[float]]]:
    return [
        (round(item.ids[0] % 10 / 10, 6), [round(number % 100 / 100, 6) for number in item.ids]) for item in windows
    ]


def plain(scores: Sequence[WindowScores]) -> list[tuple[float, list[float]]]:
    return [(round(s.relevance, 6), [round(float(value), 6) for value in s.keep]) for s in scores]


WINDOWS = [window(first, 3 + first % 29) for first in range(1, 40)]


@pytest.fixture
def backend() -> NumberBackend:
    return NumberBackend()


@pytest.fixture
def earlier_threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def caching(inner: ScorerFactory) -> ScorerFactory:
    return lambda model: CachingScorer(inner(model), max_tokens=10_000)


@pytest.fixture(
    params=[DirectScorer, SharedScorer, caching(DirectScorer), caching(SharedScorer)],
    ids=["direct", "shared", "caching direct", "caching shared"],
)
def scorer(
    request: pytest.FixtureRequest, backend: NumberBackend, earlier_threads: set[threading.Thread]
) -> Iterator[Scorer]:
    scorer = request.param(BatchedModel(backend, pad_id=0, max_batch_tokens=BATCH_TOKENS))
    yield scorer
    backend.gate.set()
    scorer.close()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "waited for ten seconds"
        time.sleep(0.001)


def test_scores_come_back_in_the_order_of_the_windows(scorer: Scorer) -> None:
    assert plain(scorer.score(WINDOWS)) == expected(WINDOWS)
    assert plain(scorer.submit(WINDOWS).result(10)) == expected(WINDOWS)


def test_no_batch_passes_the_budget(scorer: Scorer, backend: NumberBackend) -> None:
    scorer.score(WINDOWS)
    assert all(batch.ids.size <= BATCH_TOKENS for batch in backend.batches)
    assert backend.rows == len(WINDOWS)


def test_no_windows_need_no_model(scorer: Scorer, backend: NumberBackend) -> None:
    assert scorer.score([]) == []
    assert scorer.submit([]).result(10) == []
    assert not backend.batches


def test_many_threads_get_what_one_would(scorer: Scorer) -> None:
    calls = [[window(first, 5 + first % 7), window(first + 1, 9)] for first in range(200)]
    with ThreadPoolExecutor(16) as pool:
        assert [plain(scores) for scores in pool.map(scorer.score, calls)] == [expected(call) for call in calls]


def test_a_cancelled_request_costs_nothing_more(scorer: Scorer, backend: NumberBackend) -> None:
    backend.gate.clear()
    first = scorer.submit([window(1, BATCH_TOKENS)])
    wait_until(lambda: len(backend.batches) == 1)
    second = scorer.submit([window(first, BATCH_TOKENS) for first in range(10, 15)])
    assert second.cancel()
    backend.gate.set()
    assert plain(first.result(10)) == expected([window(1, BATCH_TOKENS)])
    assert plain(scorer.score([window(3, 4)])) == expected([window(3, 4)])
    assert backend.rows == 2
    with pytest.raises(CancelledError):
        second.result(0)


def test_a_request_cancelled_half_way_stops_at_the_next_batch(scorer: Scorer, backend: NumberBackend) -> None:
    backend.gate.clear()
    future = scorer.submit([window(first, BATCH_TOKENS) for first in range(10, 16)])
    wait_until(lambda: len(backend.batches) == 1)
    assert future.cancel()
    backend.gate.set()
    scorer.score([window(3, 4)])
    assert len(backend.batches) == 2


def test_a_failing_model_fails_the_call_and_not_the_next(scorer: Scorer, backend: NumberBackend) -> None:
    def fail(batch: TokenBatch) -> BatchScores:
        raise BackendError("no power")

    works, backend.forward = backend.forward, fail  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="no power"):
        scorer.score(WINDOWS)
    with pytest.raises(BackendError, match="no power"):
        scorer.submit(WINDOWS).result(10)
    backend.forward = works  # type: ignore[method-assign]
    assert plain(scorer.score(WINDOWS)) == expected(WINDOWS)


def test_a_closed_scorer_refuses_and_has_no_threads(scorer: Scorer, earlier_threads: set[threading.Thread]) -> None:
    scorer.submit(WINDOWS).result(10)
    scorer.close()
    scorer.close()
    assert set(threading.enumerate()) <= earlier_threads
    with pytest.raises(ClosedError):
        scorer.score(WINDOWS)
    with pytest.raises(ClosedError):
        scorer.submit(WINDOWS)


def test_closing_fails_whatever_waits(scorer: Scorer, backend: NumberBackend) -> None:
    backend.gate.clear()
    running = scorer.submit([window(1, BATCH_TOKENS)])
    wait_until(lambda: len(backend.batches) == 1)
    waiting = scorer.submit([window(2, BATCH_TOKENS)])
    closing = threading.Thread(target=scorer.close)
    closing.start()
    time.sleep(0.02)
    backend.gate.set()
    closing.join(10)
    with pytest.raises(ClosedError):
        waiting.result(10)
    assert running.done()


def test_windows_of_many_callers_share_batches(backend: NumberBackend) -> None:
    scorer = SharedScorer(BatchedModel(backend, 0, BATCH_TOKENS), gather_seconds=0.5)
    futures = [scorer.submit([window(first, 4)]) for first in range(16)]
    assert [plain(future.result(10)) for future in futures] == [expected([window(first, 4)]) for first in range(16)]
    assert [len(batch.ids) for batch in backend.batches] == [16]
    scorer.close()


def test_a_full_queue_refuses_more(backend: NumberBackend) -> None:
    scorer = SharedScorer(BatchedModel(backend, 0, BATCH_TOKENS), gather_seconds=0, max_pending_tokens=100)
    backend.gate.clear()
    running = scorer.submit([window(1, 4)])
    wait_until(lambda: len(backend.batches) == 1)
    large = scorer.submit([window(1, 60)] * 3)  # a large call may wait when nobody else does
    with pytest.raises(OverloadedError, match="max_pending_tokens"):
        scorer.submit([window(2, 4)])
    backend.gate.set()
    assert len(large.result(10)) == 3
    assert len(running.result(10)) == 1
    scorer.close()


def test_a_call_that_was_cancelled_leaves_its_place_in_a_full_queue(backend: NumberBackend) -> None:
    scorer = SharedScorer(BatchedModel(backend, 0, BATCH_TOKENS), gather_seconds=0, max_pending_tokens=100)
    backend.gate.clear()
    running = scorer.submit([window(1, 60)])
    wait_until(lambda: len(backend.batches) == 1)
    scorer.submit([window(1, 60)] * 3).cancel()
    assert scorer.waiting_tokens == 0
    next_one = scorer.submit([window(2, 60)])
    assert scorer.waiting_tokens == 60
    backend.gate.set()
    assert len(running.result(10)) == len(next_one.result(10)) == 1
    scorer.close()


def test_a_forgotten_shared_scorer_ends_its_thread(backend: NumberBackend) -> None:
    scorer = SharedScorer(BatchedModel(backend, 0, BATCH_TOKENS))
    before = set(threading.enumerate())
    scorer.score([window(1, 4)])
    [thread] = set(threading.enumerate()) - before
    del scorer
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"gather_seconds": -1.0}, r"gather_seconds must be a finite number of at least 0; got -1\.0"),
        ({"max_pending_tokens": 0}, "max_pending_tokens must be an integer of at least 1; got 0"),
    ],
    ids=["wait", "queue"],
)
def test_impossible_knobs_are_refused(backend: NumberBackend, knobs: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        partial(SharedScorer, **knobs)(BatchedModel(backend, 0, BATCH_TOKENS))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["relevance", "keep"])
@pytest.mark.parametrize("change", [lambda array: array.astype("U9"), lambda array: array.tolist(), lambda _: None])
def test_what_is_not_an_array_of_numbers_is_refused(
    scorer: Scorer, backend: NumberBackend, name: str, change: Callable[[Any], Any]
) -> None:
    works = backend.forward

    def forward(batch: TokenBatch) -> BatchScores:
        scores = works(batch)
        return replace(scores, **{name: change(getattr(scores, name))})

    backend.forward = forward  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="two arrays of numbers were expected"):
        scorer.score(WINDOWS)


def test_a_backend_that_returns_nothing_is_refused(scorer: Scorer, backend: NumberBackend) -> None:
    backend.forward = lambda batch: None  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(BackendError, match="returned NoneType"):
        scorer.submit(WINDOWS).result(10)
