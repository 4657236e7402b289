"""Prune groups of lines in several processes of this machine, each with a model of its own."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from provence_plugins.cli.bulk_lines import BulkLine, LineGroup, prune_group
from provence_plugins.cli.bulk_record import fingerprint_model
from provence_plugins.cli.options import ModelOptions
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.errors import BackendError, ProvenceError
from provence_plugins.installation import count_processors
from provence_plugins.model.checkpoint import open_checkpoint

# Groups that are read ahead for each worker: at most this many results wait for the group before
# them.
_AHEAD = 3

# How long a worker that was told to end may take before it is killed.
_PATIENCE_SECONDS = 5.0

# A process that is forked would inherit the threads and locks of libraries in an unknown state.
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What another process needs to prune as this one would.

    Attributes:
        model: The model, and how it is run.
        policy: What is kept.
    """

    model: ModelOptions
    policy: PruningPolicy

    def fingerprint(self) -> str:
        """Return a digest of everything in the model that decides its scores.

        Raises:
            CheckpointError: The model cannot be found.
        """
        return fingerprint_model(open_checkpoint(self.model.model, revision=self.model.revision).folder)

    def share(self, number: int, workers: int) -> "EngineSettings":
        """Return the settings of one of several workers on this machine.

        Unless they are given, each worker gets its share of the processors as threads. Several
        devices are dealt out.
        """
        threads = self.model.threads or max(1, count_processors() // workers)
        devices = (self.model.device or "").split(",")
        device = devices[number % len(devices)].strip() or None
        return replace(self, model=replace(self.model, threads=threads, device=device))


@contextmanager
def open_workers(settings: EngineSettings, count: int) -> Iterator["WorkerPool"]:
    """Start worker processes, wait until each has loaded the model, and end them afterwards.

    Raises:
        ProvenceError: A worker could not open the model, or ended.
    """
    workers: list[_Worker] = []
    try:
        with _interrupts_blocked():
            for number in range(count):
                workers.append(_Worker(number + 1, settings.share(number, count)))
        for worker in workers:
            worker.receive()
        yield WorkerPool(workers)
    finally:
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.join()


class WorkerPool:
    """Worker processes that are ready to prune."""

    def __init__(self, workers: Sequence["_Worker"]) -> None:
        self._workers = workers

    def prune_groups(self, groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
        """Prune groups side by side and return their lines in order.

        Raises:
            ProvenceError: A worker failed for a reason that is not in one of the lines, or ended.
        """
        order: deque[int] = deque()
        finished: dict[int, list[BulkLine]] = {}
        while True:
            self._deal_out(groups, order)
            while order and order[0] in finished:
                yield from finished.pop(order.popleft())
                self._deal_out(groups, order)
            if not order:
                return
            for worker in self._wait():
                lines = worker.receive()
                finished[lines[0].number] = lines

    def _deal_out(self, groups: Iterator[LineGroup], order: deque[int]) -> None:
        """Give a group to every worker that has none, while results do not pile up."""
        for worker in self._workers:
            if worker.group is None and len(order) < _AHEAD * len(self._workers):
                group = next(groups, None)
                if group is None:
                    return
                worker.give(group)
                order.append(group.first)

    def _wait(self) -> list["_Worker"]:
        busy = [worker for worker in self._workers if worker.group is not None]
        ready = wait([worker.connection for worker in busy])
        return [worker for worker in busy if worker.connection in ready]


class _Worker:
    """A process that prunes one group at a time, seen from the process that writes the output."""

    def __init__(self, number: int, settings: EngineSettings) -> None:
        self.group: LineGroup | None = None
        self.connection, theirs = _SPAWN.Pipe()
        self._number = number
        self._process: SpawnProcess = _SPAWN.Process(
            target=_work, args=(theirs, settings), name=f"provence-bulk-{number}", daemon=True
        )
        self._process.start()
        # The process has its own copy. The pipe closes when either of the two ends.
        theirs.close()

    def give(self, group: LineGroup) -> None:
        """Send a group to the process."""
        self.group = group
        with suppress(BrokenPipeError):  # the process has ended; `receive` says so
            self.connection.send(group)

    def receive(self) -> list[BulkLine]:
        """Wait for the lines of the group; the first answer only says that the model is loaded.

        Raises:
            ProvenceError: The process failed or ended.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, OSError) as error:
            raise self._death() from error
        if isinstance(answer, ProvenceError):
            raise answer
        self.group = None
        lines: list[BulkLine] = answer
        return lines

    def end(self) -> None:
        """Tell the process to end."""
        self.connection.close()
        self._process.terminate()

    def join(self) -> None:
        """Wait for the end of the process."""
        self._process.join(_PATIENCE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _death(self) -> BackendError:
        self._process.join(_PATIENCE_SECONDS)
        code = self._process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        task = f"pruned lines {self.group.first} to {self.group.last}" if self.group else "loaded the model"
        return BackendError(
            f"Worker {self._number} {how} while it {task}. If the machine ran out of memory, use fewer --workers."
        )


def _work(connection: Connection, settings: EngineSettings) -> None:
    """Load the model and prune the groups that come, until the pipe closes."""
    # Ctrl-C reaches every process of a terminal. The one that writes decides when the others end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        try:
            with settings.model.open() as pruner:
                connection.send([])
                while True:
                    group = connection.recv()
                    connection.send(list(prune_group(group, pruner, settings.policy)))
        except ProvenceError as error:
            connection.send(error)


def _end_with_parent() -> None:
    """End this process when its parent ends, however long its group still takes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, not even while they load Python."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
