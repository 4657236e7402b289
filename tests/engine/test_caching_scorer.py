import gc
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import ref

import numpy as np
import pytest

from provence_plugins.engine.caching_scorer import CacheStats, CachingScorer
from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.scoring import BatchedModel, ScorerFactory, WindowScores
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.errors import BackendError, ClosedError, InvalidInputError
from provence_plugins.model.backend import BatchScores
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.tokens.windows import Window


class CountingBackend:
    """Probabilities that follow from each token alone; it notes every row that it is given."""

    description = "counts"
    max_batch_tokens = 64

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.failing = False

    def forward(self, batch: TokenBatch) -> BatchScores:
        if self.failing:
            raise BackendError("no power")
        self.rows += [ids[mask == 1].tolist() for ids, mask in zip(batch.ids, batch.mask, strict=True)]
        return BatchScores((batch.ids[:, 0] % 7 / 7).astype(np.float32), (batch.ids % 9 / 9).astype(np.float32))


def window(*ids: int, text_start: int = 1, text_type: int = 1) -> Window:
    return Window(list(ids), text_start, 0, text_type, ((0, text_start, len(ids)),))


def plain(scores: Sequence[WindowScores]) -> list[tuple[float, list[float]]]:
    return [(score.relevance, score.keep.tolist()) for score in scores]


ONE, TWO, THREE = window(1, 2, 3, 4), window(5, 6, 7), window(1, 2, 3, 5)


@pytest.fixture
def backend() -> CountingBackend:
    return CountingBackend()


@pytest.fixture(params=[DirectScorer, SharedScorer], ids=["direct", "shared"])
def inner(request: pytest.FixtureRequest) -> ScorerFactory:
    factory: ScorerFactory = request.param
    return factory


@pytest.fixture
def model(backend: CountingBackend) -> BatchedModel:
    return BatchedModel(backend, pad_id=0, max_batch_tokens=64)


@pytest.fixture
def scorer(inner: ScorerFactory, model: BatchedModel) -> Iterator[CachingScorer]:
    scorer = CachingScorer(inner(model), max_tokens=100)
    yield scorer
    scorer.close()


def test_a_later_call_gets_the_same_scores_without_the_model(scorer: CachingScorer, backend: CountingBackend) -> None:
    first = plain(scorer.score([ONE, TWO]))
    assert plain(scorer.score([TWO, THREE, ONE])) == [first[1], *plain(scorer.score([THREE])), first[0]]
    assert plain(scorer.submit([ONE, TWO]).result(10)) == first
    assert sorted(backend.rows) == sorted([ONE.ids, TWO.ids, THREE.ids])
    assert scorer.stats == CacheStats(hits=5, misses=3, entries=3, tokens=11)


def test_what_is_submitted_is_remembered_too(scorer: CachingScorer, backend: CountingBackend) -> None:
    assert plain(scorer.submit([ONE, TWO]).result(10)) == plain(scorer.score([ONE, TWO]))
    assert len(backend.rows) == 2


@pytest.mark.parametrize(
    "other",
    [window(1, 2, 3, 4, text_start=2), window(1, 2, 3, 4, text_type=0), window(1, 2, 3, 4, 4)],
    ids=["where the text begins", "token types", "ids"],
)
def test_windows_that_the_model_reads_otherwise_are_scored_apart(
    scorer: CachingScorer, backend: CountingBackend, other: Window
) -> None:
    scorer.score([ONE])
    scorer.score([other])
    assert len(backend.rows) == 2


def test_the_least_recently_used_are_forgotten_first(scorer: CachingScorer, backend: CountingBackend) -> None:
    large = [window(*range(first, first + 40)) for first in (100, 200, 300)]
    scorer.score(large[:1])
    scorer.score(large[1:2])
    scorer.score(large[:1])
    scorer.score(large[2:])  # 120 tokens would be too many: the second goes
    assert scorer.stats.tokens == 80
    backend.rows.clear()
    scorer.score(large[:1])
    assert not backend.rows
    scorer.score(large[1:2])
    assert backend.rows == [large[1].ids]


