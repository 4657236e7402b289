import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.cli.bulk import BulkLine, count_lines, open_input, open_output, prune_lines
from provence_plugins.errors import InvalidInputError, SplitterError
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
    return [json.loads(line.to_json()) for line in prune_lines(lines, pruner, policy)]


def run(source: Path, target: Path, pruner: Pruner, **how: bool) -> list[BulkLine]:
    """As the command does it."""
    written = []
    with open_input(str(source)) as lines, open_output(str(target), source=str(source), **how) as output:
        for line in prune_lines(lines, pruner, done=output.lines):
            output.write(line)
            written.append(line)
    return written


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "in.jsonl"
    lines = encoded(*map(request, range(2 * GROUP + 40)))
    lines[GROUP + 3] = b"no json\n"
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture(scope="module")
def uninterrupted(source: Path, pruner: Pruner) -> bytes:
    target = source.with_name("uninterrupted.jsonl")
    run(source, target, pruner)
    return target.read_bytes()


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


def test_other_keys_pass_through_unchanged(pruner: Pruner) -> None:
    others = {"id": "7é\ud800", "meta": {"deep": [1, 2.5, None, True]}}
    [row] = pruned(encoded(request(0, **others)), pruner)
    assert {key: row[key] for key in others} == others


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not valid JSON"),
        (b"\n", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"query": "q", "passages": [], "x": NaN}', "not a finite number"),
        (b'{"query": "q", "passages": [], "x": 1e999}', "not a finite number"),
        (b"[]", "object with query and passages, got list"),
        (b"{}", "no 'query'"),
        (b'{"query": "q"}', "no 'passages'"),
        (b'{"query": " ", "passages": []}', "blank"),
        (b'{"query": 3, "passages": []}', "must be a string, got int"),
        (b'{"query": "q", "passages": "text"}', "must be a list, got str"),
        (b'{"query": "q", "passages": {"text": "t"}}', "must be a list, got dict"),
        (b'{"query": "q", "passages": ["t", 3]}', "Passage 1"),
        (b'{"query": "q", "passages": [{"title": "t"}]}', "with a text"),
        (b'{"query": "q", "passages": [{"text": null}]}', "must be a string, got NoneType"),
        (b'{"query": "q", "passages": [{"text": "t", "title": 3}]}', "must be a string or None"),
        (b'{"query": "q", "passages": [], "error": 1}', "'error' of its own"),
        (b'{"query": "q", "passages": [], "dropped": 1}', "'dropped' of its own"),
        (b'{"query": "' + b"long " * 80 + b'", "passages": ["t"]}', "320 tokens"),
    ],
)
def test_a_malformed_line_gives_an_error_and_the_rest_goes_on(line: bytes, reason: str, pruner: Pruner) -> None:
    [good] = encoded(request(2))
    before, bad, again, after = prune_lines([good, line, line, good], pruner)
    assert reason in (bad.error or "")
    assert json.loads(bad.to_json()) == {"line": 2, "error": bad.error}
    assert again.error == bad.error
    assert before.error is after.error is None
    assert (before.number, after.number) == (1, 4)
    assert before.content["passages"] == after.content["passages"]


def test_a_splitter_that_fails_ends_the_run_instead_of_blaming_every_line(tiny_folder: Path) -> None:
    with Pruner(tiny_folder, splitter=lambda text: [Span(5, 6), Span(0, 1)]) as broken, pytest.raises(SplitterError):
        list(prune_lines(encoded(request(1)), broken))


def test_lines_are_read_a_group_ahead_and_no_further(pruner: Pruner) -> None:
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        for number in range(5000):
            read += 1
            # Requests without text are never due to be scored; they must not pile up either.
            yield encoded(request(1) if number % 5 == 0 else {"query": "q", "passages": []})[0]

    for written, line in enumerate(prune_lines(lines(), pruner), 1):
        assert line.number == written
        assert read - written < GROUP
    assert read == 5000


