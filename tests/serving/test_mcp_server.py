"""The tools, called by the official client."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rows import row

pytest.importorskip("mcp")

from mcp import Client
from mcp.server import MCPServer
from mcp_types import CallToolResult

from provence_plugins import Pruner, PruningPolicy, SharedScorer
from provence_plugins.errors import InvalidInputError
from provence_plugins.serving import mcp_server
from provence_plugins.serving.allowed_files import AllowedFiles
from provence_plugins.serving.mcp_server import create_mcp_server
from provence_plugins.testing import FailingBackend, WordBackend

Call = Callable[..., Awaitable[CallToolResult]]

QUERY = "castle towers"
TEXT = "The castle has nine towers. Sheep graze on the meadow."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "castle.md").write_text(TEXT, encoding="utf-8")
    (root / "sheep.md").write_text("Sheep are white.", encoding="utf-8")
    (tmp_path / "secret.md").write_text("The castle of secret towers.", encoding="utf-8")
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    return root


@pytest.fixture
def call(words: Pruner, root: Path) -> Call:
    """Calls a tool of one server that may read files below the root."""
    return partial(call_tool, create_mcp_server(words, files=AllowedFiles([root])))


async def call_tool(server: "MCPServer[Any]", tool: str, **arguments: Any) -> CallToolResult:
    async with Client(server) as client:
        return await client.call_tool(tool, arguments)


def text_of(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


def facts_of(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.meta is not None
    facts: dict[str, Any] = result.meta["provence"]
    return facts


async def test_the_tools_describe_themselves_and_every_argument(words: Pruner, root: Path) -> None:
    async with Client(create_mcp_server(words, files=AllowedFiles([root]))) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"prune_text", "prune_files", "rerank", "recall"}
    for tool in tools.values():
        assert len(tool.description or "") > 80
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        for name, schema in tool.input_schema["properties"].items():
            assert schema["description"].endswith("."), name
    assert "root" in (tools["prune_files"].description or "")


async def test_without_roots_there_is_no_tool_that_reads_files(words: Pruner) -> None:
    async with Client(create_mcp_server(words)) as client:
        assert "prune_files" not in [tool.name for tool in (await client.list_tools()).tools]
        assert (await client.call_tool("prune_files", {"query": QUERY, "paths": ["a.md"]})).is_error


async def test_prune_text_returns_the_sentences_that_help_and_the_facts_beside_them(call: Call) -> None:
    result = await call("prune_text", query=QUERY, texts=[TEXT, "Sheep are white."])
    assert "The castle has nine towers. [… 1 omitted]" in text_of(result)
    assert "Sheep graze" not in text_of(result)
    facts = facts_of(result)
    assert [passage["index"] for passage in facts["passages"]] == [0]
    assert [passage["index"] for passage in facts["dropped"]] == [1]


async def test_the_options_of_a_call_go_before_the_policy_of_the_server(words: Pruner) -> None:
    policy = PruningPolicy(threshold=0.9, omission="<{count}>")
    async with Client(create_mcp_server(words, policy)) as client:
        strict = await client.call_tool("prune_text", {"query": QUERY, "texts": [TEXT]})
        assert facts_of(strict)["passages"] == []
        loose = await client.call_tool("prune_text", {"query": QUERY, "texts": [TEXT], "threshold": 0.2})
        assert "The castle has nine towers. <1>" in text_of(loose)
        some = await client.call_tool(
            "prune_text", {"query": QUERY, "texts": [TEXT, TEXT], "threshold": 0, "top_n": 1, "max_tokens": 9}
        )
        assert len(facts_of(some)["passages"]) == 1
        assert facts_of(some)["tokens_after"] <= 9


async def test_what_was_omitted_is_recalled(call: Call) -> None:
    pruned = await call("prune_text", query=QUERY, texts=[TEXT, "Sheep are white."])
    facts = facts_of(pruned)
    kept, dropped = facts["passages"][0]["recall_id"], facts["dropped"][0]["recall_id"]
    assert kept in text_of(pruned)
    assert dropped in text_of(pruned)
    omitted = text_of(await call("recall", id=kept))
    assert "Sheep graze on the meadow." in omitted
    assert "castle" not in omitted
    assert text_of(await call("recall", id=kept, part="whole")) == TEXT
    assert text_of(await call("recall", id=dropped)) == "Sheep are white."


async def test_of_a_complete_text_nothing_is_recalled_but_the_whole(call: Call) -> None:
    pruned = await call("prune_text", query=QUERY, texts=["The castle has nine towers."], threshold=0)
    name = facts_of(pruned)["passages"][0]["recall_id"]
    for start in (0, 5):
        assert text_of(await call("recall", id=name, start=start)) == "[Nothing was omitted.]"
    assert text_of(await call("recall", id=name, part="whole")) == "The castle has nine towers."


async def test_files_below_the_root_are_pruned(call: Call) -> None:
    result = await call("prune_files", query=QUERY, paths=["*.md"])
    assert "[castle.md: relevance 1.000" in text_of(result)
    assert "secret" not in text_of(result)
    assert [passage["name"] for passage in facts_of(result)["dropped"]] == ["sheep.md"]
    whole = await call("recall", id=facts_of(result)["passages"][0]["recall_id"], part="whole")
    assert text_of(whole) == TEXT


@pytest.mark.parametrize("path", ["../secret.md", "link.md", "{outside}/secret.md", "./../secret.md", "*/../../*.md"])
async def test_nothing_outside_the_roots_is_read(call: Call, tmp_path: Path, path: str) -> None:
    given = path.replace("{outside}", str(tmp_path))
    result = await call("prune_files", query=QUERY, paths=["castle.md", given])
    assert result.is_error
    assert "only files below it may be read" in text_of(result)
    assert "of secret towers" not in text_of(result)


async def test_files_that_cannot_be_read_are_named(call: Call, root: Path) -> None:
    (root / "image.png").write_bytes(b"\xff")
    mixed = await call("prune_files", query=QUERY, paths=["castle.md", "image.png"])
    assert "Could not read image.png: it is not UTF-8 text." in text_of(mixed)
    alone = await call("prune_files", query=QUERY, paths=["image.png"])
    assert alone.is_error
    assert "None of the files could be read. image.png: it is not UTF-8 text." in text_of(alone)


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name may hold any bytes")
async def test_a_file_whose_name_is_not_utf8_is_served_under_a_name_that_json_can_hold(call: Call, root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.md")).write_text(TEXT, encoding="utf-8")
    (root / os.fsdecode(b"bad\xe9.png")).write_bytes(b"\xff")
    result = await call("prune_files", query=QUERY, paths=["caf*", "bad*"])
    assert [passage["name"] for passage in facts_of(result)["passages"]] == ["caf\ufffd.md"]
    assert "[caf\ufffd.md: relevance 1.000" in text_of(result)
    assert "Could not read bad\ufffd.png: it is not UTF-8 text." in text_of(result)
    assert result.model_dump_json()
    alone = await call("prune_files", query=QUERY, paths=["bad*"])
    assert alone.is_error
    assert alone.model_dump_json()


async def test_half_a_surrogate_pair_in_a_text_is_answered_in_characters_that_json_can_hold(call: Call) -> None:
    text = "The castle \ud800 has nine towers. Sheep \udce9 graze on the meadow."
    pruned = await call("prune_text", query=QUERY, texts=[text])
    assert "The castle \ufffd has nine towers. [… 1 omitted]" in text_of(pruned)
    recalled = await call("recall", id=facts_of(pruned)["passages"][0]["recall_id"], part="whole")
    assert text_of(recalled) == "The castle \ufffd has nine towers. Sheep \ufffd graze on the meadow."
    ranked = await call("rerank", query=QUERY, texts=[text])
    for result in (pruned, recalled, ranked):
        assert result.model_dump_json()


async def test_texts_are_ranked(call: Call) -> None:
    result = await call("rerank", query=QUERY, texts=["Sheep.", TEXT, "A castle."], top_n=2)
    assert [row["index"] for row in facts_of(result)["ranking"]] == [1, 2]
    assert text_of(result).splitlines()[0] == f"1.0000  text 1: {TEXT}"


async def test_a_wrong_argument_is_an_error_that_says_what_is_allowed(call: Call) -> None:
    for tool, arguments, reason in [
        ("prune_text", {"query": " ", "texts": [TEXT]}, "query is blank"),
        ("prune_text", {"query": QUERY, "texts": []}, "at least 1 item"),
        ("prune_text", {"query": QUERY, "texts": TEXT}, "texts must be an array; got a string."),
        ("prune_text", {"query": QUERY, "texts": [7]}, "texts[0] must be a string; got a number."),
        ("prune_text", {"query": QUERY, "texts": '["a", 7]'}, "texts[1] must be a string; got a number."),
        ("prune_text", {"query": QUERY}, "texts is missing."),
        ("prune_text", {"query": QUERY, "texts": [TEXT], "threshold": 2}, "threshold must be a number from 0 to 1"),
        ("prune_text", {"query": QUERY, "texts": [TEXT], "max_tokens": -1}, "max_tokens must be"),
        ("prune_text", {"query": QUERY, "texts": [TEXT], "top_n": 0}, "top_n must be"),
        ("prune_text", {"query": "castle " * 600, "texts": [TEXT]}, "query"),
        ("prune_files", {"query": QUERY, "paths": ["missing.md"]}, "No file matches 'missing.md'"),
        ("prune_files", {"query": QUERY, "paths": []}, "at least 1 item"),
        ("rerank", {"query": "", "texts": [TEXT]}, "query is blank"),
        ("rerank", {"query": QUERY, "texts": [TEXT], "top_n": 0}, "top_n must be"),
        ("prune_text", {"query": QUERY, "texts": [TEXT], "treshold": 1}, "'treshold'. Did you mean 'threshold'?"),
        ("prune_text", {"query": QUERY, "texts": [TEXT], "max_token": 2}, "'max_token'. Did you mean 'max_tokens'?"),
        (
            "prune_text",
            {"query": QUERY, "texts": [TEXT], "threshold": True},
            "one of 'careful', 'balanced' or 'short'; got a truth value.",
        ),
        (
            "prune_text",
            {"query": QUERY, "texts": [TEXT], "threshold": "foo"},
            "must be a number or one of 'careful', 'balanced' or 'short'.",
        ),
        (
            "prune_text",
            {"query": QUERY, "texts": [TEXT], "max_tokens": True},
            "max_tokens must be an integer; got a truth value.",
        ),
        ("prune_files", {"query": QUERY, "paths": ["castle.md"], "title": "A"}, "Unknown argument 'title'"),
        (
            "prune_files",
            {"query": QUERY, "paths": ["castle.md"], "top_n": True},
            "top_n must be an integer; got a truth value.",
        ),
        ("rerank", {"query": QUERY, "texts": [TEXT], "threshold": 0.5}, "Unknown argument 'threshold'"),
        ("recall", {"id": "x", "part": "whole", "begin": 2}, "Unknown argument 'begin'"),
        ("recall", {"id": "x", "start": True}, "start must be an integer; got a truth value."),
        ("recall", {"id": "x"}, "no text with the id 'x'"),
        ("recall", {"id": "x", "part": "half"}, "'omitted' or 'whole'"),
        ("recall", {"id": "x", "start": -1}, "greater than or equal to 0"),
    ]:
        with row(tool, arguments, reason):
            result = await call(tool, **arguments)
            assert result.is_error
            assert reason in text_of(result)
            assert "\n" not in text_of(result)
            assert "pydantic" not in text_of(result)


async def test_a_whole_number_or_a_name_is_a_threshold_and_null_is_no_option(call: Call) -> None:
    for threshold in (0, "careful", 0.2, None):
        result = await call("prune_text", query=QUERY, texts=[TEXT], threshold=threshold, max_tokens=None, title=None)
        assert "nine towers" in text_of(result)


async def test_too_much_text_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_server, "MAX_TOTAL_BYTES", 20)
    for tool in ("prune_text", "rerank"):
        result = await call(tool, query=QUERY, texts=[TEXT])
        assert result.is_error
        assert "at most 20 are allowed" in text_of(result)


async def test_a_failure_of_the_engine_is_an_error_of_the_call_alone() -> None:
    with Pruner(backend=FailingBackend(), scorer=SharedScorer) as pruner:
        async with Client(create_mcp_server(pruner)) as client:
            for tool in ("prune_text", "rerank"):
                result = await client.call_tool(tool, {"query": QUERY, "texts": [TEXT]})
                assert result.is_error
                assert "always fails" in text_of(result)
            assert len((await client.list_tools()).tools) == 3


async def test_calls_run_side_by_side() -> None:
    """While one call waits for the model, another one is answered."""
    backend = WordBackend()
    with Pruner(backend=backend, scorer=SharedScorer, threshold=0.2) as pruner:
        async with Client(create_mcp_server(pruner)) as client:
            backend.gate.clear()
            slow = asyncio.create_task(client.call_tool("prune_text", {"query": QUERY, "texts": [TEXT]}))
            await asyncio.to_thread(backend.waiting.wait, 5)
            quick = await client.call_tool("recall", {"id": "x"})
            assert quick.is_error
            assert not slow.done()
            backend.gate.set()
            assert "nine towers" in text_of(await slow)


def test_the_memory_of_recall_must_not_be_negative(words: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="recall_characters"):
        create_mcp_server(words, recall_characters=-1)


@pytest.mark.parametrize(
    "options", [{"pruner": 3}, {"policy": 3}, {"files": 3}, {"recall_characters": 1.5}, {"recall": 3}], ids=str
)
def test_an_argument_of_another_type_is_refused_by_name(words: Pruner, options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(InvalidInputError, match=name):
        create_mcp_server(**{"pruner": words, **options})
