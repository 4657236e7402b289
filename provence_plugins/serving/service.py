"""The pruner behind the routes, and how a request gets to it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self, TypeVar

from fastapi import Request

from provence_plugins.engine.options import PrunerOptions
from provence_plugins.engine.pruner import Pruner
from provence_plugins.engine.shared_scorer import SharedScorer
from provence_plugins.serving.admission import Admission, run_while_wanted
from provence_plugins.serving.settings import ServeSettings

T = TypeVar("T")

# Loads what the first call would load, so that the first client need not wait for it.
_WARM_UP = ("What is the capital of France?", ["Paris is the capital of France."])


class Service:
    """One pruner whose batches hold the windows of all requests.

    Args:
        settings: Model and limits.

    Attributes:
        settings: As given.
        pruner: The pruner; its scorer is shared.
        admission: The bounded queue.

    Raises:
        ProvenceError: The model cannot be opened; see `Pruner`.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.admission = Admission(settings.max_requests)
        scorer = partial(
            SharedScorer,
            gather_seconds=settings.gather_seconds,
            max_pending_tokens=settings.max_pending_tokens,
        )
        options: PrunerOptions = {**settings.options, "policy": settings.policy, "scorer": scorer}
        self.pruner = Pruner(settings.model, **options)
        self.pruner.prune(*_WARM_UP)

    @classmethod
    async def open(cls, settings: ServeSettings) -> Self:
        """Load the model in a thread, so that the event loop goes on."""
        return await asyncio.to_thread(cls, settings)

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
            return await run_while_wanted(request, work, seconds=self.settings.timeout_seconds)

    def close(self) -> None:
        """End the threads of the pruner."""
        self.pruner.close()


def service_of(request: Request) -> Service:
    """Return the service of the application that a request came to."""
    service: Service = request.app.state.service
    return service