def test_large_lines_make_smaller_groups(pruner: Pruner) -> None:
    [line] = encoded({"query": "q", "passages": [], "ballast": "x" * 1_500_000})
    taken: list[int] = []
    stream = (taken.append(number) or line for number in range(9))
    assert next(prune_lines(stream, pruner)).number == 1
    assert len(taken) == 3


@pytest.mark.parametrize("cut", [0, 1, 5_000, 100_000, 200_000, -1], ids=lambda cut: f"byte {cut}")
def test_a_resumed_run_writes_the_same_bytes_as_one_that_was_never_stopped(
    cut: int, uninterrupted: bytes, source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(uninterrupted[:cut])
    written = run(source, target, pruner, resume=True)
    assert target.read_bytes() == uninterrupted
    assert len(written) == 2 * GROUP + 40 - uninterrupted[:cut].count(b"\n")


def test_resuming_a_finished_run_changes_nothing_and_knows_of_its_errors(
    uninterrupted: bytes, source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(uninterrupted)
    assert run(source, target, pruner, resume=True) == []
    assert target.read_bytes() == uninterrupted
    with open_output(str(target), source=str(source), resume=True) as output:
        assert (output.lines, output.failed) == (2 * GROUP + 40, 1)


def test_resuming_begins_when_there_is_nothing_yet(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    assert len(run(source, tmp_path / "out.jsonl", pruner, resume=True)) == 2 * GROUP + 40


def test_resuming_with_a_shorter_input_is_refused(uninterrupted: bytes, tmp_path: Path, pruner: Pruner) -> None:
    target, short = tmp_path / "out.jsonl", tmp_path / "short.jsonl"
    target.write_bytes(uninterrupted)
    short.write_bytes(b"".join(encoded(request(1))))
    with pytest.raises(InvalidInputError, match=r"has 1 lines and the output 552"):
        run(short, target, pruner, resume=True)


@pytest.mark.parametrize(
    "content",
    [b'{"line": 2, "query": "q"}\n', b'{"line": 1}\n{"line": 3}\n', b"notes\n", b"\n"],
    ids=["first is not 1", "gap", "text", "blank"],
)
def test_a_file_that_no_run_wrote_is_not_resumed_and_not_changed(content: bytes, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(content)
    with (
        pytest.raises(InvalidInputError, match="was not written by a run"),
        open_output(str(target), source=str(source), resume=True),
    ):
        pass
    assert target.read_bytes() == content


def test_an_output_that_holds_something_is_replaced_only_when_asked(
    source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    with pytest.raises(InvalidInputError, match="is not empty"):
        run(source, target, pruner)
    assert target.read_text() == "precious"
    assert len(run(source, target, pruner, overwrite=True)) == count_lines(str(target)) == 2 * GROUP + 40


def test_the_input_cannot_be_the_output(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    before = source.read_bytes()
    other_name = tmp_path / "link.jsonl"
    other_name.symlink_to(source)
    for target in (source, other_name):
        with pytest.raises(InvalidInputError, match="both the input and the output"):
            run(source, target, pruner, overwrite=True)
    assert source.read_bytes() == before


def test_a_packed_input_is_unpacked(tmp_path: Path, pruner: Pruner) -> None:
    source, target = tmp_path / "in.jsonl.gz", tmp_path / "out.jsonl"
    source.write_bytes(gzip.compress(b"".join(encoded(request(1), request(2)))))
    assert [line.error for line in run(source, target, pruner)] == [None, None]


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"plain", lambda data: data[:20] + b"?" * 30])
def test_a_damaged_packed_input_is_refused(damage: Any, tmp_path: Path, pruner: Pruner) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(damage(gzip.compress(b"".join(encoded(*map(request, range(50)))))))
    with pytest.raises(InvalidInputError, match="no complete gzip file"):
        run(source, tmp_path / "out.jsonl", pruner)


def test_a_packed_output_is_refused_as_it_would_not_be_packed(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match=r"without \.gz"):
        run(source, tmp_path / "out.jsonl.gz", pruner)
