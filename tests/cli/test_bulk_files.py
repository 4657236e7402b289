import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.cli.bulk_files import open_output
from provence_plugins.cli.bulk_input import count_lines, file_size, open_input
from provence_plugins.cli.bulk_lines import BulkLine, prune_here, prune_lines
from provence_plugins.cli.bulk_record import RunSettings
from provence_plugins.errors import InvalidInputError

GROUP = 256
LINES = GROUP + 40

posix_only = pytest.mark.skipif(os.name == "nt", reason="files of POSIX")


@pytest.fixture(scope="module")
def pruner(tiny_folder: Path) -> Iterator[Pruner]:
    # All tests prune the same lines: the cache of scores spares the model, a simple splitter most of the rest.
    with Pruner(tiny_folder, splitter="regex", cache_tokens=1_000_000) as pruner:
        yield pruner


def request(number: int) -> dict[str, Any]:
    """Requests of several shapes and lengths, so that batches are mixed."""
    passages: list[Any] = ["Paris is a city. " * (number % 5 + 1), {"text": "Cheese. A river!", "title": "Food"}]
    return {"query": f"Where is {number}?", "passages": passages[: number % 3 + 1]}


def encoded(*rows: Any) -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.run")


def run(
    source: Path, target: Path, pruner: Pruner, *, stop: int | None = None, threshold: float = 0.1, **how: bool
) -> list[BulkLine]:
    """As the command does it; `stop` ends the run after so many lines as a kill would."""
    written: list[BulkLine] = []
    with open_input(str(source)) as lines:
        settings = RunSettings("model", file_size(lines), {"threshold": threshold})
        with open_output(str(target), lines, settings, **how) as output:
            for line in prune_lines(lines, prune_here(pruner), done=output.lines, check_group=output.check_group):
                if len(written) == stop:
                    break
                output.write(line.to_json())
                written.append(line)
    return written


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "in.jsonl"
    lines = encoded(*map(request, range(LINES)))
    lines[GROUP + 3] = b"not json\n"
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture(scope="module")
def undisturbed(source: Path, pruner: Pruner) -> tuple[bytes, bytes]:
    """The output and the record of a run that was never stopped."""
    target = source.with_name("undisturbed.jsonl")
    run(source, target, pruner)
    return target.read_bytes(), record_of(target).read_bytes()


@pytest.fixture(scope="module")
def stopped(source: Path, pruner: Pruner) -> tuple[bytes, bytes]:
    """The output and the record of a run that was killed in its second group."""
    target = source.with_name("stopped.jsonl")
    run(source, target, pruner, stop=GROUP + 10)
    return target.read_bytes(), record_of(target).read_bytes()


def restore(target: Path, run: tuple[bytes, bytes]) -> None:
    """Write the output and the record of a run."""
    target.write_bytes(run[0])
    record_of(target).write_bytes(run[1])


@pytest.mark.parametrize("stop", [0, 1, GROUP - 1, GROUP, GROUP + 4, LINES])
def test_a_resumed_run_writes_the_same_bytes_as_one_that_was_never_stopped(
    stop: int, undisturbed: tuple[bytes, bytes], source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=stop)
    with open(target, "ab") as file:
        file.write(b'{"line": 7, "que')
    written = run(source, target, pruner, resume=True)
    assert (target.read_bytes(), record_of(target).read_bytes()) == undisturbed
    assert len(written) == LINES - stop


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (lambda record: b"", "missing or damaged"),
        (lambda record: record[:5], "missing or damaged"),
        (lambda record: record[: record.index(b"\n") + 5], "its lines 1 to 256"),
    ],
    ids=["empty", "torn header", "torn group"],
)
def test_a_record_that_does_not_cover_the_output_is_refused(
    rest: Any, reason: str, source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=10)
    record_of(target).write_bytes(rest(record_of(target).read_bytes()))
    with pytest.raises(InvalidInputError, match=reason):
        run(source, target, pruner, resume=True)


def test_a_torn_line_at_the_end_of_a_record_is_cut_off(
    undisturbed: tuple[bytes, bytes], source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=GROUP - 1)
    with open(record_of(target), "ab") as record:
        record.write(b'{"lines": 2')
    run(source, target, pruner, resume=True)
    assert (target.read_bytes(), record_of(target).read_bytes()) == undisturbed


