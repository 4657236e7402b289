"""Files of strangers for `provence bulk`: every line gives a line, and a run that was stopped anywhere can go on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_inputs import queries, texts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provence_plugins import Pruner
from provence_plugins.cli.bulk_files import open_output
from provence_plugins.cli.bulk_input import file_size, open_input
from provence_plugins.cli.bulk_lines import prune_here, prune_lines
from provence_plugins.cli.bulk_record import RunSettings
from provence_plugins.errors import InvalidInputError
from provence_plugins.testing import NumberBackend

HUGE = 300_000

# Every example is a file.
fewer = settings(max_examples=max(1, settings().max_examples // 4))


@pytest.fixture(scope="module")
def pruner() -> Iterator[Pruner]:
    with Pruner(backend=NumberBackend(), window_tokens=48) as pruner:
        yield pruner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bulk")


def requests() -> st.SearchStrategy[dict[str, Any]]:
    """Requests, valid and invalid, with keys of their sender."""
    passage = st.one_of(texts(), st.fixed_dictionaries({"text": texts()}, optional={"title": st.none() | texts(3)}))
    others = st.one_of(st.none(), st.integers(), st.floats(), texts(3), st.lists(st.none() | st.booleans()))
    return st.fixed_dictionaries(
        {"query": queries(), "passages": st.lists(passage, max_size=3)},
        optional={"id": others, "line": others, "\ud800": others},
    )


def lines_of_files() -> st.SearchStrategy[list[bytes]]:
    """Lines of JSON, of damaged JSON and of arbitrary bytes, each with its line end."""
    encoded = st.builds(lambda value, ascii_: json.dumps(value, ensure_ascii=ascii_), requests(), st.booleans())
    valid = encoded.map(lambda text: text.encode("utf-8", "surrogatepass"))
    half = st.builds(lambda line, at: line[: at % (len(line) + 1)], valid, st.integers(0, 500))
    odd = st.sampled_from([b"", b"{}", b"[]", b"null", b'"x"', b"1e999", b"[" * 100_000, b"\xff\xfe", b'{"query": 1}'])
    content = st.one_of(valid, valid, half, odd, st.binary(max_size=20))
    return st.lists(content.map(lambda line: line.replace(b"\n", b" ") + b"\n"), max_size=6)


def run(source: Path, target: Path, pruner: Pruner, **how: bool) -> None:
    """Prune a file as the command does."""
    with open_input(str(source)) as lines:
        settings = RunSettings("model", file_size(lines), {})
        with open_output(str(target), lines, settings, **how) as output:
            for line in prune_lines(lines, prune_here(pruner), done=output.lines, check_group=output.check_group):
                output.write(line.to_json())


@fewer
@given(lines_of_files())
def test_every_line_gives_one_line_and_a_binary_file_is_refused(pruner: Pruner, lines: list[bytes]) -> None:
    try:
        written = [line.to_json() for line in prune_lines(lines, prune_here(pruner))]
    except InvalidInputError as error:
        assume("binary file" in str(error))
        written = [line.to_json() for line in prune_lines([b"{}\n", *lines], prune_here(pruner))][1:]
        lines = lines[: len(written)]
    assert len(written) == len(lines)
    for line in written:
        assert line.count("\n") == 1
        row = json.loads(line)
        assert ("error" in row) != ("passages" in row)


@fewer
@given(st.lists(requests(), min_size=1, max_size=4), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_run_that_was_cut_off_at_any_byte_goes_on_to_the_same_bytes(
    folder: Path, pruner: Pruner, rows: list[dict[str, Any]], cut: int, cut_record: int
) -> None:
    source, target, record = folder / "in.jsonl", folder / "out.jsonl", folder / "out.jsonl.run"
    source.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    run(source, target, pruner, overwrite=True)
    whole, whole_record = target.read_bytes(), record.read_bytes()
    assert whole.count(b"\n") == len(rows)
    target.write_bytes(whole[: cut % (len(whole) + 1)])
    run(source, target, pruner, resume=True)
    assert (target.read_bytes(), record.read_bytes()) == (whole, whole_record)
    # A record that does not reach as far as the output is refused; nothing else may happen.
    record.write_bytes(whole_record[: cut_record % (len(whole_record) + 1)])
    try:
        run(source, target, pruner, resume=True)
    except InvalidInputError:
        pass
    else:
        assert record.read_bytes() == whole_record
    assert target.read_bytes() == whole


@pytest.mark.parametrize("fragment", ["x", " ", '"', "\\", "[", "{", '{"a":', "\x00", "é", "[1,", "-", "0", "\t"])
def test_a_huge_line_costs_itself_only(fragment: str, pruner: Pruner) -> None:
    valid = json.dumps({"query": "where is paris", "passages": ["Paris."]}).encode() + b"\n"
    huge = fragment.encode() * HUGE + b"\n"
    outcomes = [line.error is None for line in prune_lines([valid, huge, valid], prune_here(pruner))]
    assert outcomes == [True, False, True]
