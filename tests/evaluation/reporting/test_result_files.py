import json
from dataclasses import replace
from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.reporting.result_files import Figure, ResultFile, Table, read_result

TABLE = Table("Answers", ["method", "kept"], [["lead", "52.0"], ["a|b", 0.25], ["bm25", 1200]], "In per cent.")
RESULT = ResultFile(
    title="Quality",
    command="provence evaluate data.jsonl",
    machine="Some processor",
    commit="abc1234",
    tables=[TABLE, Table("Nothing to say", ["x"], [["y"]])],
    figures=[Figure("quality-pareto.svg", "A curve")],
    data={"methods": [{"name": "lead", "area": None}]},
)


def test_a_table_in_markdown() -> None:
    assert TABLE.to_markdown().splitlines() == [
        "| method | kept |",
        "| --- | --- |",
        "| lead | 52.0 |",
        "| a\\|b | 0.25 |",
        "| bm25 | 1200 |",
        "",
        "In per cent.",
    ]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "quality.json")
    assert read_result(tmp_path / "quality.json") == RESULT


def test_half_a_surrogate_pair_is_written_as_json_spells_it(tmp_path: Path) -> None:
    result = replace(RESULT, data={"answer": "a\ud800"})
    result.write(tmp_path / "result.json")
    assert read_result(tmp_path / "result.json").data["answer"] == "a\ud800"


def test_a_result_file_has_the_agreed_keys(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "quality.json")
    record = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    assert list(record) == ["title", "command", "machine", "commit", "tables", "figures", "data"]
    assert list(record["tables"][0]) == ["title", "columns", "rows", "note"]
    assert record["figures"] == [{"file": "quality-pareto.svg", "alt": "A curve"}]


def test_a_page_has_everything_in_order() -> None:
    page = RESULT.to_markdown(level=2, text="What it says.\n", figures="figures/")
    parts = [
        "## Quality\n\n```bash\nprovence evaluate data.jsonl\n```\n",
        "What it says.\n\n### Answers\n",
        "In per cent.\n",
        "### Nothing to say\n\n| x |\n",
        "![A curve](figures/quality-pareto.svg)\n",
        "(Some processor, commit abc1234.)\n",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert page.endswith(parts[-1])


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", "{}", json.dumps({"tables": [{"title": "t"}], "figures": []}), json.dumps({"tables": 3})],
)
def test_a_file_that_is_not_a_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(InvalidInputError, match=r"other\.json is not a result file"):
        read_result(tmp_path / "other.json")


def test_values_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        ResultFile("t", "c", "m", "", [], data={"x": float("nan")}).write(tmp_path / "bad.json")