def test_a_window_larger_than_the_cache_pushes_nothing_out(inner: ScorerFactory, model: BatchedModel) -> None:
    scorer = CachingScorer(inner(model), max_tokens=10)
    scorer.score([ONE])
    scorer.score([window(*range(20))])
    assert scorer.stats.entries == 1
    scorer.close()


def test_remembered_scores_do_not_keep_the_scores_of_their_batch(scorer: CachingScorer) -> None:
    scorer.score([ONE, TWO])
    [again] = scorer.score([TWO])
    assert again.keep.base is None


def test_an_error_reaches_the_caller_and_is_not_remembered(scorer: CachingScorer, backend: CountingBackend) -> None:
    backend.failing = True
    with pytest.raises(BackendError, match="no power"):
        scorer.score([ONE])
    with pytest.raises(BackendError, match="no power"):
        scorer.submit([ONE]).result(10)
    backend.failing = False
    assert len(scorer.score([ONE])) == 1
    assert backend.rows == [ONE.ids]


def test_a_closed_scorer_refuses_even_what_it_knew(scorer: CachingScorer) -> None:
    scorer.score([ONE])
    scorer.close()
    assert scorer.stats.tokens == 0
    with pytest.raises(ClosedError):
        scorer.score([ONE])
    with pytest.raises(ClosedError):
        scorer.submit([ONE])


def test_many_threads_get_what_one_would(scorer: CachingScorer, model: BatchedModel) -> None:
    calls = [
        [window(*range(first % 13, first % 13 + 5)), window(*range(first % 7, first % 7 + 9))] for first in range(300)
    ]
    expected = [plain(DirectScorer(model).score(call)) for call in calls]
    with ThreadPoolExecutor(16) as pool:
        assert [plain(scores) for scores in pool.map(scorer.score, calls)] == expected
    found = scorer.stats
    assert found.hits + found.misses == 600
    assert found.tokens <= 100


class Waiting:
    """A scorer whose futures stay open until the test says otherwise."""

    def __init__(self) -> None:
        self.future: Future[list[WindowScores]] = Future()

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        return self.submit(windows).result()

    def submit(self, windows: Sequence[Window]) -> Future[list[WindowScores]]:
        return self.future

    def close(self) -> None:
        self.future.cancel()


def test_cancelling_reaches_the_other_scorer_and_back() -> None:
    inner = Waiting()
    assert CachingScorer(inner, 100).submit([ONE]).cancel()
    assert inner.future.cancelled()
    inner = Waiting()
    scorer = CachingScorer(inner, 100)
    future = scorer.submit([ONE])
    scorer.close()
    assert future.cancelled()


def test_a_call_that_is_done_is_freed_at_once() -> None:
    inner = Waiting()
    future = CachingScorer(inner, 100).submit([ONE])
    inner.future.set_result([WindowScores(0.5, np.zeros(4, np.float32))])
    assert len(future.result(10)) == 1
    gone = ref(inner.future)
    gc.disable()
    try:
        inner.future = Future()
        assert gone() is None
    finally:
        gc.enable()


def test_a_forgotten_scorer_ends_the_thread_of_the_other(model: BatchedModel) -> None:
    before = set(threading.enumerate())
    scorer = CachingScorer(SharedScorer(model), 100)
    scorer.submit([ONE]).result(10)
    [thread] = set(threading.enumerate()) - before
    del scorer
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("max_tokens", [-1, 0, 1.5, None])
def test_an_invalid_size_is_refused(max_tokens: object, model: BatchedModel) -> None:
    inner = DirectScorer(model)
    with pytest.raises(InvalidInputError, match="cache_tokens"):
        CachingScorer(inner, max_tokens)  # type: ignore[arg-type]
    inner.close()
