"""Parquet in and out: the same results as with JSON lines, columns that keep their types, and no row lost."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Pruner
from provence_plugins.cli.bulk_files import open_output
from provence_plugins.cli.bulk_input import count_lines, file_size, open_input
from provence_plugins.cli.bulk_lines import prune_here, prune_lines
from provence_plugins.cli.bulk_record import RunSettings
from provence_plugins.errors import InvalidInputError
from provence_plugins.testing import NumberBackend

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = 256 + 60

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def pruner() -> Iterator[Pruner]:
    with Pruner(backend=NumberBackend(), window_tokens=48) as pruner:
        yield pruner


def request(number: int) -> dict[str, Any]:
    passages = ["Paris is a city. " * (number % 4), "Cheese. A river!"]
    return {"query": f"Where is {number}?", "passages": passages[: number % 3], "id": number}


def table(count: int = ROWS) -> Any:
    rows = [request(number) for number in range(count)]
    rows[min(7, count - 1)]["query"] = None
    columns = {
        "when": pa.array([datetime(2020, 1, 1)] * count),
        "price": pa.array([Decimal("1.25")] * count),
        "image": pa.array([b"\xff\x00"] * count),
    }
    return pa.table({**{name: [row[name] for row in rows] for name in ("id", "query", "passages")}, **columns})


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "in.parquet"
    pq.write_table(table(), path, row_group_size=200)
    return path


def prune(
    source: Path, target: Path, pruner: Pruner, *, stop: int | None = None, finish: bool = True, **how: bool
) -> int:
    """Prune a file as the command does; `stop` ends the run after so many lines as a kill would."""
    written = 0
    with open_input(str(source), only_requests=target.suffix == ".parquet") as lines:
        settings = RunSettings("model", file_size(lines), {})
        with open_output(str(target), lines, settings, **how) as output:
            for line in prune_lines(lines, prune_here(pruner), done=output.lines, check_group=output.check_group):
                if written == stop:
                    return written
                output.write(line.to_json())
                written += 1
            if finish:
                output.finish()
    return written


@pytest.fixture(scope="module")
def undisturbed(source: Path, pruner: Pruner) -> tuple[bytes, bytes]:
    target = source.with_name("undisturbed.parquet")
    prune(source, target, pruner)
    return files_of(target)


def files_of(target: Path) -> tuple[bytes, bytes]:
    """The output and its record; nothing else is left."""
    assert not target.with_name(f"{target.name}.lines").exists()
    return target.read_bytes(), target.with_name(f"{target.name}.run").read_bytes()


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return rows


def test_rows_have_the_results_of_json_lines_and_their_own_columns(
    source: Path, undisturbed: tuple[bytes, bytes], tmp_path: Path, pruner: Pruner
) -> None:
    rows = read(source.with_name("undisturbed.parquet"))
    lines, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in table().select([0, 1, 2]).to_pylist()))
    prune(lines, target, pruner)
    for row, line in zip(rows, target.read_bytes().splitlines(), strict=True):
        expected = json.loads(line)
        assert {key: row[key] for key in expected} == expected
        assert (row["when"], row["price"], row["image"]) == (datetime(2020, 1, 1), Decimal("1.25"), b"\xff\x00")
    assert [row["id"] for row in rows] == [*range(ROWS)]
    assert [(row["line"], row["error"]) for row in rows if row["error"]] == [
        (8, "query must be a string; got NoneType.")
    ]
    assert rows[7]["passages"] is None


def test_a_parquet_file_becomes_the_json_lines_that_its_rows_would(tmp_path: Path, pruner: Pruner) -> None:
    columns = table(9).select([0, 1, 2])
    pq.write_table(columns, tmp_path / "in.parquet")
    (tmp_path / "in.jsonl").write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in columns.to_pylist()))
    prune(tmp_path / "in.parquet", tmp_path / "a.jsonl", pruner)
    prune(tmp_path / "in.jsonl", tmp_path / "b.jsonl", pruner)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert count_lines(str(tmp_path / "in.parquet")) == 9


def test_json_lines_become_rows_with_other_keys_in_one_column(tmp_path: Path, pruner: Pruner) -> None:
    lines = [{**request(2), "tags": ["a", 1]}, {"query": "half \ud800?", "passages": ["x"]}, {"id": 3}]
    (tmp_path / "in.jsonl").write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    prune(tmp_path / "in.jsonl", tmp_path / "out.parquet", pruner)
    first, second, third = read(tmp_path / "out.parquet")
    assert json.loads(first["other"]) == {"id": 2, "tags": ["a", 1]}
    assert (second["query"], second["other"]) == ("half \ufffd?", None)
    assert third["error"].startswith("The request has no 'query'")


def test_passages_may_be_structs_with_titles(tmp_path: Path, pruner: Pruner) -> None:
    passages = [[{"text": "Paris.", "title": "City", "url": "u"}, {"text": "Rome.", "title": None, "url": "v"}]]
    pq.write_table(pa.table({"query": ["city?"], "passages": passages}), tmp_path / "in.pq")
    prune(tmp_path / "in.pq", tmp_path / "out.parquet", pruner)
    [row] = read(tmp_path / "out.parquet")
    assert row["error"] is None
    assert row["tokens_before"] > 0


@pytest.mark.parametrize("target", ["out.parquet", "out.jsonl"])
def test_other_fields_of_a_passage_are_ignored_even_if_json_cannot_hold_them(
    target: str, tmp_path: Path, pruner: Pruner
) -> None:
    passage = {"text": "Paris.", "title": "City", "score": float("nan"), "at": datetime(2020, 1, 1), "image": b"\xff"}
    pq.write_table(pa.table({"query": ["city?", "river?"], "passages": [[passage], None]}), tmp_path / "in.parquet")
    prune(tmp_path / "in.parquet", tmp_path / target, pruner)
    if target.endswith(".parquet"):
        rows = read(tmp_path / target)
    else:
        rows = [json.loads(line) for line in (tmp_path / target).read_bytes().splitlines()]
    assert [row.get("error") for row in rows] == [None, "passages must be a list; got NoneType."]
    assert rows[0]["tokens_before"] > 0


NOT_FINITE = {
    "NaN": [1.0, float("nan"), None],
    "infinity": [1.0, None, float("-inf")],
    "half precision": pa.array([1.0, float("nan"), None]).cast(pa.float16()),
    "in a list": [[1.0], None, [0.5, float("nan")]],
    "in a struct of lists": [{"a": "x", "b": [1.0]}, None, {"a": None, "b": [float("inf")]}],
}


@pytest.mark.parametrize("scores", NOT_FINITE.values(), ids=NOT_FINITE)
def test_numbers_that_json_cannot_hold_are_refused_before_a_run_to_json_lines_and_copied_to_parquet(
    scores: Any, run: Run, tmp_path: Path, pruner: Pruner
) -> None:
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"query": ["q"] * 3, "passages": [["Paris."]] * 3, "score": scores}), source)
    complaint = run("bulk", source, tmp_path / "out.jsonl").complaint
    assert "JSON cannot hold NaN or infinity, and the column 'score' does. Name an output that ends in" in complaint
    assert not (tmp_path / "out.jsonl").exists()
    prune(source, tmp_path / "out.parquet", pruner)
    assert str([row["score"] for row in read(tmp_path / "out.parquet")]) == str(
        pq.read_table(source)["score"].to_pylist()
    )


def test_finite_numbers_and_nulls_become_json(tmp_path: Path, pruner: Pruner) -> None:
    columns = {"score": [1.5, None], "vector": [[0.25, None], None], "facts": [{"a": 1, "b": 2.0}, {"a": 2, "b": None}]}
    pq.write_table(pa.table({"query": ["q"] * 2, "passages": [["Paris."]] * 2, **columns}), tmp_path / "in.parquet")
    prune(tmp_path / "in.parquet", tmp_path / "out.jsonl", pruner)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert {name: [row[name] for row in rows] for name in columns} == columns


@pytest.mark.parametrize("stop", [0, 1, 256, 300, ROWS])
def test_a_resumed_run_writes_the_same_bytes_as_one_that_was_never_stopped(
    stop: int, source: Path, undisturbed: tuple[bytes, bytes], tmp_path: Path, pruner: Pruner
) -> None:
    target = tmp_path / "out.parquet"
    prune(source, target, pruner, stop=stop, finish=False)
    # A kill may come in the middle of a line, and while the rows are written.
    with open(tmp_path / "out.parquet.lines", "ab") as lines:
        lines.write(b'{"line": 1')
    target.write_bytes(b"PAR1 and half a row group")
    assert prune(source, target, pruner, resume=True) == ROWS - stop
    assert files_of(target) == undisturbed
    assert prune(source, target, pruner, resume=True) == 0, "it was complete"
    assert files_of(target) == undisturbed


def test_a_complete_output_is_not_continued_with_a_longer_input(tmp_path: Path, pruner: Pruner) -> None:
    shorter, longer, target = (tmp_path / name for name in ("short.jsonl", "long.jsonl", "out.parquet"))
    lines = [json.dumps(request(number)).encode() + b"\n" for number in range(257)]
    shorter.write_bytes(b"".join(lines[:256]))
    longer.write_bytes(b"".join(lines))
    prune(shorter, target, pruner)
    before = files_of(target)
    with pytest.raises(InvalidInputError, match="the input had"):
        prune(longer, target, pruner, resume=True)
    assert files_of(target) == before


def test_what_holds_something_is_replaced_only_when_asked(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    target = tmp_path / "out.parquet"
    prune(source, target, pruner, stop=5, finish=False)
    with pytest.raises(InvalidInputError, match="is not empty"):
        prune(source, target, pruner)
    (tmp_path / "out.parquet.lines").write_text("precious\n")
    with pytest.raises(InvalidInputError, match="not a file of results"):
        prune(source, target, pruner, overwrite=True)
    assert (tmp_path / "out.parquet.lines").read_text() == "precious\n"
    (tmp_path / "out.parquet.lines").unlink()
    target.write_text("precious")
    with pytest.raises(InvalidInputError, match="was not written by a run"):
        prune(source, target, pruner, resume=True)
    assert target.read_text() == "precious"
    assert prune(source, target, pruner, overwrite=True) == ROWS


def test_a_text_that_is_not_utf8_fails_alone(tmp_path: Path, pruner: Pruner) -> None:
    texts = pa.array([b"fine?", b"\xff\xfe?", b"fine too?"], pa.binary())
    query = pa.StringArray.from_buffers(3, *texts.buffers()[1:])
    pq.write_table(pa.table({"query": query, "passages": [["Paris."]] * 3}), tmp_path / "in.parquet")
    prune(tmp_path / "in.parquet", tmp_path / "out.parquet", pruner)
    assert ["utf-8" in str(row["error"]) for row in read(tmp_path / "out.parquet")] == [False, True, False]


def refused(name: str, columns: dict[str, Any], message: str, target: str = "out.parquet") -> Any:
    return pytest.param(columns, message, target, id=name)


@pytest.mark.parametrize(
    ("columns", "message", "target"),
    [
        refused("no passages", {"query": ["q"], "texts": [["t"]]}, "no column 'passages'; it has query, texts. Give"),
        refused("no columns", {}, "no column 'query'; it has none"),
        refused("query of numbers", {"query": [1], "passages": [["t"]]}, "must hold strings, and its type is int64"),
        refused("passages of text", {"query": ["q"], "passages": ["t"]}, "its type is string"),
        refused("passages without text", {"query": ["q"], "passages": [[{"body": "t"}]]}, "its type is list<"),
        refused("title of numbers", {"query": ["q"], "passages": [[{"text": "t", "title": 1}]]}, "its type is list<"),
        refused("name taken", {"query": ["q"], "passages": [["t"]], "error": [1]}, "two columns 'error'"),
        refused(
            "type",
            {"query": ["q"], "passages": [["t"]], "at": [datetime(2020, 1, 1)]},
            "JSON cannot hold the column 'at' of type timestamp[us]",
            "out.jsonl",
        ),
    ],
)
def test_a_file_without_requests_is_one_line_and_exit_code_two(
    columns: dict[str, Any], message: str, target: str, run: Run, tmp_path: Path
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    assert message in run("bulk", tmp_path / "in.parquet", tmp_path / target).complaint
    assert not (tmp_path / target).exists()


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"", lambda data: b'{"query": "q"}\n'])
def test_a_damaged_file_is_one_line_and_exit_code_two(
    damage: Callable[[bytes], bytes], run: Run, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "in.parquet").write_bytes(damage(source.read_bytes()))
    complaint = run("bulk", tmp_path / "in.parquet", tmp_path / "out.parquet").complaint
    assert "in.parquet is not a complete Parquet file" in complaint


def test_damage_inside_is_told_when_it_is_reached(source: Path, tmp_path: Path, pruner: Pruner) -> None:
    data = bytearray(source.read_bytes())
    data[4:400] = bytes(396)
    (tmp_path / "in.parquet").write_bytes(data)
    with pytest.raises(InvalidInputError, match="not a complete Parquet file"):
        prune(tmp_path / "in.parquet", tmp_path / "out.parquet", pruner)


def test_the_command_writes_parquet_and_a_summary(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    pq.write_table(table(9), tmp_path / "in.parquet")
    done = run("bulk", tmp_path / "in.parquet", tmp_path / "out.parquet", "--model", tiny_folder)
    assert done.code == 1
    assert done.err.startswith("provence: line 8: query must be a string")
    assert "9 lines written; 1 of them errors;" in done.err
    assert len(read(tmp_path / "out.parquet")) == 9


@pytest.mark.parametrize("names", [("in.parquet", "out.jsonl"), ("in.jsonl", "out.parquet")], ids=" to ".join)
def test_without_pyarrow_the_extra_is_named_and_nothing_is_created(
    names: tuple[str, str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = (tmp_path / name for name in names)
    source.write_bytes(b"")
    for module in ("bulk_parquet", "bulk_parquet_output"):
        monkeypatch.delitem(sys.modules, f"provence_plugins.cli.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    complaint = run("bulk", source, target).complaint
    assert 'pip install "provence-plugins[parquet]"' in complaint
    assert not target.exists()
