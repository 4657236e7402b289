import json
from pathlib import Path

import pytest

from provence_plugins.cli.evaluate_data import DataOptions
from provence_plugins.errors import InvalidInputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of two questions each."""
    for name in ("books", "films"):
        lines = []
        for number in range(2):
            answer = {"passage": f"The {name} of {number}.", "answer_spans": [[0, 3]], "is_positive": True}
            lines.append(json.dumps({"question": f"Which {name}, {number}?", "source": name, **answer}))
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_files_that_match_a_pattern_are_skipped(folder: Path) -> None:
    options = DataOptions(exclude=["film*"])
    assert options.find([str(folder / "*.jsonl")]) == [folder / "books.jsonl"]


def test_a_limit_counts_for_each_source(folder: Path) -> None:
    examples = DataOptions(limit=1).read([str(folder / "*.jsonl")])
    assert [example.source for example in examples] == ["books", "films"]


def test_excluding_everything_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="--exclude skips all 2 files"):
        DataOptions(exclude=["*"]).find([str(folder / "*.jsonl")])


def test_a_group_has_a_name_and_its_patterns() -> None:
    assert DataOptions(group=["news=squad*,newsqa"]).read_groups() == {"news": ["squad*", "newsqa"]}


@pytest.mark.parametrize("groups", [["books"], ["=books"], ["books="], ["a=books", "a=films"]])
def test_a_malformed_group_is_refused(groups: list[str]) -> None:
    with pytest.raises(InvalidInputError, match=f"each name once; got '{groups[-1]}'"):
        DataOptions(group=groups).read_groups()
