"""A backend that fails now and then, for the runs that look for lost and broken calls."""

from random import Random

from provence_plugins.errors import BackendError
from provence_plugins.model.backend import Backend, BatchScores
from provence_plugins.tokens.batches import TokenBatch


class FaultyBackend:
    """A backend that fails now and then.

    Args:
        inner: The backend that runs the model.
        random: Chooses the batches that fail.
        failing_share: Share of the batches that fail.

    Attributes:
        is_armed: While it is False, no batch fails.
    """

    def __init__(self, inner: Backend, random: Random, failing_share: float) -> None:
        self.description = inner.description
        self.max_batch_tokens = inner.max_batch_tokens
        self.is_armed = True
        self._inner = inner
        self._random = random
        self._failing_share = failing_share

    def forward(self, batch: TokenBatch) -> BatchScores:
        if self.is_armed and self._random.random() < self._failing_share:
            raise BackendError("This batch fails on purpose.")
        return self._inner.forward(batch)