def test_resuming_a_finished_run_changes_nothing_and_knows_of_its_errors(
    undisturbed: tuple[bytes, bytes], source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    restore(target, undisturbed)
    assert run(source, target, pruner, resume=True) == []
    assert (target.read_bytes(), record_of(target).read_bytes()) == undisturbed
    settings = RunSettings("model", source.stat().st_size, {"threshold": 0.1})
    with (
        open_input(str(source)) as lines,
        open_output(str(target), lines, settings, resume=True) as output,
    ):
        assert (output.lines, output.failed) == (LINES, 1)


def test_resuming_begins_when_there_is_nothing_yet(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    assert len(run(source, tmp_path / "out.jsonl", pruner, resume=True)) == LINES


def change_first(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b"0", b"1"), *lines[1:]]


def change_last_of_group(lines: list[bytes]) -> list[bytes]:
    return [*lines[: GROUP - 1], lines[GROUP - 1].replace(b"5", b"6"), *lines[GROUP:]]


@pytest.mark.parametrize(
    "change",
    [
        change_first,
        change_last_of_group,
        lambda lines: lines[1:],
        lambda lines: lines[:100],
        lambda lines: lines[:GROUP],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines, lines[0]],
        lambda lines: [],
    ],
    ids=["first", "last of group", "shifted", "shorter", "one group", "swapped", "longer", "empty"],
)
def test_another_input_is_refused_and_nothing_is_written(
    change: Any, stopped: tuple[bytes, bytes], source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target, changed = tmp_path / "out.jsonl", tmp_path / "in.jsonl"
    restore(target, stopped)
    changed.write_bytes(b"".join(change(source.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InvalidInputError, match="input"):
        run(changed, target, pruner, resume=True)
    assert (target.read_bytes(), record_of(target).read_bytes()) == stopped


def test_another_input_of_the_same_size_is_refused_too(
    stopped: tuple[bytes, bytes], source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target, changed = tmp_path / "out.jsonl", tmp_path / "in.jsonl"
    restore(target, stopped)
    changed.write_bytes(source.read_bytes().replace(b"Where is 280?", b"Where is 281?"))
    with pytest.raises(
        InvalidInputError, match=f"its lines {GROUP + 1} to {LINES} are not those that the earlier run read"
    ):
        run(changed, target, pruner, resume=True)


def test_other_settings_are_refused_and_named(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=3)
    before = target.read_bytes()
    with pytest.raises(InvalidInputError, match=r"--threshold was 0.1 and is 0.2. Resume with the same settings"):
        run(source, target, pruner, resume=True, threshold=0.2)
    assert target.read_bytes() == before


def test_a_run_that_wrote_nothing_may_begin_with_other_settings(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=0)
    assert len(run(source, target, pruner, resume=True, threshold=0.2, stop=3)) == 3


def test_an_output_without_its_record_is_not_resumed(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target = tmp_path / "out.jsonl"
    run(source, target, pruner, stop=3)
    record_of(target).unlink()
    with pytest.raises(InvalidInputError, match="missing or damaged"):
        run(source, target, pruner, resume=True)
    assert len(run(source, target, pruner, overwrite=True, stop=5)) == 5


def test_a_file_that_is_not_a_record_is_not_replaced(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target = tmp_path / "out.jsonl"
    record_of(target).write_text("precious")
    with pytest.raises(InvalidInputError, match="not a record of a run"):
        run(source, target, pruner)
    assert record_of(target).read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [b'{"line": 2, "query": "q"}\n', b'{"line": 1}\n{"line": 3}\n', b"notes\n", b"\n"],
    ids=["first is not 1", "gap", "text", "blank"],
)
def test_a_file_that_no_run_wrote_is_not_resumed_and_not_changed(
    content: bytes, source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_bytes(content)
    with pytest.raises(InvalidInputError, match="was not written by a run"):
        run(source, target, pruner, resume=True)
    assert target.read_bytes() == content


def test_an_output_that_holds_something_is_replaced_only_when_asked(
    source: Path, tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("precious")
    with pytest.raises(InvalidInputError, match="is not empty"):
        run(source, target, pruner)
    assert target.read_text() == "precious"
    assert len(run(source, target, pruner, overwrite=True)) == count_lines(str(target)) == LINES


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to, None], ids=["symbolic link", "hard link", "same"])
def test_the_input_cannot_be_the_output(link: Any, source: Path, tmp_path: Path, pruner: Pruner) -> None:
    before = source.read_bytes()
    target = tmp_path / "link.jsonl" if link else source
    if link:
        link(target, source)
    with pytest.raises(InvalidInputError, match="both the input and the output"):
        run(source, target, pruner, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("flag", ["overwrite", "resume"])
def test_an_output_that_another_run_writes_is_refused(flag: str, source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target, link = tmp_path / "out.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(target)
    settings = RunSettings("model", source.stat().st_size, {"threshold": 0.1})
    with open_input(str(source)) as lines, open_output(str(target), lines, settings) as output:
        output.check_group([b"x"])
        output.write('{"line": 1}\n')
        for name in (target, link):
            with pytest.raises(InvalidInputError, match="is being written by another run"):
                run(source, name, pruner, **{flag: True})
        assert target.read_bytes() == b'{"line": 1}\n'
    run(source, target, pruner, overwrite=True, stop=1)


@posix_only
def test_a_file_that_cannot_be_locked_is_written_with_a_warning(
    source: Path, tmp_path: Path, pruner: Pruner, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    run(source, tmp_path / "out.jsonl", pruner, stop=1)
    assert "cannot be locked (Operation not supported)" in caplog.text


def test_a_packed_output_is_refused_as_it_would_not_be_packed(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match=r"without \.gz"):
        run(source, tmp_path / "out.jsonl.gz", pruner)


@posix_only
def test_a_named_pipe_is_written_without_a_record(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(len(open({str(pipe)!r}).readlines()))"], stdout=-1)
    run(source, pipe, pruner, stop=20)
    assert reader.communicate()[0].split() == [b"20"]
    assert not record_of(pipe).exists()
    with pytest.raises(InvalidInputError, match="not a regular file"):
        run(source, pipe, pruner, resume=True)
