"""One pruner, many callers: threads and tasks at the same time, and what closing does to them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from pruner_calls import QUERY, TEXTS, Watched, assert_same, open_pruner

from provence_plugins import DirectScorer, Pruner, PruneResult, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import ClosedError, OverloadedError
from provence_plugins.testing import WordBackend


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_one_pruner_serves_many_threads(pruner: Pruner, tiny_folder: Path, scorer: ScorerFactory) -> None:
    calls = [(f"where is {word}", TEXTS[:3]) for word in ("paris", "cheese", "the river", "who") * 8]
    alone = [pruner.prune(*call) for call in calls]
    with open_pruner(tiny_folder, scorer) as other, ThreadPoolExecutor(8) as pool:
        for result, expected in zip(pool.map(lambda call: other.prune(*call), calls), alone, strict=True):
            assert_same(result, expected)


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
async def test_many_tasks_are_served_without_work_in_the_thread_of_the_loop(
    tiny_folder: Path, scorer: ScorerFactory
) -> None:
    watched = Watched(tiny_folder)
    with Pruner(tiny_folder, backend=watched, splitter=watched.split, scorer=scorer) as pruner:
        results = await asyncio.gather(*(pruner.aprune(QUERY, TEXTS) for _ in range(50)))
    assert len(results) == 50
    assert watched.threads
    assert all(name.startswith("provence-") for name in watched.threads)


async def test_a_cancelled_task_leaves_the_pruner_working(tiny_folder: Path) -> None:
    with open_pruner(tiny_folder, SharedScorer) as pruner:
        task = asyncio.create_task(pruner.aprune(QUERY, ["the city of paris. " * 2000]))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await pruner.aprune(QUERY, TEXTS)).query == QUERY


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_a_closed_pruner_refuses_and_has_no_threads(tiny_folder: Path, scorer: ScorerFactory) -> None:
    before = set(threading.enumerate())
    with open_pruner(tiny_folder, scorer) as pruner:
        asyncio.run(pruner.aprune(QUERY, TEXTS))
    pruner.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ClosedError):
        pruner.prune(QUERY, TEXTS)
    with pytest.raises(ClosedError):
        asyncio.run(pruner.aprune(QUERY, TEXTS))


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
async def test_every_handler_of_a_task_group_hears_of_closing(scorer: ScorerFactory) -> None:
    backend = WordBackend()
    pruner = Pruner(backend=backend, scorer=scorer)
    texts = {"short": ["Castle towers. Sheep graze."], "long": ["Castle towers. Sheep graze. " * 2000]}
    outcomes: list[str] = []

    async def handle(kind: str) -> None:
        try:
            await pruner.aprune("castle towers", texts[kind])
            outcomes.append("pruned")
        except ClosedError:
            outcomes.append("closed")

    backend.gate.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(handle("short"))
            group.create_task(handle("long"))
        while not backend.waiting.is_set():
            await asyncio.sleep(0.001)
        closing = group.create_task(asyncio.to_thread(pruner.close))
        await asyncio.sleep(0.02)
        backend.gate.set()
    assert closing.done()
    assert len(outcomes) == 60  # none was cancelled and vanished
    assert "closed" in outcomes


async def test_an_overloaded_pruner_says_so(tiny_folder: Path) -> None:
    scorer = partial(SharedScorer, gather_seconds=0.2, max_pending_tokens=64)
    with open_pruner(tiny_folder, scorer) as pruner:
        calls = [pruner.aprune(QUERY, ["paris is a city. " * 10]) for _ in range(8)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert any(isinstance(result, OverloadedError) for result in results)
    assert any(isinstance(result, PruneResult) for result in results)
