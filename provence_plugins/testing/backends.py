"""Backends that run no model, so that tests are quick and know the answer."""

import threading
import time

import numpy as np

from provence_plugins.errors import BackendError
from provence_plugins.model.backend import BatchScores
from provence_plugins.tokens.batches import TokenBatch

# Small, so that a call of many passages becomes several batches, as it does with a model.
_BATCH_TOKENS = 4096

# A test that forgets to open a gate fails after this time instead of hanging.
_PATIENCE_SECONDS = 10.0


class Gated:
    """A backend whose forward passes can be held up at a gate.

    Attributes:
        gate: While it is cleared, forward passes wait.
        waiting: Set once a forward pass has come to the gate.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def pass_gate(self) -> None:
        """Wait until the gate is open.

        Raises:
            BackendError: Nobody opens it, for instance because the thread that should do so is the
                one that waits.
        """
        self.waiting.set()
        if not self.gate.wait(_PATIENCE_SECONDS):
            raise BackendError(f"The gate of this backend stayed closed for {_PATIENCE_SECONDS} seconds.")


class WordBackend(Gated):
    """Keeps the words of the query: a token's probability is 1.0 if the query has it too, else 0.0.

    A sentence's probability is thus the share of its tokens that occur in the query, and a text's
    relevance the share of the query's tokens that occur in it. Other windows of a batch change
    nothing.

    Args:
        seconds: How long each forward pass takes; the interpreter is free meanwhile, as with a real
            model.
    """

    description = "words, no model"
    max_batch_tokens = _BATCH_TOKENS

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds = seconds

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row by the words that its query and its text have in common."""
        self.pass_gate()
        time.sleep(self._seconds)
        relevance = np.zeros(len(batch.ids), dtype=np.float32)
        keep = np.zeros(batch.ids.shape, dtype=np.float32)
        for row, (ids, length) in enumerate(zip(batch.ids, batch.mask.sum(axis=1), strict=True)):
            window = ids[:length]
            # The token that ends a window is also between query and text, in every pair template.
            between = int(np.argmax(window == window[-1]))
            query, text = window[1:between], window[between:]
            keep[row, between:length] = np.isin(text, query)
            relevance[row] = np.isin(np.unique(query), text).mean()
        return BatchScores(relevance, keep)


class FailingBackend:
    """Fails in every forward pass."""

    description = "always fails"
    max_batch_tokens = _BATCH_TOKENS

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Raise a BackendError."""
        raise BackendError(f"This backend always fails; it was given {len(batch.ids)} rows.")


class NumberBackend(Gated):
    """Scores that follow from each token id alone, whatever the padding and other windows.

    Attributes:
        batches: The batches so far, in order.
    """

    description = "whole numbers, no model"
    max_batch_tokens = _BATCH_TOKENS

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[TokenBatch] = []

    @property
    def rows(self) -> int:
        """How many rows all batches had."""
        return sum(len(batch.ids) for batch in self.batches)

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Note the batch, wait for the gate, and score every token by its id."""
        self.batches.append(batch)
        self.pass_gate()
        relevance = (batch.ids[:, 0] % 10 / 10).astype(np.float32)
        return BatchScores(relevance, (batch.ids % 100 / 100).astype(np.float32))
