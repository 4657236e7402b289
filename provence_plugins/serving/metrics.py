"""What a server measures of itself, for Prometheus."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from provence_plugins.engine.results import PruneStats
from provence_plugins.model.backend import Backend, BatchScores
from provence_plugins.tokens.batches import TokenBatch

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where the processes of one server share their metrics; read by
prometheus_client."""

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128)
_TOKENS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)


class Metrics:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "provence_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "provence_request_seconds",
            "Time from the headers of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.running = Gauge(
            "provence_requests_running",
            "Requests that run or wait for the model.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.waiting_tokens = Gauge(
            "provence_waiting_tokens",
            "Tokens that wait for the model.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.tokens_in = Counter("provence_tokens_in", "Tokens of all passages.", registry=registry)
        self.tokens_out = Counter("provence_tokens_out", "Tokens that were kept.", registry=registry)
        self.passages_kept = Counter("provence_passages_kept", "Passages that were kept.", registry=registry)
        self.passages_dropped = Counter("provence_passages_dropped", "Passages that were dropped.", registry=registry)
        self.batch_windows = Histogram(
            "provence_batch_windows", "Windows of a batch.", buckets=_WINDOWS, registry=registry
        )
        self.batch_tokens = Histogram("provence_batch_tokens", "Tokens of a batch.", buckets=_TOKENS, registry=registry)
        self.batch_seconds = Histogram(
            "provence_batch_seconds", "Time of the model for a batch.", buckets=_SECONDS, registry=registry
        )

    def count_result(self, stats: PruneStats) -> None:
        """Count what a request has saved."""
        self.tokens_in.inc(stats.tokens_before)
        self.tokens_out.inc(stats.tokens_after)
        self.passages_kept.inc(stats.passages_kept)
        self.passages_dropped.inc(stats.passages_dropped)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus, of all processes of a folder."""
        registry = self._registry
        if FOLDER_VARIABLE in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@dataclass(frozen=True, slots=True)
class MeteredBackend:
    """A backend that counts what another one runs.

    Attributes:
        backend: The other one.
        metrics: Where it is counted.
        note_waiting: Called before each batch, which has just left the tokens that wait. The processes
            of a server render the metrics of each other, so each keeps its own up to date.
        now: A clock in seconds.
    """

    backend: Backend
    metrics: Metrics
    note_waiting: Callable[[], None]
    now: Callable[[], float] = perf_counter

    @property
    def description(self) -> str:
        return self.backend.description

    @property
    def max_batch_tokens(self) -> int:
        return self.backend.max_batch_tokens

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row, and count the batch.

        Raises:
            BackendError: The model could not be run.
        """
        self.note_waiting()
        began = self.now()
        scores = self.backend.forward(batch)
        self.metrics.batch_seconds.observe(self.now() - began)
        self.metrics.batch_windows.observe(len(batch.ids))
        self.metrics.batch_tokens.observe(int(batch.mask.sum()))
        return scores


def forget_process(pid: int | None) -> None:
    """Remove the gauges of a process that has died from the metrics."""
    if pid is not None:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
