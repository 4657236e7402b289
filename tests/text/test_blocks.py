from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from provence_plugins.text.blocks import split_blocks

LINES = [
    "", " ", "# Title", "## Part ##", "#tag", "Title", "====", "----", "--", "***", "```", "```py", "~~~~",
    "    code", "\tcode", "- item", "  - nested", "* item", "• item", "1. one", "2) two", "a) letter", "1.", "-",
    "  indented", "| a | b |", "|---|:-:|", "a | b", "---|---", "> quote", ">", "Prose that goes on. And on.",
    "Short", "2019. It was", "Name: Bob", "== ==", "== =", "+--+--+", "+==+", "│ a │", "┌──┐", "@@ -1,2 +1,2 @@",
    "--- a/x", "+++ b/x", "diff --git a/x b/x", "-- ", "10:02 job", "[x] y", "<ann> hi", "Q: a?", "a,b,c", "a;b;c",
    "a\tb", "a  b  c", "<p>x</p>", "<tr><th>a</th></tr>", "00:01.000 --> 00:02.000", "12", "key = value",
    "-a, --all", "        deeper words of prose here", "CAPS", "(3) clause", "4.2 clause", "Title:", "f(x) = {",
    "\ufeff# A", "    Some words that are prose.", "{", "]", "x" * 130, "    " + "x" * 130, "。东京", "\u2028", "é",
]  # fmt: skip
MARKDOWN = st.builds(
    lambda lines, ends: "".join(line + end for line, end in zip(lines, ends, strict=False)),
    st.lists(st.sampled_from(LINES), max_size=25),
    st.lists(st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""]), min_size=25, max_size=25),
)


def pieces(text: str) -> list[tuple[str, str]]:
    return [(block.kind, text[block.start : block.end]) for block in split_blocks(text)]


def kinds(text: str) -> list[str]:
    return [block.kind for block in split_blocks(text)]


@given(st.one_of(MARKDOWN, st.text(), st.text(alphabet="-=|:#`~>*1.)a \t\n\r", max_size=60)))
def test_blocks_tile_any_text_and_prose_lies_inside_its_block(text: str) -> None:
    blocks = list(split_blocks(text))
    edges = [0, *(block.end for block in blocks)]
    assert [(block.start, block.end) for block in blocks] == list(pairwise(edges))
    assert edges[-1] == len(text)
    for block in blocks:
        assert block.start < block.end
        assert block.prose is None or block.start <= block.prose[0] < block.prose[1] <= block.end
        assert (block.level > 0) == (block.kind == "heading")


def test_an_empty_text_has_no_blocks_and_a_blank_one_has_one() -> None:
    assert not list(split_blocks(""))
    assert pieces(" \n\t\n") == [("sentence", " \n\t\n")]


def test_headings_in_both_styles_carry_their_level() -> None:
    text = "# One\n###### Six\nTop\n===\nSub\n---\nText.\n"
    assert [(block.kind, block.level) for block in split_blocks(text)] == [
        ("heading", 1), ("heading", 6), ("heading", 1), ("heading", 2), ("sentence", 0),
    ]  # fmt: skip


def test_a_heading_has_up_to_120_characters_without_white_space_around_it() -> None:
    assert kinds(f"  # {'x' * 118}  \nText.\n") == ["heading", "sentence"]


def test_tildes_as_long_as_the_line_above_underline_it_and_shorter_ones_open_a_fence() -> None:
    text = "Sub title\n~~~~~~~~~\n\nText.\n\nSay:\n~~~\ncode\n~~~\nMore.\n"
    assert kinds(text) == ["heading", "sentence", "heading", "code", "sentence"]
    assert next(iter(split_blocks(text))).level == 3
    assert kinds("\n~~~~~\ncode\n~~~~~\n")[-1] == "code"


@pytest.mark.parametrize(
    "text",
    [
        "#hashtag first.\n",
        "####### seven marks.\n",
        f"# {'A page squeezed into one line. ' * 4}\n",
        f"  # {'x' * 119}\n",
        f"{'A long paragraph on one line. ' * 6}\n---\n",
        "Two wrapped lines of a paragraph that goes on,\nand on.\n---\n",
    ],
    ids=["hash tag", "too many marks", "long line", "121 signs", "long line above dashes", "paragraph above dashes"],
)
def test_what_only_looks_like_a_heading_stays_prose(text: str) -> None:
    assert kinds(text) == ["sentence"]


@pytest.mark.parametrize("fence", ["```", "~~~", "````python", "~~~ text with ``` in it", "  ```"])
def test_fenced_code_is_one_block_whatever_it_holds(fence: str) -> None:
    mark = fence.strip()[0]
    closing = mark * (4 if mark * 4 in fence else 3)
    code = f"{fence}\n# no heading\n\n- no item\n| a | b |\n|---|---|\n{mark * 2}\n{closing}\n"
    assert pieces(f"Before.\n{code}After.\n") == [("sentence", "Before.\n"), ("code", code), ("sentence", "After.\n")]


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert pieces("```\ncode\n\n# still code") == [("code", "```\ncode\n\n# still code")]


