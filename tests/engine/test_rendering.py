import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.passages import PrunedPassage, ScoredPassage, SentencePart
from provence_plugins.engine.rendering import View, render_html, render_terminal
from provence_plugins.types import Kind, Passage, Sentence


def pruned(*pieces: tuple[str, bool], title: str | None = None) -> PrunedPassage:
    """A passage whose text is these pieces of ten tokens each, kept or not."""
    sentences: list[Sentence] = []
    for text, _ in pieces:
        start = sentences[-1].end if sentences else 0
        sentences.append(Sentence(start, start + len(text)))
    counts, chances = [10] * len(pieces), [0.25] * len(pieces)
    passage = Passage("".join(text for text, _ in pieces), title)
    scored = ScoredPassage(3, passage, 0.5, sentences, chances, counts)
    return scored.keep(number for number, (_, kept) in enumerate(pieces) if kept)


def html(
    query: str,
    kept: list[PrunedPassage],
    dropped: list[PrunedPassage],
    threshold: float = 0.1,
    names: list[str] | None = None,
) -> str:
    return render_html(View(query, kept, dropped, threshold, names or ()))


def terminal(
    query: str,
    kept: list[PrunedPassage],
    dropped: list[PrunedPassage],
    names: list[str] | None = None,
    color: bool = False,
) -> str:
    return render_terminal(View(query, kept, dropped, 0.1, names or ()), color=color)


def test_the_rest_of_a_sentence_that_is_cut_is_shown_as_removed() -> None:
    whole = pruned(("One two three", True))
    passage = replace(whole, parts={0: SentencePart(0, 8, 2)})
    assert passage.text == "One two "
    assert "One two [-three-]" in terminal("q", [passage], [])
    assert ">three</span></del>" in html("q", [passage], [])


