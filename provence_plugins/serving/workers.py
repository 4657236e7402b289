"""Several server processes behind one socket: start, replace and end them."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from tempfile import TemporaryDirectory
from types import FrameType

from provence_plugins.engine.options import PrunerOptions
from provence_plugins.errors import ProvenceError
from provence_plugins.installation import count_processors
from provence_plugins.serving.listening import Listener
from provence_plugins.serving.logs import LogFormat, LogLevel, write_logs
from provence_plugins.serving.metrics import FOLDER_VARIABLE, forget_process
from provence_plugins.serving.server import serve_here
from provence_plugins.serving.settings import ServeSettings

logger = logging.getLogger(__name__)

FAILED = 2
"""Exit code of a worker that could not start, which has said why."""

# How often a parent looks whether it was told to end, and how long it waits before a dead worker's
# place is filled.
_LOOK_SECONDS = 0.2
_RESTART_SECONDS = 1.0

# A worker that was told to end gets so much longer than its requests before it is killed.
_GRACE_SECONDS = 5

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker process gets.

    Attributes:
        settings: Model and limits.
        listener: As for a single process.
        log_format: How it logs.
        log_level: What it logs.
    """

    settings: ServeSettings
    listener: Listener
    log_format: LogFormat
    log_level: LogLevel


def serve_with_workers(job: Job, listening: socket.socket) -> int:
    """Serve with several processes until SIGTERM or SIGINT.

    Returns:
        The exit code: 0, or `FAILED` if a worker could not start.

    Raises:
        KeyboardInterrupt: SIGINT ended the server.
    """
    with TemporaryDirectory(prefix="provence-metrics-") as folder, _stop_signals() as stop:
        os.environ[FOLDER_VARIABLE] = folder
        workers = [_Worker(job, number, listening) for number in range(job.listener.workers)]
        try:
            failed = _watch(workers, stop)
        finally:
            _end(workers, job.listener.shutdown_seconds + _GRACE_SECONDS)
            del os.environ[FOLDER_VARIABLE]
        if stop.signal == signal.SIGINT:
            raise KeyboardInterrupt
        return FAILED if failed else 0


def settings_of_worker(settings: ServeSettings, number: int, workers: int) -> ServeSettings:
    """Return the settings of one of several workers: its device, or share of the processors.

    Args:
        settings: The settings of the server; `device` may name several, separated by commas.
        number: Number of the worker, from 0 on.
        workers: How many there are.
    """
    options: PrunerOptions = {**settings.options}
    devices = (options.get("device") or "").split(",")
    if len(devices) > 1:
        options["device"] = devices[number % len(devices)].strip()
    if options.get("threads") is None:
        options["threads"] = max(1, count_processors() // workers)
    return replace(settings, options=options)


class _Stop:
    """The signal that told the parent to end; None as long as there was none."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    earlier = {number: signal.signal(number, stop.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


class _Worker:
    """A place for a worker process; a new process takes it when the old one dies."""

    def __init__(self, job: Job, number: int, listening: socket.socket) -> None:
        self._job = job
        self._number = number
        self._listening = listening
        self.start()

    def start(self) -> None:
        self.ready: Event = _SPAWN.Event()
        arguments = (self._job, self._number, self._listening, self.ready)
        self.process: SpawnProcess = _SPAWN.Process(target=_work, args=arguments, name=f"provence-{self._number}")
        self.process.start()

    def restart(self) -> None:
        logger.warning("worker %d died with exit code %s; starting another", self._number, self.process.exitcode)
        forget_process(self.process.pid)
        self.start()


def _watch(workers: list[_Worker], stop: _Stop) -> bool:
    """Replace workers that die, until a signal comes. Return whether one could not start."""
    pause = threading.Event()
    while stop.signal is None:
        wait([worker.process.sentinel for worker in workers], timeout=_LOOK_SECONDS)
        for worker in workers:
            if worker.process.is_alive() or stop.signal is not None:
                continue
            if not worker.ready.is_set():
                return True
            pause.wait(_RESTART_SECONDS)
            worker.restart()
    return False


def _end(workers: list[_Worker], seconds: float) -> None:
    for worker in workers:
        worker.process.terminate()
    for worker in workers:
        worker.process.join(seconds)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _work(job: Job, number: int, listening: socket.socket, ready: Event) -> None:
    """Run one worker process."""
    write_logs(job.log_format, job.log_level)
    _follow_parent()
    settings = settings_of_worker(job.settings, number, job.listener.workers)
    try:
        serve_here(settings, job.listener, listening, when_ready=ready.set)
    except KeyboardInterrupt:
        pass
    except ProvenceError as error:
        logger.error("worker %d: %s", number, error)
        sys.exit(FAILED)


def _follow_parent() -> None:
    """End this process when its parent has died without telling it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.join,), name="provence-parent", daemon=True).start()


def _end_after(wait_for_parent: Callable[[], None]) -> None:
    wait_for_parent()
    signal.raise_signal(signal.SIGTERM)
