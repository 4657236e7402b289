"""Worker threads that survive a crash, a fork and the end of the main thread.

`concurrent.futures.ThreadPoolExecutor` does none of that: it refuses work once the main thread has
ended, a forked child waits forever for threads that only its parent has, and closing it cancels
futures that nobody cancelled.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Protocol, TypeVar
from weakref import finalize

from provence_plugins.errors import BackendError, ClosedError
from provence_plugins.forks import renew_in_child

T = TypeVar("T")
ResultT = TypeVar("ResultT")


class Job(Protocol):
    """A piece of work for one worker thread."""

    def run(self) -> None:
        """Do the work, and hand the result or the error to whoever waits for it."""
        ...

    def fail(self, error: BaseException) -> None:
        """Hand an error to the caller that waits."""
        ...


class Backlog(Protocol):
    """Work that waits. `Workers` let only one thread at a time call it."""

    def seconds_until_ready(self) -> float | None:
        """Return how long to wait before taking the next job, 0 for not at all; None if none waits."""
        ...

    def take(self) -> Job | None:
        """Remove and return the next job; None if all that waited was cancelled."""
        ...

    def clear(self) -> Sequence[Job]:
        """Remove and return everything that waits."""
        ...


class Workers:
    """Daemon threads that work off a backlog.

    Threads start with the first jobs. A job that kills its thread fails, and another thread takes
    over. A forked child begins with an empty backlog and no threads.

    The threads know this object and not its owner, so that a forgotten owner can be collected. The
    owner closes the workers with `weakref.finalize`.

    Args:
        backlog: The work.
        name: Name of the threads.
        threads: Maximum number of threads.
    """

    def __init__(self, backlog: Backlog, *, name: str, threads: int = 1) -> None:
        self._backlog = backlog
        self._name = name
        self._limit = threads
        self._closed = False
        self._changed = threading.Condition()
        self._threads: set[threading.Thread] = set()
        renew_in_child(self)

    def renew(self) -> None:
        """Begin with an empty backlog and no threads."""
        self._changed = threading.Condition()
        self._threads = set()
        self._backlog.clear()

    def add(self, put: Callable[[], None]) -> None:
        """Have `put` put a job into the backlog, and see that a thread works on it.

        Raises:
            ClosedError: The workers were closed.
        """
        with self._changed:
            if self._closed:
                raise ClosedError
            self._start_thread()
            put()
            self._changed.notify()

    def close(self, *, wait: bool = True) -> None:
        """Let running jobs end, fail waiting ones with ClosedError, and end the threads."""
        with self._changed:
            self._closed = True
            waiting = self._backlog.clear()
            threads = self._threads - {threading.current_thread()}
            self._changed.notify_all()
        for job in waiting:
            job.fail(ClosedError())
        if wait:
            for thread in threads:
                thread.join()

    def _start_thread(self) -> None:
        if len(self._threads) == self._limit:
            return
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            raise BackendError(
                f"No worker thread could be started: {error}. Close other pruners, or raise the limit of threads."
            ) from error
        self._threads.add(thread)

    def _work(self) -> None:
        try:
            while (job := self._wait_for_job()) is not None:
                try:
                    job.run()
                except BaseException as error:  # ends this thread, and Python reports it
                    job.fail(error)
                    raise
                # Otherwise the last result would live until the next job comes.
                del job
        finally:
            with self._changed:
                self._threads.discard(threading.current_thread())
                if not self._closed and self._backlog.seconds_until_ready() is not None:
                    self._start_thread()

    def _wait_for_job(self) -> Job | None:
        """Return the next job; None once the workers are closed."""
        with self._changed:
            while not self._closed:
                seconds = self._backlog.seconds_until_ready()
                if seconds is None or seconds > 0:
                    self._changed.wait(seconds)
                elif (job := self._take()) is not None:
                    return job
            return None

    def _take(self) -> Job | None:
        try:
            return self._backlog.take()
        except BaseException as error:  # ends this thread, and Python reports it
            for job in self._backlog.clear():
                job.fail(error)
            raise


class TaskPool:
    """Runs functions in worker threads, first come, first served.

    Args:
        name: Name of the threads.
        threads: Maximum number of threads.
    """

    def __init__(self, *, name: str, threads: int) -> None:
        self._tasks = _Tasks()
        self._workers = Workers(self._tasks, name=name, threads=threads)
        finalize(self, self._workers.close, wait=False)

    def submit(self, function: Callable[[], ResultT]) -> "Future[ResultT]":
        """Run a function in one of the threads.

        Raises:
            ClosedError: The pool was closed.
        """
        future: Future[ResultT] = Future()
        self._workers.add(lambda: self._tasks.append(_Task(function, future)))
        return future

    def close(self) -> None:
        """Let running functions end, fail waiting ones with ClosedError, and end the threads."""
        self._workers.close()


class _Tasks(deque["_Task"]):
    """Tasks that wait, in order of arrival."""

    def seconds_until_ready(self) -> float | None:
        return 0.0 if self else None

    def take(self) -> "_Task":
        return self.popleft()

    def clear(self) -> "list[_Task]":  # type: ignore[override]
        waiting = list(self)
        super().clear()
        return waiting


class _Task:
    """A function to run, and the future of its result."""

    # Any: each task has a result type of its own.
    def __init__(self, function: Callable[[], Any], future: "Future[Any]") -> None:
        self._function = function
        self._future = future

    def run(self) -> None:
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            result = self._function()
        except BaseException as error:  # it belongs to the caller, SystemExit and KeyboardInterrupt too
            self._future.set_exception(_for_a_future(error))
            # The traceback holds this frame: without `self` in it there is no cycle that keeps the
            # error.
            del self
        else:
            self._future.set_result(result)

    def fail(self, error: BaseException) -> None:
        settle(self._future, error=error)


def settle(
    future: "Future[ResultT]",
    result: ResultT | None = None,
    *,
    error: BaseException | None = None,
) -> None:
    """Give a future its result or its error, unless it was cancelled or has one already."""
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]  # None is a result too
        else:
            future.set_exception(_for_a_future(error))


def _for_a_future(error: BaseException) -> BaseException:
    """Return an error that every future takes.

    A future of asyncio refuses StopIteration, so that its task would wait forever. As in a
    generator (PEP 479), such an error becomes a RuntimeError.
    """
    if not isinstance(error, StopIteration):
        return error
    stand_in = RuntimeError("A splitter, backend or other function of the caller raised StopIteration.")
    stand_in.__cause__ = error
    return stand_in


def map_in_threads(
    function: Callable[[T], ResultT],
    items: Sequence[T],
    *,
    threads: int,
    name: str,
) -> list[ResultT]:
    """Apply a function to every item, several at a time, and return the results in order.

    The caller's thread works too; the others end with the call.

    Raises:
        BaseException: The first error of the function, whatever its type. Items that wait by then
            are skipped.
    """
    waiting = deque(enumerate(items))
    results: dict[int, ResultT] = {}
    errors: list[BaseException] = []

    def work() -> None:
        while waiting:
            try:
                number, item = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                results[number] = function(item)
            except BaseException as error:  # raised again below, in the caller's thread
                errors.append(error)
                waiting.clear()

    helpers = [
        threading.Thread(target=work, name=f"{name}-{number}", daemon=True)
        for number in range(min(threads, len(items)) - 1)
    ]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return [results[number] for number in range(len(items))]