class Reader(HTMLParser):
    """Collects the tags, the attributes and the sentences outside and inside of <del> of a fragment."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.kept: list[str] = []
        self.removed: list[str] = []
        self._sentence_depth = 0
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "input":
            self.open.append(tag)
        if "data-probability" in dict(attrs):
            self._sentence_depth = len(self.open)

    def handle_endtag(self, tag: str) -> None:
        if len(self.open) == self._sentence_depth:
            self._sentence_depth = 0
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._sentence_depth:
            (self.removed if "del" in self.open else self.kept).append(data)


KNOWN_TAGS = {
    *("section", "style", "div", "p", "bdi", "details", "summary", "span", "del", "i", "label", "input"),
}
KNOWN_ATTRIBUTES = {
    *(
        "class",
        "style",
        "title",
        "dir",
        "open",
        "role",
        "aria-label",
        "aria-level",
        "aria-hidden",
        "type",
        "data-probability",
    ),
}
HOSTILE = "<script>alert(1)</script>\"><img src=x onerror='alert(2)'>&amp;</style>"


class TestHtml:
    def test_kept_text_is_plain_and_removed_text_struck_through(self) -> None:
        reader = Reader(html("q", [pruned(("Kept. ", True), ("Removed. ", False), ("Too.", False))], []))
        assert (reader.kept, reader.removed) == (["Kept. "], ["Removed. ", "Too."])

    def test_neighbors_that_are_removed_are_announced_once(self) -> None:
        fragment = html("q", [pruned(("A. ", False), ("B. ", False), ("C. ", True), ("D.", False))], [])
        assert fragment.partition("<details")[2].count("<del>") == 2

    def test_each_sentence_has_its_probability_for_pointer_and_switch(self) -> None:
        fragment = html("q", [pruned(("A. ", True), ("B.", False))], [])
        assert fragment.count('title="probability 0.250 · sentence · 10 tokens"') == 2
        assert fragment.count('data-probability="0.25"') == 2
        assert "show probabilities</label>" in fragment

    def test_the_shading_grows_with_the_probability_and_is_the_one_of_the_legend(self) -> None:
        def shade(probability: float) -> float:
            scored = ScoredPassage(0, Passage("A"), 0.5, [Sentence(0, 1)], [probability], [1])
            fragment = html("q", [scored.keep([0])], [])
            found = re.search(r'style="--shade: ([\d.]+)"', fragment)
            assert found is not None
            assert f"/ {found[1]}) {probability:.0%}" in fragment
            return float(found[1])

        shades = [shade(probability) for probability in (0.0, 0.02, 0.1, 0.5, 1.0)]
        assert shades == sorted(set(shades))

    @pytest.mark.parametrize("threshold", [0.0, 0.0195, 0.5, 1.0])
    def test_the_legend_names_and_marks_the_threshold(self, threshold: float) -> None:
        fragment = html("q", [], [], threshold)
        assert f"line: threshold {threshold:g}" in fragment
        assert f"The threshold is {threshold:g}." in fragment
        assert f'<i style="left: {threshold:.1%}">' in fragment
        assert "kept text" in fragment
        assert "removed text" in fragment

    def test_the_header_of_a_passage_has_its_number_title_relevance_and_savings(self) -> None:
        fragment = html("q", [pruned(("A. ", True), ("B.", False), title="Pies & cakes")], [])
        assert "[3] · Pies &amp; cakes · relevance 0.500 · 20 → 10 tokens · 50% removed" in fragment

    def test_a_name_takes_the_place_of_the_number(self) -> None:
        fragment = html("q", [pruned(("A.", True))], [], names=["a", "b", "c", "<pies>.md"])
        assert "&lt;pies&gt;.md · relevance" in fragment
        assert "[3]" not in fragment

    def test_dropped_passages_are_folded_and_the_others_open(self) -> None:
        fragment = html("q", [pruned(("A.", True))], [pruned(("B.", False))])
        assert re.findall(r"<details[^>]*>", fragment) == ["<details open>", "<details>"]
        assert fragment.index(">A.<") < fragment.index("<details>") < fragment.index(">B.<")
        assert "100% removed · dropped, best probability 0.250" in fragment

    def test_the_summary_counts_passages_and_tokens(self) -> None:
        fragment = html("q", [pruned(("A.", True))], [pruned(("B.", False))])
        assert "1 of 2 passages kept · 20 → 10 tokens · 50% removed · threshold 0.1</p>" in fragment

    @pytest.mark.parametrize(("texts", "told"), [(2, ", passages compared"), (1, "")])
    def test_the_summary_tells_whether_passages_were_compared(self, texts: int, told: str) -> None:
        kept = [pruned(("A.", True))] * texts
        assert View("q", kept, [], 0.1, passage_comparison=0.25).summary().endswith(f"threshold 0.1{told}")
        assert View("q", kept, [], 0.1).summary().endswith("threshold 0.1")

    def test_nothing_is_fetched_and_nothing_runs(self) -> None:
        fragment = html("q", [pruned(("A.", True))], [])
        assert not re.search(r"<script|<link|<img|https?:|@import|url\(", fragment)

    def test_white_space_is_shown_as_it_is(self) -> None:
        fragment = html("q", [pruned(("a\n\n    b\t", True))], [])
        assert "white-space: pre-wrap" in fragment
        assert ">a\n\n    b\t<" in fragment

    @pytest.mark.parametrize("place", ["query", "title", "kept", "removed", "dropped"])
    def test_markup_from_outside_is_shown_and_not_obeyed(self, place: str) -> None:
        def text(name: str) -> str:
            return HOSTILE if name == place else name

        fragment = html(
            text("query"),
            [pruned((text("kept"), True), (text("removed"), False), title=text("title"))],
            [pruned((text("dropped"), False))],
        )
        reader = Reader(fragment)
        assert reader.tags <= KNOWN_TAGS
        assert reader.attributes <= KNOWN_ATTRIBUTES
        assert HOSTILE in unescape(fragment)

    def test_nothing_to_show_is_still_a_fragment(self) -> None:
        assert "0 of 0 passages kept · 0 → 0 tokens · 0% removed" in html("q", [], [])


def structured(*pieces: tuple[str, Kind, bool]) -> PrunedPassage:
    """A passage whose text is these pieces of some kind, kept or not."""
    sentences: list[Sentence] = []
    for text, kind, _ in pieces:
        start = sentences[-1].end if sentences else 0
        sentences.append(Sentence(start, start + len(text), kind))
    text = "".join(text for text, _, _ in pieces)
    count = len(pieces)
    scored = ScoredPassage(0, Passage(text), 0.5, sentences, [0.25] * count, [10] * count)
    return scored.keep(number for number, (_, _, kept) in enumerate(pieces) if kept)


class TestStructure:
    def test_headings_have_their_level_and_faint_marks(self) -> None:
        fragment = html("q", [structured(("## A <b>\n\n", "heading", True), ("Title\n=====\n", "heading", True))], [])
        assert '<span class="provence-heading" role="heading" aria-level="4"' in fragment
        assert '<span class="provence-mark">## </span>A &lt;b&gt;\n\n</span>' in fragment
        assert 'aria-level="3"' in fragment

    def test_rows_of_a_table_have_cells_whether_they_are_kept_or_removed(self) -> None:
        rows = ("| a | b |\n|---|---|\n", "table_header", True), ("| 1 | <i> |\n", "table_row", False)
        fragment = html("q", [structured(*rows)], [])
        assert fragment.count('<span class="provence-table" role="table">') == 1
        assert re.findall(r'role="columnheader">(.*?)<', fragment) == ["a", "b"]
        assert re.findall(r'role="cell">(.*?)<', fragment) == ["1", "&lt;i&gt;"]
        assert fragment.partition("<details")[2].count("<del>") == 1
        reader = Reader(fragment)
        assert (reader.kept, reader.removed) == (
            ["| ", "a", " | ", "b", " |\n|---|---|\n"],
            ["| ", "1", " | ", "<i>", " |\n"],
        )

    def test_a_second_table_begins_at_its_header(self) -> None:
        table = ("| a |\n|---|\n", "table_header", True), ("| 1 |\n", "table_row", True)
        assert html("q", [structured(*table, *table)], []).count('role="table"') == 2

    def test_rows_without_bars_and_code_stand_in_monospace(self) -> None:
        fragment = html("q", [structured(("a,b\n", "table_row", True), ("x = 1\n", "code", True))], [])
        assert 'role="table"' not in fragment
        assert fragment.partition("<details")[2].count('class="provence-code"') == 2

    def test_a_row_of_blanks_and_bars_takes_no_time(self) -> None:
        for signs in (" ", "|", "| ", "\\|"):
            row = signs * 5_000 + "|\n"
            assert "".join(Reader(html("q", [structured((row, "table_row", True))], [])).kept) == row


class TestTerminal:
    def test_removed_text_stands_in_brackets_without_color(self) -> None:
        view = terminal("q", [pruned(("Kept. ", True), ("Not. ", False), ("Nor. ", False))], [])
        assert "Kept. [-Not. Nor. -]\n" in view

    def test_removed_text_is_dim_and_struck_through_with_color(self) -> None:
        view = terminal("q", [pruned(("Kept. ", True), ("Not.", False))], [], color=True)
        assert "Kept. \x1b[2;9mNot.\x1b[0m\n" in view

    def test_each_removed_line_is_marked_by_itself(self) -> None:
        view = terminal("q", [pruned(("a\n\nb\n", False), ("c", True))], [])
        assert "[-a-]\n\n[-b-]\nc\n" in view

    def test_the_header_has_the_numbers(self) -> None:
        view = terminal("Why?", [pruned(("A. ", True), ("B.", False), title="Pies")], [])
        assert view.startswith("Why?\n1 of 1 passages kept · 20 → 10 tokens · 50% removed · threshold 0.1\n")
        assert "[3] · Pies · relevance 0.500 · 20 → 10 tokens · 50% removed\n" in view

    def test_dropped_passages_are_shown_with_their_text_and_best_probability(self) -> None:
        view = terminal("q", [], [pruned(("Gone. ", False), ("Too.", False))])
        assert "100% removed · dropped, best probability 0.250\n[-Gone. Too.-]\n" in view

    def test_titles_names_and_queries_stay_on_one_line(self) -> None:
        names = ["", "", "", "a\nb.md"]
        view = terminal("Why\nnot?", [pruned(("A.", True), title="Two\r\nlines")], [], names=names)
        assert "Why not?\n" in view
        assert "a b.md · Two lines ·" in view

    def test_control_characters_become_visible(self) -> None:
        hostile = "a\x1b[2Jb\x07c\rd\x7fe\x9b2Jf\x00g"
        view = terminal(hostile, [pruned((hostile, True), title=hostile)], [pruned((hostile, False))], [hostile] * 4)
        assert view.count("a␛[2Jb␇c␍d␡e\ufffd2Jf␀g") >= 2
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", view)

    def test_line_ends_tabs_right_to_left_text_and_emoji_stay(self) -> None:
        view = terminal("q", [pruned(("a\r\n\tb שלום 👩‍👩‍👧", True))], [])
        assert "a\n\tb שלום 👩‍👩‍👧\n" in view


texts = st.text() | st.text("<>&\"'/scriptonerror= \x1b\x9b\x07\r\n\t[2J-]", min_size=1)
passages = st.lists(
    st.builds(
        lambda pieces, title: pruned(*pieces, title=title),
        st.lists(st.tuples(texts, st.booleans()), max_size=4),
        st.none() | texts,
    )
    | st.builds(
        lambda pieces: structured(*pieces),
        st.lists(
            st.tuples(texts | st.text("|-\\ \n#<a", min_size=1), st.sampled_from(get_args(Kind)), st.booleans()),
            max_size=4,
        ),
    ),
    max_size=3,
)


@given(texts, passages, passages)
def test_no_text_can_add_markup_and_all_of_it_is_shown(
    query: str, kept: list[PrunedPassage], dropped: list[PrunedPassage]
) -> None:
    reader = Reader(html(query, kept, dropped))
    assert reader.open == []
    assert reader.tags <= KNOWN_TAGS
    assert reader.attributes <= KNOWN_ATTRIBUTES
    shown = {True: reader.kept, False: reader.removed}
    for stays, pieces in shown.items():
        expected = [
            sentence.of(passage.passage.text)
            for passage in kept + dropped
            for sentence in passage.sentences
            if sentence.kept == stays
        ]
        assert "".join(pieces) == "".join(expected)
