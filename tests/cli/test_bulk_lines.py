import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provence_plugins import Pruner, PruneStats, PruningPolicy
from provence_plugins.cli.bulk_lines import prune_here, prune_lines
from provence_plugins.errors import BackendError, InvalidInputError, SplitterError
from provence_plugins.model.backend import BatchScores
from provence_plugins.testing import FailingBackend, NumberBackend
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.types import Span

GROUP = 256


@pytest.fixture(scope="module")
def pruner(tiny_folder: Path) -> Iterator[Pruner]:
    with Pruner(tiny_folder) as pruner:
        yield pruner


def request(number: int, **others: Any) -> dict[str, Any]:
    """Requests of several shapes and lengths, so that batches are mixed."""
    passages: list[Any] = ["Paris is a city. " * (number % 5 + 1), {"text": "Cheese. A river!", "title": "Food"}]
    return {"query": f"Where is {number}?", "passages": passages[: number % 3 + 1], **others}


def encoded(*rows: Any) -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def pruned(lines: list[bytes], pruner: Pruner, policy: PruningPolicy | None = None) -> list[dict[str, Any]]:
    return [
        json.loads(line.to_json().encode("utf-8", "backslashreplace"))
        for line in prune_lines(lines, prune_here(pruner, policy))
    ]


def test_each_line_gives_the_result_of_its_request_and_its_number(pruner: Pruner) -> None:
    [first, second] = pruned(encoded(request(4), request(2)), pruner)
    assert (first["line"], second["line"]) == (1, 2)
    alone = pruner.prune("Where is 4?", request(4)["passages"][:1]).to_dict()
    assert first.keys() == {"line", *alone}
    assert first["query"] == "Where is 4?"
    assert first["passages"][0]["text"] == alone["passages"][0]["text"]


def test_titles_are_read(pruner: Pruner) -> None:
    [row] = pruned(encoded({"query": "city?", "passages": [{"text": "Paris.", "title": "City"}]}), pruner)
    assert row["passages"][0]["title"] == "City"


def test_the_policy_decides(pruner: Pruner) -> None:
    [row] = pruned(encoded(request(2)), pruner, PruningPolicy(max_tokens=0))
    assert row["tokens_after"] == 0


def test_other_keys_are_returned_unchanged(pruner: Pruner) -> None:
    others = {"id": "7é\ud800", "meta": {"deep": [1, 2.5, None, True]}}
    [row] = pruned(encoded(request(0, **others)), pruner)
    assert {key: row[key] for key in others} == others


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"\n", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"\x1f\x8b\x08\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"query": "q", "passages": [], "x": NaN}', "not a finite number"),
        (b'{"query": "q", "passages": [], "x": 1e999}', "not a finite number"),
        (b"[]", "object with query and passages; got list"),
        (b"{}", "no 'query'"),
        (b'{"query": "q"}', "no 'passages'"),
        (b'{"query": " ", "passages": []}', "blank"),
        (b'{"query": 3, "passages": []}', "must be a string; got int"),
        (b'{"query": "q", "passages": "text"}', "must be a list; got str"),
        (b'{"query": "q", "passages": {"text": "t"}}', "must be a list; got dict"),
        (b'{"query": "q", "passages": ["t", 3]}', "Passage 1"),
        (b'{"query": "q", "passages": [{"title": "t"}]}', "an object with text"),
        (b'{"query": "q", "passages": [{"text": null}]}', "must be a string; got NoneType"),
        (b'{"query": "q", "passages": [{"text": "t", "title": 3}]}', "must be a string or None"),
        (b'{"query": "q", "passages": [], "x": ' + b"[" * 200 + b"]" * 200 + b"}", "nested more than 100 deep"),
        (b'{"query": "q", "passages": [], "error": 1}', "The key 'error' is reserved"),
        (b'{"query": "q", "passages": [], "dropped": 1}', "The key 'dropped' is reserved"),
        (b'{"query": "' + b"long " * 80 + b'", "passages": ["t"]}', "320 tokens"),
    ],
)
def test_a_malformed_line_gives_an_error_and_the_rest_goes_on(line: bytes, reason: str, pruner: Pruner) -> None:
    [good] = encoded(request(2))
    before, bad, again, after = prune_lines([good, line, line, good], prune_here(pruner))
    assert reason in (bad.error or "")
    assert json.loads(bad.to_json()) == {"line": 2, "error": bad.error}
    assert again.error == bad.error
    assert before.error is after.error is None
    assert (before.number, after.number) == (1, 4)
    assert before.content["passages"] == after.content["passages"]


def test_a_splitter_that_fails_ends_the_run_instead_of_blaming_every_line(tiny_folder: Path) -> None:
    with Pruner(tiny_folder, splitter=lambda text: [Span(5, 6), Span(0, 1)]) as broken, pytest.raises(SplitterError):
        list(prune_lines(encoded(request(1)), prune_here(broken)))


