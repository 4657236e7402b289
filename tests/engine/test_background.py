import asyncio
import threading

import pytest

from provence_plugins.engine.background import Background
from provence_plugins.errors import ClosedError


async def test_short_work_does_not_wait_for_long_work() -> None:
    background = Background()
    gate = threading.Event()
    long = [asyncio.create_task(background.run(1_000_000, lambda: gate.wait(10))) for _ in range(20)]
    await asyncio.sleep(0)  # all of them are handed over
    assert await background.run(10, lambda: "short") == "short"
    assert not any(task.done() for task in long)
    gate.set()
    assert await asyncio.gather(*long) == [True] * 20
    background.close()


async def test_work_runs_in_threads_of_its_own() -> None:
    background = Background()
    names = [await background.run(size, lambda: threading.current_thread().name) for size in (10, 1_000_000)]
    assert [name.rsplit("-", 1)[0] for name in names] == ["provence-plan-short", "provence-plan-long"]
    background.close()


async def test_closing_gives_waiting_work_a_closed_error_and_cancels_none() -> None:
    background = Background()
    gate, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        gate.wait(10)

    tasks = [asyncio.create_task(background.run(1_000_000, hold)) for _ in range(5)]
    while not begun.is_set():
        await asyncio.sleep(0.001)
    closing = asyncio.create_task(asyncio.to_thread(background.close))
    outcomes = asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)
    gate.set()
    await closing
    assert [type(outcome) for outcome in await outcomes] == [type(None)] + [ClosedError] * 4
    with pytest.raises(ClosedError):
        await background.run(10, hold)
