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


def test_a_content_without_text_stays() -> None:
    for content in ["", " ", [], [IMAGE], [{"type": "text"}], [{"type": []}], None, 7, {"type": "x"}]:
        with row(content):
            assert find_texts(content) == []
            assert replace_texts(content, {}) == content