def test_lines_are_read_a_group_ahead_and_no_further(pruner: Pruner) -> None:
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        for number in range(2000):
            read += 1
            # Requests without text are never due to be scored; they must not pile up either.
            yield encoded(request(1) if number % 5 == 0 else {"query": "q", "passages": []})[0]

    for written, line in enumerate(prune_lines(lines(), prune_here(pruner)), 1):
        assert line.number == written
        assert read - written < GROUP
    assert read == 2000


def test_large_lines_make_smaller_groups(pruner: Pruner) -> None:
    [line] = encoded({"query": "q", "passages": [], "ballast": "x" * 1_500_000})
    taken: list[int] = []
    stream = (taken.append(number) or line for number in range(9))
    assert next(prune_lines(stream, prune_here(pruner))).number == 1
    assert len(taken) == 3


@pytest.mark.parametrize("depth", [900, 950, 990, 995, 998])
def test_a_deeply_nested_key_does_not_end_the_run(depth: int, pruner: Pruner) -> None:
    line = b'{"query": "q", "passages": [], "x": ' + b"[" * depth + b"]" * depth + b"}"
    bad, good = prune_lines([line, *encoded(request(1))], prune_here(pruner))
    assert bad.error is not None
    assert good.error is None
    assert bad.to_json()


@pytest.mark.parametrize(
    "begin",
    [b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08\x00\x00", b"PAR1\x15\x04", b"\xff\xfe{\x00", b"PK\x03\x04"],
    ids=["png", "gzip", "parquet", "utf-16", "zip"],
)
def test_a_binary_file_is_refused_as_a_whole(begin: bytes, pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="is a binary file"):
        next(prune_lines([begin, *encoded(request(1))], prune_here(pruner)))


@pytest.mark.parametrize("begin", [b"\xef\xbb\xbf", b" \t", "é".encode() * 40 + b"x", b"no json"])
def test_a_first_line_of_text_is_not_taken_for_a_binary_file(begin: bytes, pruner: Pruner) -> None:
    line = begin + encoded(request(1))[0]
    assert [outcome.number for outcome in prune_lines([line, line], prune_here(pruner))] == [1, 2]


class OverflowingBackend(NumberBackend):
    """Returns NaN for long windows, as a model in half precision may."""

    def forward(self, batch: TokenBatch) -> BatchScores:
        scores = super().forward(batch)
        scores.relevance[batch.mask.sum(axis=1) > 50] = np.nan
        return scores


@pytest.mark.parametrize("spoilt", [[0], [3], [1, 2, 5], [*range(8)]], ids=str)
def test_scores_that_are_nan_are_the_failure_of_their_line_alone(spoilt: list[int]) -> None:
    long = {"query": "q?", "passages": ["Short.", "Paris is a city. " * 20]}
    rows = [long if number in spoilt else request(number) for number in range(8)]
    with Pruner(backend=OverflowingBackend()) as fragile, Pruner(backend=NumberBackend()) as healthy:
        outcomes = list(prune_lines(encoded(*rows), prune_here(fragile)))
        expected = list(prune_lines(encoded(*rows), prune_here(healthy)))
    assert [number for number, line in enumerate(outcomes) if line.error] == spoilt
    for number, (line, undisturbed) in enumerate(zip(outcomes, expected, strict=True)):
        if number in spoilt:
            assert "NaN or infinite scores" in str(line.error)
            assert line.content == {"line": number + 1, "error": line.error}
        else:
            assert line == undisturbed


def test_a_malformed_line_among_scores_that_are_nan_keeps_its_own_error() -> None:
    long = {"query": "q?", "passages": ["Paris is a city. " * 20]}
    with Pruner(backend=OverflowingBackend()) as fragile:
        lines = encoded(request(1), long, {"query": "long " * 800, "passages": ["t"]}, request(2))
        errors = [line.error for line in prune_lines(lines, prune_here(fragile))]
    assert errors[0] is errors[3] is None
    assert "NaN" in str(errors[1])
    assert "tokens" in str(errors[2])


def test_a_model_that_always_fails_ends_the_run_instead_of_blaming_every_line() -> None:
    with Pruner(backend=FailingBackend()) as failing, pytest.raises(BackendError, match="always fails"):
        list(prune_lines(encoded(request(1)), prune_here(failing)))


def test_dropped_passages_are_named_without_their_texts(pruner: Pruner) -> None:
    [row] = pruned(encoded(request(2)), pruner, PruningPolicy(max_tokens=0))
    assert [set(passage) for passage in row["dropped"]] == [{"index", "relevance", "tokens_before"}] * 2


def test_every_line_carries_its_stats(pruner: Pruner) -> None:
    good, bad = prune_lines([encoded(request(2))[0], b"no json"], prune_here(pruner))
    assert good.stats.tokens_before == good.content["tokens_before"] > 0
    assert bad.stats == PruneStats()


def test_every_group_is_shown_before_it_is_pruned(pruner: Pruner) -> None:
    shown: list[int] = []
    lines = prune_lines(
        encoded(*map(request, range(300))), prune_here(pruner), check_group=lambda group: shown.append(len(group))
    )
    next(lines)
    assert shown == [256]
    assert len(list(lines)) == 299
    assert shown == [256, 44]
