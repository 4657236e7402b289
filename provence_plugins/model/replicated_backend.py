"""One model on several devices: each copy scores a share of the rows of a batch."""

from collections.abc import Sequence

import numpy as np

from provence_plugins.model.backend import Backend, BatchScores
from provence_plugins.threads import map_in_threads
from provence_plugins.tokens.batches import TokenBatch


class ReplicatedBackend:
    """Copies of a model that each score a share of a batch at the same time.

    Args:
        replicas: The copies, ideally of equal speed.
    """

    def __init__(self, replicas: Sequence[Backend]) -> None:
        self._replicas = tuple(replicas)

    @property
    def description(self) -> str:
        """Backend, device and precision of each copy."""
        return " + ".join(replica.description for replica in self._replicas)

    @property
    def max_batch_tokens(self) -> int:
        """Number of tokens, padding included, that keeps all copies busy."""
        return sum(replica.max_batch_tokens for replica in self._replicas)

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row; neighbouring rows stay together, because their lengths are similar.

        Raises:
            BackendError: A copy failed.
        """
        split = np.array_split(np.arange(len(batch.ids)), len(self._replicas))
        parts = [rows for rows in split if len(rows)]
        # The last replicas get nothing of a batch with fewer rows than there are replicas.
        shares = [(replica, _rows(batch, part)) for replica, part in zip(self._replicas, parts, strict=False)]
        scores = map_in_threads(
            lambda share: share[0].forward(share[1]), shares, threads=len(shares), name="provence-replica"
        )
        keep = np.zeros(batch.ids.shape, dtype=np.float32)
        for part, score in zip(parts, scores, strict=True):
            keep[part, : score.keep.shape[1]] = score.keep
        relevance = np.concatenate([np.zeros(0, dtype=np.float32), *(score.relevance for score in scores)])
        return BatchScores(relevance, keep)


def _rows(batch: TokenBatch, rows: np.ndarray) -> TokenBatch:
    """Return some rows of a batch, without padding that none of them needs."""
    length = int(batch.mask[rows].sum(1).max())
    return TokenBatch(batch.ids[rows, :length], batch.mask[rows, :length], batch.type_ids[rows, :length])
