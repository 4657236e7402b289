from collections.abc import Iterator
from pathlib import Path

import pytest
from pruner_calls import QUERY, TEXTS

from provence_plugins import Pruner
from provence_plugins.errors import InvalidInputError


def test_prune_many_reads_requests_as_results_are_taken(tiny_folder: Path) -> None:
    read = 0

    def requests() -> Iterator[tuple[str, list[str]]]:
        nonlocal read
        for _ in range(10_000):
            read += 1
            yield QUERY, ["the city of paris is in france. " * 10]

    with Pruner(tiny_folder, max_batch_tokens=64) as pruner:
        next(pruner.prune_many(requests()))
    assert read < 100


def test_prune_many_yields_what_came_before_a_bad_request(pruner: Pruner) -> None:
    results = pruner.prune_many([(QUERY, TEXTS), (" ", TEXTS)])
    assert next(results).query == QUERY
    with pytest.raises(InvalidInputError, match="blank"):
        next(results)


def test_prune_many_refuses_what_is_not_a_pair_after_the_results_before(pruner: Pruner) -> None:
    results = pruner.prune_many([(QUERY, TEXTS), 3])  # type: ignore[list-item]
    assert next(results).query == QUERY
    with pytest.raises(InvalidInputError, match="pair of a query and its passages; got int"):
        next(results)


def test_none_is_not_the_end_of_the_requests(pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="pair of a query and its passages; got NoneType"):
        list(pruner.prune_many([(QUERY, TEXTS), None, (QUERY, TEXTS)]))  # type: ignore[list-item]


def test_requests_without_text_are_answered_as_they_come(pruner: Pruner) -> None:
    endless = iter(lambda: (QUERY, []), None)
    assert next(pruner.prune_many(endless)).passages == ()
