import copy

import pytest
from rows import row

from provence_plugins.integrations.content_blocks import find_texts, replace_texts

IMAGE = {"type": "image", "base64": "AAAA"}
BLOCKS = {
    "text": ({"type": "text", "text": "castle", "id": "t"}, None),
    "plain string": ("castle", None),
    "text-plain": ({"type": "text-plain", "text": "castle", "mime_type": "text/plain"}, None),
    "input_text": ({"type": "input_text", "text": "castle"}, None),
    "search_result": (
        {
            "type": "search_result",
            "source": "https://example.org",
            "title": "Castles",
            "content": [{"type": "text", "text": "castle"}],
        },
        "Castles",
    ),
    "document": ({"type": "document", "title": "A", "source": {"type": "text", "data": "castle"}}, "A"),
    "tool_result": ({"type": "tool_result", "tool_use_id": "1", "content": "castle"}, None),
    "tool_result with blocks": ({"type": "tool_result", "content": [{"type": "text", "text": "castle"}, IMAGE]}, None),
}


@pytest.mark.parametrize(("block", "title"), BLOCKS.values(), ids=BLOCKS.keys())
def test_the_text_of_a_block_is_found_and_replaced(block: object, title: str | None) -> None:
    content = [IMAGE, block]
    before = copy.deepcopy(content)
    [leaf] = find_texts(content)
    assert (leaf.text, leaf.title) == ("castle", title)
    assert str(replace_texts(content, {leaf.path: "tower"})) == str(content).replace("castle", "tower")
    assert content == before


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "tool_result with blocks"])
def test_a_block_whose_text_is_removed_is_removed(name: str) -> None:
    content = [IMAGE, BLOCKS[name][0]]
    [leaf] = find_texts(content)
    assert replace_texts(content, {leaf.path: None}) == [IMAGE]


def test_a_block_that_holds_something_else_stays() -> None:
    content = [BLOCKS["tool_result with blocks"][0]]
    [leaf] = find_texts(content)
    assert replace_texts(content, {leaf.path: None}) == [{"type": "tool_result", "content": [IMAGE]}]


CACHE, HOUR = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def text(words: str, cache: object = None) -> dict[str, object]:
    block: dict[str, object] = {"type": "text", "text": words}
    return block if cache is None else {**block, "cache_control": cache}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([text("a"), text("-", CACHE), text("b")], [text("a", CACHE), text("b")]),
        ([text("-", CACHE), text("b"), text("c")], [text("b", CACHE), text("c")]),
        ([text("a"), text("-"), text("-", HOUR)], [text("a", HOUR)]),
        ([text("a", HOUR), text("-", CACHE)], [text("a", HOUR)]),
        ([text("a"), "b", text("-", CACHE)], [text("a", CACHE), "b"]),
        ([IMAGE, text("-", CACHE)], [{**IMAGE, "cache_control": CACHE}]),
        ([text("a"), {"type": "search_result", "content": [text("-", CACHE), text("-")]}], [text("a", CACHE)]),
        ([{"type": "tool_result", "content": [text("a"), text("-", CACHE)]}],
         [{"type": "tool_result", "content": [text("a", CACHE)]}]),
        ([{**text("a"), "cache_control": None}, text("-", CACHE)], [text("a", CACHE)]),
        (["a", text("-", CACHE)], ["a"]),
        ([text("-", CACHE)], None),
    ],
    ids=[
        "before", "after", "two removed", "its own", "string", "image", "inside", "nested", "none",
        "no place", "no block",
    ],
)  # fmt: skip
def test_the_cache_breakpoint_of_a_removed_block_moves_to_the_nearest_that_stays(
    content: list[object], expected: object
) -> None:
    before = copy.deepcopy(content)
    removed = {leaf.path: None for leaf in find_texts(content) if leaf.text == "-"}
    assert replace_texts(content, removed) == expected
    assert content == before


def test_a_content_without_text_stays() -> None:
    for content in ["", " ", [], [IMAGE], [{"type": "text"}], [{"type": []}], None, 7, {"type": "x"}]:
        with row(content):
            assert find_texts(content) == []
            assert replace_texts(content, {}) == content
