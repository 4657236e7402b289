import asyncio
import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import pytest

from provence_plugins import Passage, Pruner
from provence_plugins.errors import BackendError
from provence_plugins.integrations import fields as fields_module
from provence_plugins.integrations.fields import EngineFields, PruningFields
from provence_plugins.integrations.shared_pruners import PrunerKey, SharedPruners, loaded_pruners, release_pruners
from provence_plugins.testing import WordBackend
from provence_plugins.testing.backends import Gated

PASSAGES = [Passage("The castle is old. Sheep graze.")]


def test_a_released_pruner_is_loaded_again_when_it_is_needed() -> None:
    fields = PruningFields()
    before = fields.pruner
    assert loaded_pruners()[PrunerKey()] is before
    release_pruners()
    assert not loaded_pruners()
    assert fields.prune_passages("castle", PASSAGES) is not None
    assert fields.pruner is not before


def test_a_released_pruner_frees_its_memory() -> None:
    fields = EngineFields()
    gone = weakref.ref(fields.pruner)
    fields.release()
    gc.collect()
    assert gone() is None


def test_releasing_one_leaves_the_others() -> None:
    pruners = SharedPruners()
    one, other = pruners.get(PrunerKey()), pruners.get(PrunerKey(backend="onnx"))
    pruners.release(PrunerKey())
    pruners.release(PrunerKey())
    assert pruners.loaded() == {PrunerKey(backend="onnx"): other}
    assert one is not other
    pruners.release()


def test_a_pruner_of_the_callers_own_stays_open(words: Pruner) -> None:
    EngineFields(model=words).release()
    release_pruners()
    assert words.prune("castle", PASSAGES).passages


def test_what_is_loaded_can_only_be_looked_at() -> None:
    with pytest.raises(TypeError):
        loaded_pruners()[PrunerKey()] = EngineFields().pruner  # type: ignore[index]


SLOW = PrunerKey("slow")


class SlowLoading(Gated):
    """Loads pruners without a model; that of the key `SLOW` waits at the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate.clear()
        self.loaded: list[PrunerKey] = []

    def load(self, key: PrunerKey) -> Pruner:
        if key == SLOW:
            self.pass_gate()
        self.loaded.append(key)
        return Pruner(backend=WordBackend())


@pytest.fixture
def slow() -> SlowLoading:
    return SlowLoading()


async def wait_until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_an_adapter_of_a_loaded_model_goes_on_while_another_model_is_loaded(
    slow: SlowLoading, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruners = SharedPruners(slow.load)
    monkeypatch.setattr(fields_module, "shared_pruners", pruners)
    loaded, loading = PruningFields(), PruningFields(model="slow")
    assert loaded.prune_passages("castle", PASSAGES) is not None
    call = asyncio.create_task(loading.aprune_passages("castle", PASSAGES))
    await wait_until(slow.waiting.is_set)
    assert await loaded.aprune_passages("castle", PASSAGES) is not None
    assert loaded.prune_passages("castle", PASSAGES) is not None
    assert list(pruners.loaded()) == [PrunerKey()]
    loaded.release()
    assert not call.done()
    slow.gate.set()
    assert await call is not None
    pruners.release()


async def test_two_models_are_loaded_at_the_same_time(slow: SlowLoading) -> None:
    pruners = SharedPruners(slow.load)
    call = asyncio.create_task(pruners.aget(SLOW))
    await wait_until(slow.waiting.is_set)
    await pruners.aget(PrunerKey("quick"))
    assert slow.loaded == [PrunerKey("quick")]
    slow.gate.set()
    await call
    pruners.release()


async def test_calls_that_wait_for_a_model_load_it_once_and_hold_no_thread_of_the_event_loop(
    slow: SlowLoading,
) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    pruners = SharedPruners(slow.load)
    calls = [asyncio.create_task(pruners.aget(SLOW)) for _ in range(8)]
    await wait_until(slow.waiting.is_set)
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
    slow.gate.set()
    assert len({id(pruner) for pruner in await asyncio.gather(*calls)}) == 1
    assert slow.loaded == [SLOW]
    pruners.release()


async def test_a_cancelled_call_leaves_the_model_to_the_others(slow: SlowLoading) -> None:
    pruners = SharedPruners(slow.load)
    cancelled, other = (asyncio.create_task(pruners.aget(SLOW)) for _ in range(2))
    await wait_until(slow.waiting.is_set)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    slow.gate.set()
    assert await other is pruners.loaded()[SLOW]
    pruners.release()


async def test_a_model_that_could_not_be_loaded_is_tried_again() -> None:
    attempts: list[PrunerKey] = []

    def load(key: PrunerKey) -> Pruner:
        attempts.append(key)
        if len(attempts) == 1:
            raise BackendError("There is no network.")
        return Pruner(backend=WordBackend())

    pruners = SharedPruners(load)
    with pytest.raises(BackendError, match="There is no network"):
        await pruners.aget(SLOW)
    assert not pruners.loaded()
    assert await pruners.aget(SLOW) is pruners.get(SLOW)
    pruners.release()


def test_releasing_a_model_that_is_being_loaded_closes_it_afterwards(slow: SlowLoading) -> None:
    pruners = SharedPruners(slow.load)
    loading, releasing = Thread(target=pruners.get, args=[SLOW]), Thread(target=pruners.release)
    loading.start()
    assert slow.waiting.wait(10)
    releasing.start()
    slow.gate.set()
    loading.join(10)
    releasing.join(10)
    assert not pruners.loaded()
