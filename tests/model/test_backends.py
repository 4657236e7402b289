"""What every backend must do, run with each of them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from provence_plugins.errors import BackendError, InvalidInputError
from provence_plugins.model.backend import Backend, BackendOptions, BatchScores, check_scores, load_backend
from provence_plugins.model.backends import BACKENDS
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.tokens.batches import TokenBatch, pad_windows
from provence_plugins.tokens.windows import plan_head, plan_windows

PAIRS = [
    ("where is paris", "Paris is a city in France."),
    ("what is the capital", "The capital of France is the city of Paris. It lies on a river."),
    ("who", "Cheese"),
    ("how", "What is in the river is in the city, 42 of 57!"),
]

# How far a row's scores may move with its company. Float sums may be taken in another order; int8, which would scale
# activations by the largest of all rows, must not see the other rows at all.
TOLERANCES = {"torch": 1e-5, "onnx-float32": 1e-5, "onnx-int8": 0.0}


def batch_of(checkpoint: Checkpoint, pairs: list[tuple[str, str]]) -> TokenBatch:
    template = checkpoint.encoder.template
    windows = []
    for query, text in pairs:
        query_ids, text_ids = checkpoint.encoder.encode([query, text])
        windows += plan_windows(plan_head(query_ids, [], template, max_tokens=64), [text_ids], template)
    return pad_windows(windows, pad_id=template.pad_id)


@pytest.fixture(scope="module")
def batch(tiny_checkpoint: Checkpoint) -> TokenBatch:
    return batch_of(tiny_checkpoint, PAIRS)


@pytest.fixture(scope="module", params=list(TOLERANCES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def backend(tiny_checkpoint: Checkpoint, name: str) -> Backend:
    runtime, _, dtype = name.partition("-")
    return load_backend(tiny_checkpoint, runtime, BackendOptions(dtype=dtype or None))


def assert_close(left: BatchScores, right: BatchScores, mask: np.ndarray, tolerance: float) -> None:
    np.testing.assert_allclose(left.relevance, right.relevance, atol=tolerance, rtol=0)
    np.testing.assert_allclose(left.keep[mask == 1], right.keep[mask == 1], atol=tolerance, rtol=0)


def rows_of(batch: TokenBatch, rows: list[int], length: int | None = None) -> TokenBatch:
    return TokenBatch(batch.ids[rows, :length], batch.mask[rows, :length], batch.type_ids[rows, :length])


def test_scores_have_the_shapes_and_type_of_the_contract(backend: Backend, batch: TokenBatch) -> None:
    scores = backend.forward(batch)
    assert (scores.relevance.shape, scores.keep.shape) == ((len(PAIRS),), batch.ids.shape)
    assert (scores.relevance.dtype, scores.keep.dtype) == (np.float32, np.float32)


def test_scores_are_probabilities_that_differ_from_each_other(backend: Backend, batch: TokenBatch) -> None:
    scores = backend.forward(batch)
    for values in (scores.relevance, scores.keep[batch.mask == 1]):
        assert values.min() >= 0
        assert values.max() <= 1
        assert values.std() > 0.05  # otherwise the comparisons of this file would mean nothing


def test_scores_do_not_depend_on_the_other_rows(backend: Backend, batch: TokenBatch, name: str) -> None:
    together = backend.forward(batch)
    for row in range(len(PAIRS)):
        alone = backend.forward(rows_of(batch, [row]))
        picked = BatchScores(together.relevance[[row]], together.keep[[row]])
        assert_close(alone, picked, batch.mask[[row]], TOLERANCES[name])


def test_scores_do_not_depend_on_the_order_of_rows(backend: Backend, batch: TokenBatch, name: str) -> None:
    order = [2, 0, 3, 1]
    scores = backend.forward(batch)
    assert_close(
        backend.forward(rows_of(batch, order)),
        BatchScores(scores.relevance[order], scores.keep[order]),
        batch.mask[order],
        TOLERANCES[name],
    )


def test_scores_do_not_depend_on_padding(backend: Backend, batch: TokenBatch, name: str) -> None:
    row, length = 2, int(batch.mask[2].sum())
    padded = backend.forward(rows_of(batch, [row]))
    bare = backend.forward(rows_of(batch, [row], length))
    cut = BatchScores(padded.relevance, padded.keep[:, :length])
    assert_close(bare, cut, np.ones((1, length)), TOLERANCES[name])


def test_scores_do_not_depend_on_what_stands_on_padding(backend: Backend, batch: TokenBatch, name: str) -> None:
    scribbled = TokenBatch(np.where(batch.mask == 1, batch.ids, 9), batch.mask, batch.type_ids)
    assert_close(backend.forward(batch), backend.forward(scribbled), batch.mask, TOLERANCES[name])


def test_the_same_batch_always_gives_the_same_scores(backend: Backend, batch: TokenBatch) -> None:
    assert_close(backend.forward(batch), backend.forward(batch), batch.mask, 0)


def test_many_threads_get_the_scores_that_one_gets(backend: Backend, batch: TokenBatch) -> None:
    batches = [rows_of(batch, [row]) for row in range(len(PAIRS))] * 8
    expected = [backend.forward(one) for one in batches]
    with ThreadPoolExecutor(8) as pool:
        for one, found, wanted in zip(batches, pool.map(backend.forward, batches), expected, strict=True):
            assert_close(found, wanted, one.mask, 1e-6)


def test_scoring_leaves_the_batch_as_it_was(backend: Backend, tiny_checkpoint: Checkpoint, batch: TokenBatch) -> None:
    backend.forward(batch)
    again = batch_of(tiny_checkpoint, PAIRS)
    np.testing.assert_array_equal(batch.ids, again.ids)
    np.testing.assert_array_equal(batch.mask, again.mask)


def test_arrays_that_cannot_be_written_or_lie_apart_in_memory_are_taken(backend: Backend, batch: TokenBatch) -> None:
    def odd(array: np.ndarray) -> np.ndarray:
        view = np.repeat(array, 2, axis=1)[:, ::2]
        view.flags.writeable = False
        return view

    scores = backend.forward(TokenBatch(odd(batch.ids), odd(batch.mask), odd(batch.type_ids)))
    assert_close(scores, backend.forward(batch), batch.mask, 1e-6)


def test_the_budget_holds_at_least_one_longest_window(backend: Backend, tiny_checkpoint: Checkpoint) -> None:
    assert backend.max_batch_tokens >= tiny_checkpoint.max_tokens


def test_the_description_names_runtime_and_device(backend: Backend, name: str) -> None:
    assert name.partition("-")[0] in backend.description
    assert "cpu" in backend.description


def test_token_ids_outside_the_vocabulary_are_a_backend_error(backend: Backend, batch: TokenBatch) -> None:
    with pytest.raises(BackendError, match="could not score 4 rows"):
        backend.forward(TokenBatch(batch.ids + 100_000, batch.mask, batch.type_ids))


def test_a_device_that_is_not_there_is_a_backend_error(tiny_checkpoint: Checkpoint, name: str) -> None:
    with pytest.raises(BackendError, match="cuda:77"):
        load_backend(tiny_checkpoint, name.partition("-")[0], BackendOptions(device="cuda:77"))


def test_an_unknown_precision_is_refused_with_the_choice(tiny_checkpoint: Checkpoint, name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"dtype must be one of .*float32.* got 'float8'"):
        load_backend(tiny_checkpoint, name.partition("-")[0], BackendOptions(dtype="float8"))


def test_torch_and_onnx_agree(tiny_checkpoint: Checkpoint, batch: TokenBatch) -> None:
    torch = load_backend(tiny_checkpoint, "torch").forward(batch)
    exact = load_backend(tiny_checkpoint, "onnx", BackendOptions(dtype="float32")).forward(batch)
    small = load_backend(tiny_checkpoint, "onnx", BackendOptions(dtype="int8")).forward(batch)
    assert_close(torch, exact, batch.mask, 1e-4)
    assert np.abs(torch.keep - small.keep)[batch.mask == 1].mean() < 0.05


def test_an_unknown_backend_is_refused_with_the_choice(tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(InvalidInputError, match=rf"one of {', '.join(BACKENDS)}; got 'abacus'"):
        load_backend(tiny_checkpoint, "abacus")  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_threads_than_one_are_refused(threads: int) -> None:
    with pytest.raises(InvalidInputError, match="threads must be at least 1"):
        BackendOptions(threads=threads)


def test_without_a_name_onnx_is_taken_when_it_is_there(tiny_checkpoint: Checkpoint) -> None:
    assert "onnxruntime" in load_backend(tiny_checkpoint).description


def test_nan_is_an_error_unless_it_stands_on_padding() -> None:
    ones = np.ones((1, 2), dtype=np.int64)
    scores = BatchScores(np.zeros(1, np.float32), np.array([[0.5, np.nan]], np.float32))
    assert check_scores(scores, TokenBatch(ones, np.array([[1, 0]]), ones)) is scores
    with pytest.raises(BackendError, match="NaN"):
        check_scores(scores, TokenBatch(ones, ones, ones))


def test_infinite_relevance_is_an_error() -> None:
    ones = np.ones((1, 2), dtype=np.int64)
    with pytest.raises(BackendError, match="infinite"):
        check_scores(BatchScores(np.array([np.inf], np.float32), np.zeros((1, 2), np.float32)), TokenBatch(*[ones] * 3))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 3)], ids=["short", "rows", "long"])
def test_scores_of_another_shape_are_an_error(shape: tuple[int, int]) -> None:
    ones = np.ones((1, 2), dtype=np.int64)
    with pytest.raises(BackendError, match="expected"):
        check_scores(BatchScores(np.zeros(1, np.float32), np.zeros(shape, np.float32)), TokenBatch(*[ones] * 3))
