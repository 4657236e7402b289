"""Whose turn it is: everything here counts batches, so that no clock decides."""

import threading
from itertools import count

import pytest

from provence_plugins.engine.caching_scorer import CachingScorer
from provence_plugins.engine.direct_scorer import DirectScorer
from provence_plugins.engine.scoring import BatchedModel, ScorerFactory
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.engine.turns import Call, OwnBatches, SharedBatches, WaitingCalls
from provence_plugins.errors import BackendError, ClosedError
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import NumberBackend
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.tokens.windows import Window

BATCH_TOKENS = 64


def window(length: int, first: int = 1) -> Window:
    return Window(list(range(first, first + length)), 2, 0, 1, ((0, 2, length),))


def call_of(*lengths: int) -> Call:
    return Call([window(length) for length in lengths])


def batches_until(line: WaitingCalls, call: Call, limit: int = 1000) -> int:
    """Run batches until a call is done, and return their number."""
    for number in count(1):
        assert number <= limit, f"the call is not done after {limit} batches"
        batch = line.take()
        assert batch is not None
        batch.run()
        if call.future.done():
            return number
    raise AssertionError


@pytest.fixture(params=[OwnBatches, SharedBatches], ids=["own", "shared"])
def line(request: pytest.FixtureRequest) -> WaitingCalls:
    waiting: WaitingCalls = request.param(BatchedModel(NumberBackend(), 0, BATCH_TOKENS))
    return waiting


@pytest.mark.parametrize("others", [1, 5, 50, 500])
def test_a_small_call_waits_for_one_batch_whatever_the_number_of_large_calls(line: WaitingCalls, others: int) -> None:
    for _ in range(others):
        line.put(call_of(*[30] * 40))
    for _ in range(3):  # the large calls are under way
        batch = line.take()
        assert batch is not None
        batch.run()
    small = call_of(30)
    line.put(small)
    assert batches_until(line, small) <= 2


@pytest.mark.parametrize("others", [1, 5, 50])
def test_a_call_takes_no_more_than_twice_its_own_batches(line: WaitingCalls, others: int) -> None:
    for _ in range(others):
        line.put(call_of(*[60] * 100))
    middle = call_of(*[60] * 8)
    line.put(middle)
    assert batches_until(line, middle) <= 2 * 8


def test_every_call_proceeds_though_smaller_ones_never_cease_to_come(line: WaitingCalls) -> None:
    large = [call_of(*[60] * 4) for _ in range(3)]
    for call in large:
        line.put(call)
    for _ in range(3 * 4):
        line.put(call_of(60))
        for _ in range(2):
            batch = line.take()
            assert batch is not None
            batch.run()
    assert [call.future.done() for call in large] == [True] * 3


def test_calls_of_one_size_go_round_in_turn(line: WaitingCalls) -> None:
    calls = [call_of(*[60] * 50) for _ in range(5)]
    for call in calls:
        line.put(call)
    for _ in range(40):
        batch = line.take()
        assert batch is not None
        batch.run()
    # Half of the batches go to the call with the least left; the others are divided evenly.
    left = sorted(len(call.waiting) for call in calls)
    assert left == [30, 45, 45, 45, 45]


def test_windows_of_a_call_are_taken_in_order(line: WaitingCalls) -> None:
    call = call_of(*[60] * 10)
    line.put(call)
    for first in range(1, 10):
        line.take()
        assert next(iter(call.waiting)) == first


def test_shared_batches_put_windows_of_like_lengths_together() -> None:
    line = SharedBatches(BatchedModel(NumberBackend(), 0, BATCH_TOKENS))
    for _ in range(8):
        line.put(call_of(32, 8))
    padding = 0
    while (batch := line.take()) is not None:
        lengths = [len(call.window(number).ids) for call, number in batch.places]
        padding += len(lengths) * max(lengths) - sum(lengths)
        assert len(lengths) * max(lengths) <= BATCH_TOKENS
    assert padding <= 2 * 24  # side by side as they came, they would have had eight times 24


def test_a_call_that_was_cancelled_takes_no_turn(line: WaitingCalls) -> None:
    cancelled, other = call_of(60, 60), call_of(60)
    line.put(cancelled)
    line.put(other)
    cancelled.future.cancel()
    assert batches_until(line, other) == 1
    assert line.seconds_until_ready() is None


