import multiprocessing
from collections.abc import Iterator
from itertools import islice

import pytest
from tokenizers import Tokenizer

from provence_plugins.data.examples import Example
from provence_plugins.engine.planning import Planner
from provence_plugins.model.formats import NATIVE
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.training.batches import TrainingBatch, iter_batches_forever
from provence_plugins.training.settings import DataSettings
from provence_plugins.types import Passage, Span

TEXT = "Paris is old. Rome is big. Cheese is good. The river is long. France is far."
CROPPED = DataSettings(train=[], dev=[], whole_share=0.0, title_share=0.5, crop_sentences=(1, 2))


@pytest.fixture
def planner(tokenizer: Tokenizer) -> Planner:
    return Planner(TextEncoder(tokenizer), NATIVE, "sentencex", 32)


def stream(
    planner: Planner, *, examples: int = 30, seed: int = 3, batches: int = 40, workers: int = 0
) -> list[TrainingBatch]:
    return list(islice(endless(planner, examples=examples, seed=seed, workers=workers), batches))


def endless(planner: Planner, *, examples: int, seed: int = 3, workers: int) -> Iterator[TrainingBatch]:
    evidence = [Span(number % len(TEXT), number % len(TEXT) + 1) for number in range(examples)]
    chosen = [
        Example(f"q{number}", "s", "What is good?", Passage(TEXT), (span,), True)
        for number, span in enumerate(evidence)
    ]
    return iter_batches_forever(chosen, planner, CROPPED, batch_tokens=200, seed=seed, workers=workers)


def test_the_same_seed_gives_the_same_batches_and_another_seed_others(planner: Planner) -> None:
    assert stream(planner) == stream(planner)
    assert stream(planner) != stream(planner, seed=4)


def test_the_number_of_workers_changes_no_batch(planner: Planner) -> None:
    # More examples than are cut together, and more batches than an epoch has.
    here = stream(planner, examples=300, batches=120)
    assert here[-1].epochs > 1
    assert stream(planner, examples=300, batches=120, workers=2) == here
    # With 30 examples an epoch is one portion, so that the processes cut different epochs.
    assert stream(planner, workers=2) == stream(planner)


def test_the_processes_stay_for_all_epochs(planner: Planner) -> None:
    batches = endless(planner, examples=300, workers=2)
    next(batches)
    before = {child.pid for child in multiprocessing.active_children()}
    assert len(before) >= 2
    assert any(batch.epochs > 1 for batch in islice(batches, 120))
    assert {child.pid for child in multiprocessing.active_children()} == before


def test_each_epoch_cuts_its_passages_anew(planner: Planner) -> None:
    batches = stream(planner)
    first = [item.window.ids for batch in batches for item in batch.items if batch.epochs <= 1]
    second = [item.window.ids for batch in batches for item in batch.items if 1 < batch.epochs <= 2]
    assert len(first) == len(second)
    assert sorted(first) != sorted(second)


def test_batches_stay_within_their_budget_and_go_on_over_epochs(planner: Planner) -> None:
    batches = stream(planner)
    assert all(len(batch.items) * max(len(item.window.ids) for item in batch.items) <= 200 for batch in batches)
    assert sum(len(batch.items) for batch in batches) > 30


@pytest.mark.parametrize("examples", [30, 300])
def test_a_batch_tells_how_many_epochs_are_read_with_it(planner: Planner, examples: int) -> None:
    batches = stream(planner, examples=examples, batches=120)
    epochs = [batch.epochs for batch in batches]
    assert epochs == sorted(epochs)
    assert 1.0 in epochs
    assert sum(len(batch.items) for batch in batches if batch.epochs <= 1.0) >= examples
    assert [epoch for epoch in epochs if 1.0 < epoch < 2.0]