def test_a_fence_is_closed_only_by_the_same_mark_at_least_as_long() -> None:
    assert kinds("````\n```\n~~~~\n`````\nText.") == ["code", "sentence"]


def test_indented_code_keeps_its_blank_lines() -> None:
    code = "    x = 1\n\n    # comment\n\ty = 2\n\n"
    assert pieces(f"See:\n\n{code}Done.") == [("sentence", "See:\n\n"), ("code", code), ("sentence", "Done.")]


@pytest.mark.parametrize(
    "text",
    [
        "    It was a dark night, and the rain\nfell in torrents.\n",
        "\tA paragraph on one long line, as novels have them. " + "It goes on and on. " * 8,
        "A paragraph whose second line\n    is indented.\n",
    ],
    ids=["first-line indent", "long line", "not after a blank line"],
)
def test_indented_prose_is_not_code(text: str) -> None:
    assert kinds(text) == ["sentence"]


def test_a_table_has_a_header_and_rows() -> None:
    assert pieces("Intro:\n| A | B |\n|---|:-:|\n| One. Two. | x |\n| y | z |\n\nEnd.") == [
        ("heading", "Intro:\n"),
        ("table_header", "| A | B |\n|---|:-:|\n"),
        ("table_row", "| One. Two. | x |\n"),
        ("table_row", "| y | z |\n\n"),
        ("sentence", "End."),
    ]


def test_a_table_needs_no_outer_pipes_and_ends_at_a_line_without_any() -> None:
    assert kinds("a | b\n--|--\n1 | 2\nSource: the census.\n") == [
        "table_header", "table_row", "sentence",
    ]  # fmt: skip


def test_rows_cut_off_from_their_header_are_still_rows() -> None:
    assert kinds("| y | z |\n| a | b |\n") == ["table_row", "table_row"]
    assert kinds("| 4 | 5 |\n| 1 | 2 |\n") == ["table_row", "table_row"]


def test_names_above_figures_are_the_header_of_a_table_without_dashes() -> None:
    assert kinds("| Zone | Rate |\n| A | 3 |\n| B | 4 |\n") == ["table_header", "table_row", "table_row"]


def test_a_pipe_in_prose_makes_no_table() -> None:
    assert kinds("Use a | b to pipe,\nor |x| for the norm of x.\n") == ["sentence"]


def test_each_list_item_is_a_block_with_its_continuation_lines() -> None:
    for mark in ["-", "*", "+", "•", "1.", "1)", "7.", "a)"]:
        with row(mark):
            text = f"{mark} one\n  goes on\n{mark} two\n\n{mark} three\n"
            assert pieces(text) == [
                ("list_item", f"{mark} one\n  goes on\n"),
                ("list_item", f"{mark} two\n\n"),
                ("list_item", f"{mark} three\n"),
            ]


def test_a_list_item_may_hold_paragraphs_nested_items_and_code() -> None:
    text = "1. one\n\n   paragraph\n   - nested\n\n   ```\n   code\n   ```\n\n    deep paragraph\n2. two\n\nText.\n"
    assert kinds(text) == ["list_item", "list_item", "list_item", "code", "list_item", "list_item", "sentence"]


def test_only_a_long_item_may_be_split_and_its_mark_is_not_prose() -> None:
    short, long = list(split_blocks("- Short. Item.\n- " + "Long item here. " * 20))
    assert short.prose is None
    assert long.prose is not None
    assert long.prose[0] == long.start + 2


@pytest.mark.parametrize("line", ["2019. It was a good year.", "2) of them", "-\nthe rest", "1984. A novel."])
def test_a_number_at_the_start_of_a_wrapped_line_begins_no_list(line: str) -> None:
    assert kinds(f"All of this had happened before the end of the year\n{line}\n") == ["sentence"]


@pytest.mark.parametrize("line", ["- one", "* one", "1. one", "1) one", "a) one"])
def test_a_list_may_follow_a_paragraph_without_a_blank_line(line: str) -> None:
    assert kinds(f"There are the following kinds of it:\n{line}\n") == ["heading", "list_item"]
    assert kinds(f"There are the following kinds of it, as was said before.\n{line}\n") == ["sentence", "list_item"]


def test_a_quote_ends_where_its_marks_end() -> None:
    assert pieces("> One.\n> > Two.\n>\n> Three.\nMy answer.\n") == [
        ("quote", "> One.\n> > Two.\n>\n> Three.\n"),
        ("sentence", "My answer.\n"),
    ]


def test_wrapped_lines_stay_together() -> None:
    assert kinds("The old house stood near the river, and Dr.\nSmith lived\nin it.\n") == ["sentence"]


def test_a_short_line_before_a_capital_or_a_number_stands_alone() -> None:
    text = "Early life\nName: Bob Smith\n42 Green Street\nHe was born in the north of the country.\n"
    assert pieces(text) == [("sentence", line) for line in text.splitlines(keepends=True)]


