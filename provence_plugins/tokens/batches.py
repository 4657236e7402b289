"""Batch windows of similar lengths, with padding, under a budget of tokens."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from provence_plugins.errors import InvalidInputError
from provence_plugins.tokens.windows import Window

IntArray = npt.NDArray[np.int64]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Windows as the model takes them: three arrays of shape (rows, length), padded on the right.

    Attributes:
        ids: Token ids; padding holds the tokenizer's pad id.
        mask: 1 where there is a token, 0 on padding.
        type_ids: Token types; 0 on padding.
    """

    ids: IntArray
    mask: IntArray
    type_ids: IntArray


def iter_batches(lengths: Sequence[int], *, max_batch_tokens: int) -> Iterator[list[int]]:
    """Group row numbers, longest rows first, so that padded batches stay within the budget.

    Raises:
        InvalidInputError: A single row is longer than the budget.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    if order and lengths[order[0]] > max_batch_tokens:
        raise InvalidInputError(
            f"A window of {lengths[order[0]]} tokens does not fit into a batch of "
            f"{max_batch_tokens}. Raise max_batch_tokens."
        )
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > max_batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def regroup(flat: Sequence[T], lengths: Iterable[int]) -> list[Sequence[T]]:
    """Cut a flat sequence into consecutive groups of the given lengths."""
    groups = []
    start = 0
    for length in lengths:
        groups.append(flat[start : start + length])
        start += length
    return groups


def padded_length(length: int, *, multiple: int) -> int:
    """Round a length up to a multiple."""
    return -(-length // multiple) * multiple


def pad_windows(windows: Sequence[Window], *, pad_id: int, multiple: int = 1) -> TokenBatch:
    """Lay windows side by side, one a row, padded on the right.

    Args:
        windows: The rows.
        pad_id: The tokenizer's id of padding.
        multiple: Pad to the longest window, rounded up to a multiple of this. Kernels that are
            prepared for every new shape then meet fewer shapes.
    """
    length = padded_length(max((len(window.ids) for window in windows), default=0), multiple=multiple)
    shape = (len(windows), length)
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    type_ids = np.zeros(shape, dtype=np.int64)
    for row, window in enumerate(windows):
        tokens = len(window.ids)
        ids[row, :tokens] = window.ids
        mask[row, :tokens] = 1
        type_ids[row, :tokens] = window.query_type
        type_ids[row, window.text_start : tokens] = window.text_type
    return TokenBatch(ids=ids, mask=mask, type_ids=type_ids)
