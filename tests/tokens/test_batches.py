import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError
from provence_plugins.tokens.batches import iter_batches, pad_windows
from provence_plugins.tokens.windows import Window

lengths_and_budget = st.lists(st.integers(1, 64), max_size=60).flatmap(
    lambda lengths: st.tuples(st.just(lengths), st.integers(max(lengths, default=1), 400))
)


@given(lengths_and_budget)
def test_batches_hold_every_row_once(case: tuple[list[int], int]) -> None:
    lengths, budget = case
    rows = [row for batch in iter_batches(lengths, max_batch_tokens=budget) for row in batch]
    assert sorted(rows) == list(range(len(lengths)))


@given(lengths_and_budget)
def test_batches_stay_within_the_budget_with_padding_counted(case: tuple[list[int], int]) -> None:
    lengths, budget = case
    for batch in iter_batches(lengths, max_batch_tokens=budget):
        assert len(batch) * max(lengths[row] for row in batch) <= budget


@given(lengths_and_budget)
def test_rows_come_longest_first(case: tuple[list[int], int]) -> None:
    lengths, budget = case
    order = [lengths[row] for batch in iter_batches(lengths, max_batch_tokens=budget) for row in batch]
    assert order == sorted(lengths, reverse=True)


def test_rows_of_equal_length_keep_their_order() -> None:
    assert list(iter_batches([5, 5, 5], max_batch_tokens=100)) == [[0, 1, 2]]


def test_no_rows_make_no_batches() -> None:
    assert list(iter_batches([], max_batch_tokens=10)) == []


def test_a_row_longer_than_the_budget_is_refused_with_the_sizes() -> None:
    with pytest.raises(InvalidInputError, match=r"11 tokens does not fit into a batch of 10"):
        list(iter_batches([3, 11], max_batch_tokens=10))


def test_windows_are_padded_on_the_right_with_the_pad_id() -> None:
    windows = [Window([4, 5, 6, 7], 2, 0, 1, ()), Window([8, 9], 1, 2, 3, ())]
    batch = pad_windows(windows, pad_id=99)
    np.testing.assert_array_equal(batch.ids, [[4, 5, 6, 7], [8, 9, 99, 99]])
    np.testing.assert_array_equal(batch.mask, [[1, 1, 1, 1], [1, 1, 0, 0]])
    np.testing.assert_array_equal(batch.type_ids, [[0, 0, 1, 1], [2, 3, 0, 0]])


def test_windows_are_padded_to_a_multiple_where_one_is_given() -> None:
    windows = [Window([4, 5, 6, 7, 8], 2, 0, 1, ()), Window([8, 9], 1, 2, 3, ())]
    assert pad_windows(windows, pad_id=0, multiple=4).ids.shape == (2, 8)
    assert pad_windows(windows, pad_id=0, multiple=5).ids.shape == (2, 5)


def test_padded_arrays_are_whole_numbers_of_64_bits() -> None:
    batch = pad_windows([Window([4], 1, 0, 0, ())], pad_id=0)
    assert {array.dtype for array in (batch.ids, batch.mask, batch.type_ids)} == {np.dtype(np.int64)}


def test_no_windows_make_an_empty_batch() -> None:
    assert pad_windows([], pad_id=0).ids.shape == (0, 0)
