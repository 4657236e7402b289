import pytest
from rows import row

from provence_plugins.integrations.reading import read_result
from provence_plugins.integrations.tool_choice import COMPLETE_TOOLS, reason_to_keep
from provence_plugins.types import Passage

PROSE = "The castle has nine towers and a gate of iron. Sheep graze on the meadow around it all day. " * 3
LISTING = "/src/module_1/file_1.py\n/src/module_2/file_2.py\n" * 20
RECORDS = f"Title: Castles\nURL: https://example.org\nText: {PROSE}"
JSON = f'{{"results": [{{"content": "{PROSE}"}}]}}'


@pytest.mark.parametrize("content", [PROSE, RECORDS, JSON], ids=["prose", "records", "JSON"])
def test_prose_records_and_values_are_pruned_by_default(content: str) -> None:
    assert reason_to_keep("search", [read_result(content)]) is None


def test_documents_are_pruned_by_default_whatever_they_hold() -> None:
    assert reason_to_keep("search", [read_result(LISTING, [Passage(LISTING)])]) is None


def test_what_is_kept_has_a_reason() -> None:
    for content, options, reason in [
        (LISTING, {}, "no documents, records or prose"),
        ('{"temperature": 7}', {}, "no text"),
        (PROSE, {"tool": "read_file"}, "must be complete"),
        (PROSE, {"exclude_tools": ["search"]}, "named in exclude_tools"),
        (PROSE, {"tools": ["browse"]}, "not named in tools"),
        (PROSE, {"tools": ["search"], "exclude_tools": ["search"]}, "named in exclude_tools"),
        (PROSE, {"min_tokens": 1000}, "min_tokens=1000"),
        (PROSE, {"tools": ["search"], "min_tokens": 1000}, "min_tokens=1000"),
    ]:
        with row(content, options, reason):
            tool = options.pop("tool", "search")
            said = reason_to_keep(tool, [read_result(content)], **options)
            assert said is not None
            assert reason in said


@pytest.mark.parametrize(("tool", "content"), [("search", LISTING), ("read_file", PROSE)])
def test_a_named_tool_is_pruned_whatever_its_results_look_like(tool: str, content: str) -> None:
    assert reason_to_keep(tool, [read_result(content)], tools=[tool]) is None


def test_the_tools_of_files_and_programs_are_complete() -> None:
    assert {"ls", "glob", "grep", "read_file", "bash", "task", "recall"} <= COMPLETE_TOOLS
