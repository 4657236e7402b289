"""Functions of a caller that raise what ends a generator, and calls that are large in what is not text."""

import asyncio
import threading
from pathlib import Path

import pytest
from pruner_calls import QUERY, TEXTS

from provence_plugins import DirectScorer, Passage, Pruner, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import NumberBackend
from provence_plugins.tokens.batches import TokenBatch


def raise_stop_iteration(text: str) -> list[tuple[int, int]]:
    return next(iter([]))


def test_stop_iteration_of_a_splitter_does_not_end_the_results(tiny_folder: Path) -> None:
    with (
        Pruner(tiny_folder, splitter=raise_stop_iteration) as pruner,
        pytest.raises(RuntimeError, match="StopIteration"),
    ):
        list(pruner.prune_many([(QUERY, TEXTS)]))


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer])
async def test_stop_iteration_reaches_a_task_as_runtime_error(tiny_folder: Path, scorer: ScorerFactory) -> None:
    class Stopping(NumberBackend):
        def forward(self, batch: TokenBatch) -> BatchScores:
            raise StopIteration

    backend = Stopping()
    for options in ({"splitter": raise_stop_iteration}, {"backend": backend}):
        pruner = Pruner(tiny_folder, scorer=scorer, **options)  # type: ignore[arg-type]
        with pruner, pytest.raises(RuntimeError, match="raised StopIteration"):
            await asyncio.wait_for(pruner.aprune(QUERY, TEXTS), 30)


@pytest.mark.parametrize(
    ("query", "passages"),
    [
        ("where is paris", [Passage("Paris.", "title " * 10_000)]),
        ("where is paris", ["Paris."] * 500),
    ],
    ids=["title", "number"],
)
async def test_a_call_that_is_large_for_its_titles_or_number_leaves_the_threads_of_short_calls_free(
    tiny_folder: Path, query: str, passages: list[str | Passage]
) -> None:
    names = set()

    def split(text: str) -> list[tuple[int, int]]:
        names.add(threading.current_thread().name.rsplit("-", 1)[0])
        return [(0, len(text))]

    with Pruner(tiny_folder, splitter=split) as pruner:
        await pruner.aprune(query, passages)
        assert names == {"provence-plan-long"}
        names.clear()
        await pruner.aprune("where is paris", ["Paris."])
        assert names == {"provence-plan-short"}
