"""The pruner behind the routes, and how a request gets to it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from fastapi import Request

from provence_plugins.engine.options import PrunerOptions
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.scoring import BatchedModel
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.serving.admission import Admission, run_while_wanted
from provence_plugins.serving.metrics import MeteredBackend, Metrics
from provence_plugins.serving.settings import ServeSettings

T = TypeVar("T")

# Loads what the first call would load, so that the first client need not wait for it.
_WARM_UP = ("What is the capital of France?", ["Paris is the capital of France."])


class Service:
    """One pruner whose batches hold the windows of all requests.

    Args:
        settings: Model and limits.
        metrics: Where its work is counted; None for new ones.

    Attributes:
        settings: As given.
        metrics: The metrics of this server.
        admission: The bounded queue.
        pruner: The pruner; its scorer is shared.
        is_open: Whether requests are taken.

    Raises:
        ProvenceError: The model cannot be opened; see `Pruner`.
    """

    def __init__(self, settings: ServeSettings, metrics: Metrics | None = None) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics()
        self.admission = Admission(settings.max_requests)
        self._scorer: SharedScorer | None = None
        options: PrunerOptions = {**settings.options, "policy": settings.policy, "scorer": self._make_scorer}
        self.pruner = Pruner(settings.model, **options)
        self.pruner.prune(*_WARM_UP)
        self.is_open = True

    def _make_scorer(self, model: BatchedModel) -> SharedScorer:
        self._scorer = SharedScorer(
            replace(model, backend=MeteredBackend(model.backend, self.metrics, self._note_waiting)),
            gather_seconds=self.settings.gather_seconds,
            max_pending_tokens=self.settings.max_pending_tokens,
        )
        return self._scorer

    @classmethod
    async def open(cls, settings: ServeSettings, metrics: Metrics) -> Self:
        """Load the model in a thread, so that the event loop continues."""
        return await asyncio.to_thread(cls, settings, metrics)

    @property
    def model_name(self) -> str:
        """The model as clients see it: a repo id, or the name of a folder without its path."""
        model = self.settings.model
        if model is None:
            return "bundled"
        return Path(model).resolve().name if Path(model).is_dir() else str(model)

    async def run(self, request: Request, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work of a request, if there is room for it and as long as its client waits.

        Args:
            request: The request, whose body has been read.
            work: Starts the work.

        Raises:
            OverloadedError: Too many requests run or wait already.
            HTTPException: The work takes too long, or the client has left.
        """
        with self.admission.admit():
            self._note_queue()
            try:
                return await run_while_wanted(request, work, seconds=self.settings.timeout_seconds)
            finally:
                self._note_queue(ended=1)

    def close(self) -> None:
        """End the threads of the pruner."""
        self.is_open = False
        self.pruner.close()

    def render_metrics(self) -> bytes:
        """Return the metrics in the text format of Prometheus, with the queue as it is now."""
        self._note_queue()
        return self.metrics.render()

    def _note_queue(self, *, ended: int = 0) -> None:
        self.metrics.running.set(self.admission.requests - ended)
        self._note_waiting()

    def _note_waiting(self) -> None:
        if self._scorer is not None:
            self.metrics.waiting_tokens.set(self._scorer.waiting_tokens)


def service_of(request: Request) -> Service:
    """Return the service of the application that a request came to."""
    service: Service = request.app.state.service
    return service
