"""Prune on a Ray cluster: Ray Data reads groups of lines, and actors with the model prune them.

Groups go out and come back in order, so the output, its record and its resumption are those of a
run on one machine.
"""

import logging
import os
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from provence_plugins import __version__
from provence_plugins.cli.bulk_input import open_input
from provence_plugins.cli.bulk_lines import (
    BulkLine,
    GroupPruner,
    LineGroup,
    group_lines,
    prune_group,
)
from provence_plugins.cli.bulk_record import digest_lines
from provence_plugins.cli.bulk_workers import EngineSettings
from provence_plugins.errors import BackendError, InvalidInputError, ProvenceError, needs_extra
from provence_plugins.installation import count_processors

# Ray reads it when it is imported: nothing is sent.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

with needs_extra("ray"):
    import pyarrow as pa
    import ray
    from ray.data import ActorPoolStrategy, DataContext, Datasource, ReadTask
    from ray.data.block import BlockMetadata
    from ray.exceptions import RayError

_CONNECT_SECONDS = 5.0

# Every block that is larger is sent on, so that each group of lines is a block of its own and goes
# to any actor.
_BLOCK_BYTES = 1

_GROUP, _RESULT = "group", "result"


def require_file(path: str) -> None:
    """Refuse an input that another process cannot read again.

    Raises:
        InvalidInputError: The input is a stream.
    """
    if not os.path.isfile(path):
        raise InvalidInputError(f"{path} is not a regular file. With --ray the input must be one.")


@contextmanager
def open_cluster(
    address: str,
    settings: EngineSettings,
    workers: int | None,
) -> Iterator["RayCluster"]:
    """Connect to a Ray cluster, and leave it afterwards.

    Args:
        address: HOST:PORT, "auto" for the cluster that runs on this machine, or "local" to start
            one on it.
        settings: The model and the policy. Each actor has one thread unless they say otherwise.
        workers: Number of actors; None for as many as the cluster has room for.

    Raises:
        InvalidInputError: There is no cluster at this address.
        ProvenceError: The model cannot be opened.
    """
    threads = settings.model.threads or 1
    own = replace(settings, model=replace(settings.model, threads=threads))
    identity = _identity(own)
    _require_cluster(address)
    # One more for the reader of the input, beside the actors.
    processors = max((workers or 1) * threads, count_processors()) + 1
    started = {"num_cpus": processors, "include_dashboard": False}
    try:
        _connect(address, started if address == "local" else {})
        # What ends the run is raised too, and said in one line.
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        _require_room(own)
        yield RayCluster(own, identity, workers)
    finally:
        ray.shutdown()


class RayCluster:
    """A cluster that this process is connected to."""

    def __init__(self, settings: EngineSettings, identity: str, workers: int | None) -> None:
        self._settings = settings
        self._identity = identity
        self._workers = workers

    def prune_file(self, path: str, *, only_requests: bool) -> GroupPruner:
        """Return a function that prunes the groups of a file, which a task of Ray reads.

        Args:
            path: The input.
            only_requests: As for `open_input`.
        """
        full_path = os.path.abspath(path)

        def prune(groups: Iterator[LineGroup]) -> Iterator[BulkLine]:
            first = next(groups, None)
            if first is None:
                return
            results = self._results(_GroupSource(full_path, first.first, only_requests))
            # The same file is read here once more, for the record of the run.
            for group in chain([first], groups):
                result = next(results, None)
                if result is None or (result.first, result.digest) != (group.first, digest_lines(group.lines)):
                    raise InvalidInputError(f"{path} has changed while it was read. Start over with --overwrite.")
                yield from result.lines

        return prune

    def _results(self, source: "_GroupSource") -> Iterator["_Result"]:
        context = DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        context.target_max_block_size = _BLOCK_BYTES
        model = self._settings.model
        size = {"min_size": 1} if self._workers is None else {"size": self._workers}
        results = ray.data.read_datasource(source, override_num_blocks=1, num_cpus=0).map_batches(
            _GroupActor,
            fn_constructor_args=(self._settings, self._identity),
            batch_size=1,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(**size),
            num_cpus=model.threads,
            num_gpus=_gpus(self._settings),
        )
        try:
            for row in results.iter_rows():
                result = pickle.loads(row[_RESULT])
                if isinstance(result, ProvenceError):
                    raise result
                yield result
        except RayError as error:
            raise BackendError(
                f"Ray failed: {_first_line(error)}. Check the cluster, then continue with --resume."
            ) from error