def test_short_lines_of_scripts_without_capitals_are_taken_as_wrapped() -> None:
    assert kinds("私は昨日、東京\nへ行きました。\n") == ["sentence"]


@pytest.mark.parametrize("line", ["***", "---", "- - -", "_____", "====", "--"])
def test_a_break_goes_with_the_block_before_it(line: str) -> None:
    assert pieces(f"One.\n\n{line}\n\nTwo.") == [("sentence", f"One.\n\n{line}\n\n"), ("sentence", "Two.")]
    assert pieces(f"{line}\nTwo.") == [("sentence", f"{line}\nTwo.")]
    assert pieces(line) == [("sentence", line)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_give_the_same_blocks(end: str) -> None:
    text = "# A\n\nText.\n\n```\ncode\n```\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- item\n> quote\n\nTitle\n---\n    code"
    assert [kind for kind, _ in pieces(text.replace("\n", end))] == kinds(text)
    assert "".join(piece for _, piece in pieces(text.replace("\n", end))) == text.replace("\n", end)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000_000,
        "\n" * 25_000,
        " " * 125_000 + "a\nB" * 5_000,
        "| " * 125_000,
        "|" + "-|" * 125_000 + "x",
        "|" + " " * 125_000 + "x",
        "a|b\n-|-\n" * 2_500,
        "- " * 50_000 + "x",
        "> " * 50_000,
        "`" * 50_000 + "\n```\n~~~\n" * 5_000,
        "    a\n\n" * 5_000 + "    b\nc",
        "\t" * 50_000 + "x",
        "#" * 50_000 + "\n-" * 5_000,
        "1. " * 25_000 + "\n2. x" * 5_000,
        "<p>" * 20_000 + "</p>",
        "<ul><li>" * 10_000 + "</li>",
        "<div> </div>" * 10_000,
        "".join(f"name {number}: x\n\n" for number in range(10_000)),
        "a,b,c:\n" * 10_000 + "x\n",
    ],
    ids=lambda text: f"{text[:8]!r} and so on",
)
def test_huge_odd_texts_take_linear_time(text: str) -> None:
    blocks = list(split_blocks(text))
    assert blocks[0].start == 0
    assert all(left.end == right.start for left, right in pairwise(blocks))
    assert blocks[-1].end == len(text)


FILE = (
    "# Setup\n\nRun the tool once. It asks for a name.\n\n```sh\nacme init --here\nacme run\n```\n\n"
    '## Themes\n\nA theme sets the colours of all windows. Choose one in the file.\n\n```toml\ntheme = "dusk"\n'
    'plugins = ["git"]\n```\n\n## Updates\n\nUpdates are fetched once a week. You are asked before.\n\n'
    "```python\nimport acme\n\nacme.update()\n```\n\nThat is all of it.\n"
)


def test_a_chunk_that_begins_at_any_line_of_a_file_is_not_inverted() -> None:
    """What is prose in the whole file is no code in a chunk of it, and the other way round."""
    for start in [number for number, sign in enumerate(FILE) if number and FILE[number - 1] == "\n"]:
        with row(start):
            whole = list(split_blocks(FILE))
            for block in split_blocks(FILE[start:]):
                middle = start + (block.start + block.end) // 2
                [original] = [each for each in whole if each.start <= middle < each.end]
                assert (block.kind == "code") == (original.kind == "code"), FILE[start:][block.start : block.end]


MIXED = """# Guide

The prose of the guide begins here. It has a second sentence.

```python
value_1 = compute(1)

value_2 = compute(2)
```

Then the prose goes on for a while. It is easy to read.

## Shell

Run the prose of this line first:

```
value_3 = compute(3)
value_4 = compute(4)
```

- an item of prose
- another item of prose

~~~sh
value_5 = compute(5)
~~~

The prose ends here. Nobody reads on.
"""


def test_a_chunk_that_is_cut_anywhere_has_no_inverted_unit() -> None:
    chunks = [MIXED[cut:] for cut in range(len(MIXED))] + [MIXED[:cut] for cut in range(1, len(MIXED))]
    for chunk in chunks:
        for block in split_blocks(chunk):
            unit = chunk[block.start : block.end]
            # The first line of a chunk may be the rest of one.
            has_code = any(line.startswith("value_") and line.endswith(")") for line in unit.splitlines()[1:])
            assert "prose" not in unit if block.kind == "code" else not has_code


@pytest.mark.parametrize(
    "text",
    [
        "v2.1.0 (2025-03-07)\n- No crash\n",
        "BOB\n(laughing)\nIn the safe.\n",
        "§ 107. Fair use\nIt is allowed to quote a work.\n",
    ],
)
def test_the_first_line_names_what_is_below_it(text: str) -> None:
    assert kinds(text)[0] == "heading"


def test_lines_of_invisible_characters_alone_are_read_anywhere() -> None:
    for text in ("Args:\n  \u200b\n", "ABC\n \u200b\n", "a\n \u200b\nb c\n", "a:\n\n \u200b\n"):
        assert "".join(text[block.start : block.end] for block in split_blocks(text)) == text