def test_the_tokens_of_a_call_that_was_cancelled_do_not_wait(line: WaitingCalls) -> None:
    cancelled, other = call_of(60, 60), call_of(30)
    line.put(cancelled)
    line.put(other)
    assert line.tokens == 150
    cancelled.future.cancel()
    assert line.tokens == 30


class HoldsLongBatches(NumberBackend):
    """Batches of long windows wait for a gate of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.long_gate = threading.Event()

    def forward(self, batch: TokenBatch) -> BatchScores:
        if batch.ids.shape[1] > BATCH_TOKENS // 2:
            self.long_gate.wait(10)
        return super().forward(batch)


def caching(inner: ScorerFactory) -> ScorerFactory:
    return lambda model: CachingScorer(inner(model), max_tokens=10_000)


FACTORIES = pytest.mark.parametrize(
    "factory",
    [DirectScorer, SharedScorer, caching(DirectScorer), caching(SharedScorer)],
    ids=["direct", "shared", "caching direct", "caching shared"],
)


@FACTORIES
def test_a_short_call_does_not_wait_for_the_batch_of_a_long_one(factory: ScorerFactory) -> None:
    backend = HoldsLongBatches()
    scorer = factory(BatchedModel(backend, 0, BATCH_TOKENS))
    long = [scorer.submit([window(60, first + row) for row in range(20)]) for first in range(1, 20)]
    assert len(scorer.submit([window(4)]).result(10)) == 1
    assert not any(future.done() for future in long)
    backend.long_gate.set()
    assert [len(future.result(10)) for future in long] == [20] * 19
    scorer.close()


class Crash(BaseException):
    """Not an `Exception`."""


class Panics(NumberBackend):
    """Ends with the given exception while it is told so."""

    error: BaseException | None = None

    def forward(self, batch: TokenBatch) -> BatchScores:
        if self.error is not None:
            raise self.error
        return super().forward(batch)


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What Python would print of threads that ended with an exception."""
    errors: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_type))
    return errors


@FACTORIES
@pytest.mark.parametrize("error", [Crash(), SystemExit(1), KeyboardInterrupt()], ids=["crash", "exit", "interrupt"])
def test_the_death_of_a_worker_fails_its_calls_and_another_takes_over(
    factory: ScorerFactory, error: BaseException, reported: list[type[BaseException]]
) -> None:
    backend = Panics()
    scorer = factory(BatchedModel(backend, 0, BATCH_TOKENS))
    for length in (4, 60):
        backend.error = error
        with pytest.raises(BackendError, match=type(error).__name__) as caught:
            scorer.submit([window(length), window(length)]).result(10)
        assert caught.value.__cause__ is error
        backend.error = None
        assert len(scorer.submit([window(length)]).result(10)) == 1
    scorer.close()
    assert reported == [type(error)] * 2


class PanicException(BaseException):
    """Named like the class of every Rust extension."""


@FACTORIES
def test_a_panic_is_an_error_of_the_backend_and_kills_no_worker(factory: ScorerFactory) -> None:
    backend = Panics()
    scorer = factory(BatchedModel(backend, 0, BATCH_TOKENS))
    backend.error = PanicException("index out of bounds")
    for score in (scorer.score, lambda windows: scorer.submit(windows).result(10)):
        with pytest.raises(BackendError, match="index out of bounds"):
            score([window(4)])
    scorer.close()


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()], ids=["exit", "interrupt"])
def test_an_interrupt_in_the_callers_thread_stays_what_it_is(error: BaseException) -> None:
    backend = Panics()
    scorer = DirectScorer(BatchedModel(backend, 0, BATCH_TOKENS))
    backend.error = error
    with pytest.raises(type(error)):
        scorer.score([window(4)])
    scorer.close()


@FACTORIES
def test_closing_gives_every_waiting_call_a_closed_error(factory: ScorerFactory) -> None:
    backend = NumberBackend()
    scorer = factory(BatchedModel(backend, 0, BATCH_TOKENS))
    backend.gate.clear()
    futures = [scorer.submit([window(length, first)] * 5) for length in (4, 60) for first in range(1, 20)]
    closing = threading.Thread(target=scorer.close)
    closing.start()
    while not any(future.done() for future in futures):  # those that wait do not wait for the gate
        closing.join(0.001)
    backend.gate.set()
    closing.join(10)
    assert not any(future.cancelled() for future in futures)
    outcomes = [type(future.exception(0)) for future in futures]
    assert set(outcomes) <= {ClosedError, type(None)}
    assert outcomes.count(ClosedError) >= 30
