import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.engine.rendering import render_html, render_terminal
from provence_plugins.types import Passage


def pruned(*pieces: tuple[str, bool], title: str | None = None) -> PrunedPassage:
    """A passage whose text is these pieces of ten tokens each, kept or not."""
    sentences: list[ScoredSentence] = []
    for text, kept in pieces:
        start = sentences[-1].end if sentences else 0
        sentences.append(ScoredSentence(start, start + len(text), 0.25, kept, "sentence", 10))
    return PrunedPassage(3, Passage("".join(text for text, _ in pieces), title), 0.5, tuple(sentences))


class Reader(HTMLParser):
    """Collects the tags, the attributes and the text outside and inside of <del> of a fragment."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.kept: list[str] = []
        self.removed: list[str] = []
        self.feed(fragment)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["span"]:
            self.kept.append(data)
        if self.open[-1:] == ["del"]:
            self.removed.append(data)


KNOWN_TAGS = {"div", "p", "b", "bdi", "br", "details", "summary", "span", "del"}
KNOWN_ATTRIBUTES = {"style", "title", "dir", "open"}
HOSTILE = "<script>alert(1)</script>\"><img src=x onerror='alert(2)'>&amp;"


class TestHtml:
    def test_kept_text_is_plain_and_removed_text_struck_through(self) -> None:
        fragment = render_html("q", [pruned(("Kept. ", True), ("Removed.", False))], [])
        assert "Kept. </span>" in fragment
        assert re.search(r"<del [^>]*>Removed\.</del>", fragment)

    def test_each_sentence_shows_its_probability_under_the_pointer(self) -> None:
        assert render_html("q", [pruned(("A. ", True), ("B.", False))], []).count('title="0.250 ') == 2

    def test_the_header_of_a_passage_has_its_number_title_relevance_and_savings(self) -> None:
        fragment = render_html("q", [pruned(("A. ", True), ("B.", False), title="Pies & cakes")], [])
        assert "[3] Pies &amp; cakes · relevance 0.500 · 20 → 10 tokens · 50% removed" in fragment

    def test_dropped_passages_are_folded_and_the_others_open(self) -> None:
        fragment = render_html("q", [pruned(("A.", True))], [pruned(("B.", False))])
        assert re.findall(r"<details[^>]*>", fragment) == ["<details open>", "<details>"]
        assert fragment.index("A.") < fragment.index("<details>") < fragment.index("B.")

    def test_the_summary_counts_passages_and_tokens(self) -> None:
        fragment = render_html("q", [pruned(("A.", True))], [pruned(("B.", False))])
        assert "1 of 2 passages · 20 → 10 tokens · 50% removed" in fragment

    def test_white_space_is_shown_as_it_is(self) -> None:
        fragment = render_html("q", [pruned(("a\n\n    b\t", True))], [])
        assert "white-space: pre-wrap" in fragment
        assert ">a\n\n    b\t<" in fragment

    @pytest.mark.parametrize("place", ["query", "title", "kept", "removed", "dropped"])
    def test_markup_from_outside_is_shown_and_not_obeyed(self, place: str) -> None:
        def text(name: str) -> str:
            return HOSTILE if name == place else name

        fragment = render_html(
            text("query"),
            [pruned((text("kept"), True), (text("removed"), False), title=text("title"))],
            [pruned((text("dropped"), False))],
        )
        reader = Reader(fragment)
        assert reader.tags <= KNOWN_TAGS
        assert reader.attributes <= KNOWN_ATTRIBUTES
        assert HOSTILE in unescape(fragment)

    def test_nothing_to_show_is_still_a_fragment(self) -> None:
        assert "0 of 0 passages · 0 → 0 tokens · 0% removed" in render_html("q", [], [])


class TestTerminal:
    def test_removed_text_stands_in_brackets_without_colour(self) -> None:
        view = render_terminal("q", [pruned(("Kept. ", True), ("Not. ", False), ("Nor. ", False))], [], color=False)
        assert "Kept. [-Not. Nor. -]\n" in view

    def test_removed_text_is_dim_and_struck_through_with_colour(self) -> None:
        view = render_terminal("q", [pruned(("Kept. ", True), ("Not.", False))], [])
        assert "Kept. \x1b[2;9mNot.\x1b[0m\n" in view

    def test_each_removed_line_is_marked_by_itself(self) -> None:
        view = render_terminal("q", [pruned(("a\n\nb\n", False), ("c", True))], [], color=False)
        assert "[-a-]\n\n[-b-]\nc\n" in view

    def test_the_header_has_the_numbers(self) -> None:
        view = render_terminal("Why?", [pruned(("A. ", True), ("B.", False), title="Pies")], [], color=False)
        assert view.startswith("Why?\n1 of 1 passages · 20 → 10 tokens · 50% removed\n")
        assert "[3] Pies · relevance 0.500 · 20 → 10 tokens · 50% removed\n" in view

    def test_of_dropped_passages_only_the_header_is_shown(self) -> None:
        view = render_terminal("q", [], [pruned(("Gone.", False))], color=False)
        assert "[3] · relevance 0.500 · 10 → 0 tokens · 100% removed · dropped\n" in view
        assert "Gone" not in view

    def test_titles_and_queries_stay_on_one_line(self) -> None:
        view = render_terminal("Why\nnot?", [pruned(("A.", True), title="Two\r\nlines")], [], color=False)
        assert "Why not?\n" in view
        assert "[3] Two lines ·" in view

    def test_control_characters_become_visible(self) -> None:
        view = render_terminal("q", [pruned(("a\x1b[2Jb\x07c\rd\x7fe\x9b2Jf\x00g", True))], [], color=False)
        assert "a␛[2Jb␇c␍d␡e\ufffd2Jf␀g" in view

    def test_line_ends_tabs_right_to_left_text_and_emoji_stay(self) -> None:
        view = render_terminal("q", [pruned(("a\r\n\tb שלום 👩‍👩‍👧", True))], [], color=False)
        assert "a\n\tb שלום 👩‍👩‍👧\n" in view


texts = st.text() | st.text("<>&\"'/scriptonerror= \x1b\x9b\x07\r\n\t[2J-]", min_size=1)
passages = st.lists(
    st.builds(
        lambda pieces, title: pruned(*pieces, title=title),
        st.lists(st.tuples(texts, st.booleans()), max_size=4),
        st.none() | texts,
    ),
    max_size=3,
)


@given(texts, passages, passages)
def test_no_text_can_add_markup_and_all_of_it_is_shown(
    query: str, kept: list[PrunedPassage], dropped: list[PrunedPassage]
) -> None:
    reader = Reader(render_html(query, kept, dropped))
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
