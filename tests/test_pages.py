"""The pages of results are what their script makes of the result files."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from provence_plugins.evaluation.reporting.result_files import Figure, ResultFile, Table, read_result

ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "benchmarks" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, name: str, *figures: Figure) -> None:
    folder.mkdir(exist_ok=True)
    table = Table("A table", ["x"], [[name]])
    ResultFile(f"About {name}", f"run {name}", "A machine", "abc", [table], figures).write(folder / f"{name}.json")


@pytest.mark.parametrize("prefix", ["", "reader", "ablations"])
def test_a_page_is_the_one_that_the_script_writes(pages: ModuleType, prefix: str) -> None:
    rendered = pages.render(ROOT / "benchmarks" / "results", ROOT / "benchmarks" / "text", prefix)
    assert pages.PAGES[prefix].read_text(encoding="utf-8") == rendered, "run: python benchmarks/pages.py"


def test_results_of_language_models_have_a_page_of_their_own(pages: ModuleType, tmp_path: Path) -> None:
    for name in ("speed", "reader", "reader-large"):
        write(tmp_path, name)
    (tmp_path / "reader-beginning.md").write_text("# Answers\n")
    assert "About reader" not in pages.render(tmp_path, tmp_path)
    page = pages.render(tmp_path, tmp_path, "reader")
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Answers",
        "## About reader",
        "### A table",
        "## About reader-large",
        "### A table",
    ]


def test_quality_comes_first_and_what_is_not_in_the_order_last(pages: ModuleType, tmp_path: Path) -> None:
    for name in ("another", "speed", "quality", "zebra"):
        write(tmp_path, name)
    (tmp_path / "beginning.md").write_text("# Everything\n\n")
    (tmp_path / "speed.md").write_text("How fast.\n")
    (tmp_path / "end.md").write_text("Nothing more.\n")
    page = pages.render(tmp_path, tmp_path)
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert headings == ["## About quality", "## About speed", "## About another", "## About zebra"]
    assert page.startswith("# Everything\n\n## About quality\n")
    assert "run speed\n```\n\nHow fast.\n\n### A table\n" in page
    assert page.endswith("\n\nNothing more.\n")


def test_pictures_are_looked_for_where_the_page_has_them(pages: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "quality", Figure("q.svg", "A curve"))
    assert "![A curve](figures/q.svg)" in pages.render(tmp_path, tmp_path)


def test_a_page_may_show_some_tables_alone(pages: ModuleType) -> None:
    tables = [Table(title, ["x"], [[1]]) for title in ("Words at one threshold", "By source", "Differences")]
    result = ResultFile("All", "run", "A machine", "abc", tables, [Figure("q.svg", "A curve")])
    shown = pages.choose_tables(result, "published")
    assert [table.title for table in shown.tables] == ["Words at one threshold", "Differences"]
    assert not shown.figures
    assert pages.choose_tables(result, "quality") == result


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_committed_result_names_its_command_and_has_its_pictures(pages: ModuleType, path: Path) -> None:
    result = read_result(path)
    assert result.command.split()[0] in ("provence", "python")
    assert result.machine
    assert result.commit
    for figure in pages.choose_tables(result, path.stem).figures:
        assert (ROOT / "docs" / "figures" / figure.file).is_file()
    assert all(len(row) == len(table.columns) for table in result.tables for row in table.rows)


def test_there_are_results() -> None:
    assert RESULTS