@dataclass(frozen=True, slots=True)
class _Result:
    """The lines of a group, with what identifies the group."""

    first: int
    digest: str
    lines: list[BulkLine]


class _GroupSource(Datasource):  # type: ignore[misc]  # Ray is not typed
    """Reads the groups of an input, from a certain line on, as rows of one group each."""

    supports_distributed_reads = False  # the file may lie on the machine of the command alone

    def __init__(self, path: str, first: int, only_requests: bool) -> None:
        self._path = path
        self._first = first
        self._only_requests = only_requests

    def estimate_inmemory_data_size(self) -> None:
        """Return None: Ray need not know the size."""

    # Any: types of Ray, whose parameters differ from version to version.
    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
        """Return one task, because reading takes little time compared with pruning."""
        path, first, only_requests = self._path, self._first, self._only_requests
        about = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(lambda: _read_groups(path, first, only_requests), about)]


def _read_groups(path: str, first: int, only_requests: bool) -> Iterator[Any]:
    try:
        with open_input(path, only_requests=only_requests) as lines:
            for group in group_lines(lines):
                if group.first >= first:
                    yield pa.table({_GROUP: [pickle.dumps(group)]})
    except ProvenceError as error:
        yield pa.table({_GROUP: [pickle.dumps(error)]})


class _GroupActor:
    """Prunes groups with one model. Errors are returned, so that Ray does not try again."""

    def __init__(self, settings: EngineSettings, identity: str) -> None:
        self._policy = settings.policy
        self._failure: ProvenceError | None = None
        try:
            if _identity(settings) != identity:
                self._failure = InvalidInputError(
                    f"{socket.gethostname()} has another model or version of this package than the "
                    f"machine of the command. Install the same on every machine of the cluster."
                )
            self._pruner = settings.model.open()
        except ProvenceError as error:
            self._failure = error

    def __call__(self, batch: Any) -> Any:
        """Prune the groups of a table."""
        results = [pickle.dumps(self._prune(pickle.loads(group))) for group in batch.column(_GROUP).to_pylist()]
        return pa.table({_RESULT: results})

    def _prune(self, group: LineGroup | ProvenceError) -> _Result | ProvenceError:
        if isinstance(group, ProvenceError):
            return group
        if self._failure is not None:
            return self._failure
        try:
            lines = list(prune_group(group, self._pruner, self._policy))
        except ProvenceError as error:
            return error
        return _Result(group.first, digest_lines(group.lines), lines)


def _identity(settings: EngineSettings) -> str:
    return f"{__version__} {settings.fingerprint()}"


def _gpus(settings: EngineSettings) -> int:
    return 1 if (settings.model.device or "").startswith("cuda") else 0


def _require_room(settings: EngineSettings) -> None:
    """Refuse a run that would wait forever for a machine that the cluster does not have."""
    threads, gpus = settings.model.threads or 1, _gpus(settings)
    for node in ray.nodes():
        has = node["Resources"]
        if node["Alive"] and has.get("CPU", 0) >= threads and has.get("GPU", 0) >= gpus:
            return
    wanted = f"{threads} processors and a GPU" if gpus else f"{threads} processors"
    raise InvalidInputError(
        f"No machine of the cluster has {wanted} for an actor. Give fewer --threads or another "
        f"--device, or add such a machine."
    )


# Any: options of ray.init.
def _connect(address: str, options: dict[str, Any]) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except ConnectionError as error:
        raise InvalidInputError(_no_cluster(address, _first_line(error))) from error
    except Exception as error:  # Ray raises plain ones when a process of it does not start in time
        raise BackendError(
            f"Ray could not start: {_first_line(error)}. Check that the ports and the memory that Ray needs are free."
        ) from error


def _require_cluster(address: str) -> None:
    """Find out quickly whether anything listens at an address; Ray itself tries for minutes."""
    # Ray reads this variable for "auto".
    named = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    if named in ("auto", "local"):
        return
    host, _, port = named.rpartition(":")
    if not (host and port.isdecimal()) or "/" in host:
        raise InvalidInputError(f"--ray must be HOST:PORT, auto or local; got {named!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise InvalidInputError(_no_cluster(named, _first_line(error))) from error


def _no_cluster(address: str, reason: str) -> str:
    return (
        f"There is no Ray cluster at {address} ({reason}). Start one with 'ray start --head', or "
        f"one for this run with --ray local."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".")
