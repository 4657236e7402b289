import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from provence_plugins.errors import BackendError, ClosedError
from provence_plugins.threads import TaskPool, Workers, map_in_threads, settle


class Crash(BaseException):
    """Not an `Exception`, like a panic of a Rust extension."""


class Chores:
    """A backlog of functions; a failed one leaves its error behind."""

    def __init__(self) -> None:
        self.waiting: list[Chore] = []

    def seconds_until_ready(self) -> float | None:
        return 0.0 if self.waiting else None

    def take(self) -> "Chore":
        return self.waiting.pop(0)

    def clear(self) -> list["Chore"]:
        waiting, self.waiting = self.waiting, []
        return waiting


class Chore:
    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.outcome: Future[object] = Future()

    def run(self) -> None:
        self.outcome.set_result(self.function())

    def fail(self, error: BaseException) -> None:
        settle(self.outcome, error=error)


def crash() -> None:
    raise Crash


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """What Python would print of threads that ended with an exception."""
    errors: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_type))
    return errors


def test_a_job_that_kills_its_thread_fails_and_the_jobs_behind_it_are_done(
    reported: list[type[BaseException]],
) -> None:
    backlog = Chores()
    workers = Workers(backlog, name="chores")
    gate = threading.Event()
    chores = [Chore(gate.wait), Chore(crash), Chore(threading.get_ident)]
    for chore in chores:
        workers.add(lambda chore=chore: backlog.waiting.append(chore))
    gate.set()
    with pytest.raises(Crash):
        chores[1].outcome.result(10)
    assert chores[2].outcome.result(10)
    later = Chore(threading.get_ident)
    workers.add(lambda: backlog.waiting.append(later))
    assert later.outcome.result(10)
    workers.close()
    assert reported == [Crash]


def test_a_backlog_that_cannot_give_its_next_job_fails_all_of_them(reported: list[type[BaseException]]) -> None:
    class Broken(Chores):
        def take(self) -> Chore:
            raise ValueError("broken")

    backlog = Broken()
    workers = Workers(backlog, name="chores")
    chore = Chore(threading.get_ident)
    workers.add(lambda: backlog.waiting.append(chore))
    with pytest.raises(ValueError, match="broken"):
        chore.outcome.result(10)
    workers.close()
    assert reported == [ValueError]


def test_a_pool_runs_functions_in_its_own_threads() -> None:
    pool = TaskPool(name="pool", threads=2)
    names = {pool.submit(lambda: threading.current_thread().name).result(10) for _ in range(50)}
    assert names <= {"pool-0", "pool-1"}
    pool.close()


def test_two_tasks_of_a_pool_of_two_run_at_once() -> None:
    pool = TaskPool(name="pool", threads=2)
    both = threading.Barrier(2, timeout=10)
    futures = [pool.submit(both.wait) for _ in range(2)]
    assert {future.result(10) for future in futures} == {0, 1}
    pool.close()


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, Crash])
def test_the_error_of_a_task_reaches_its_caller_and_the_thread_goes_on(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    pool = TaskPool(name="pool", threads=1)
    with pytest.raises(error):
        pool.submit(fail).result(10)
    assert pool.submit(lambda: 3).result(10) == 3
    pool.close()


def test_closing_a_pool_gives_waiting_tasks_a_closed_error_and_lets_the_running_one_end() -> None:
    pool = TaskPool(name="pool", threads=1)
    begun, gate = threading.Event(), threading.Event()

    def run() -> str:
        begun.set()
        gate.wait(10)
        return "done"

    running, waiting = pool.submit(run), pool.submit(run)
    assert begun.wait(10)
    threading.Timer(0.05, gate.set).start()
    pool.close()
    assert running.result(0) == "done"
    with pytest.raises(ClosedError):
        waiting.result(0)
    with pytest.raises(ClosedError):
        pool.submit(run)


def test_a_cancelled_task_is_not_run() -> None:
    pool = TaskPool(name="pool", threads=1)
    gate = threading.Event()
    pool.submit(lambda: gate.wait(10))
    ran: list[int] = []
    cancelled = pool.submit(lambda: ran.append(1))
    assert cancelled.cancel()
    gate.set()
    pool.submit(lambda: None).result(10)
    assert not ran
    pool.close()


def test_a_forgotten_pool_ends_its_threads() -> None:
    pool = TaskPool(name="pool", threads=1)
    thread = pool.submit(threading.current_thread).result(10)
    del pool
    thread.join(10)
    assert not thread.is_alive()


def test_settling_a_future_twice_keeps_the_first_outcome() -> None:
    future: Future[int] = Future()
    settle(future, 1)
    settle(future, error=BackendError("late"))
    assert future.result(0) == 1
    cancelled: Future[int] = Future()
    cancelled.cancel()
    settle(cancelled, 1)
    assert cancelled.cancelled()


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_map_in_threads_keeps_the_order(threads: int) -> None:
    assert map_in_threads(lambda number: number**2, range(20), threads=threads, name="map") == [
        number**2 for number in range(20)
    ]


def test_a_map_in_threads_of_nothing_is_nothing() -> None:
    assert map_in_threads(str, [], threads=4, name="map") == []


@pytest.mark.parametrize("error", [ValueError, Crash, KeyboardInterrupt])
def test_a_map_in_threads_raises_the_first_error_and_skips_the_rest(error: type[BaseException]) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise error
        done.append(number)

    with pytest.raises(error):
        map_in_threads(work, range(10_000), threads=1, name="map")
    assert done == [0, 1, 2]
    with pytest.raises(error):
        map_in_threads(work, range(4), threads=4, name="map")


def test_a_task_that_nobody_waits_for_any_more_disturbs_no_event_loop() -> None:
    pool = TaskPool(name="pool", threads=1)

    async def leave() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(pool.submit(lambda: time.sleep(0.05))), 0.001)

    asyncio.run(leave())
    assert pool.submit(lambda: 3).result(10) == 3
    pool.close()


MAIN_ENDS_FIRST = """
import asyncio, threading
from provence_plugins import DirectScorer, Pruner, SharedScorer

def work():
    threading.main_thread().join()
    for scorer in (DirectScorer, SharedScorer):
        with Pruner(threads=2, scorer=scorer) as pruner:
            texts = ["Paris is old. Sheep graze."] * 2 + ["The city of Paris is the capital."] * 2
            print(len(pruner.prune("Where is Paris?", texts).passages))
            print(len(asyncio.run(pruner.aprune("Where is Paris?", texts)).passages))

threading.Thread(target=work).start()
"""


def test_a_thread_that_outlives_the_main_thread_can_prune() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN_ENDS_FIRST], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [int(line) > 0 for line in done.stdout.split()] == [True] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_pool_works_in_a_forked_child() -> None:
    code = """
import os, signal, threading, sys
from provence_plugins.threads import TaskPool
pool = TaskPool(name="pool", threads=1)
gate = threading.Event()
pool.submit(lambda: gate.wait(30))
# In one go, unlike print: two threads of one process write.
pool.submit(lambda: os.write(1, b"never in the child\\n"))
child = os.fork()
signal.alarm(10)
os.write(1, b"%r\\n" % (pool.submit(lambda: 3).result(10) if child == 0 else gate.set(),))
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["3", "None", "never in the child"]
