"""Contents of many forms: whatever is dropped, what is kept stands under its own source."""

import ast
import json
import pprint
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import row

from provence_plugins.integrations.reading import read_result
from provence_plugins.integrations.tool_results import OMITTED, ResultText
from provence_plugins.text.json_text import split_json
from provence_plugins.types import Passage

# Short strings of a JSON document are not pruned.
MORE = "Nobody who was asked about it could remember anything else of it."

SHORT = 'It\'s "kept".'
PROSE = "The castle has nine towers and a gate of iron. Sheep graze on the meadow around it all day."

_NOUNS = ["castle", "tower", "meadow", "river", "sheep", "baker", "planet", "winter", "market", "harbour"]
_VERBS = ["guards", "follows", "crosses", "feeds", "watches", "builds"]


@dataclass(frozen=True)
class Record:
    """A record with a source that no other one has and sentences that no other one has."""

    number: int
    sentences: tuple[str, ...]
    note: str

    @property
    def source(self) -> str:
        return f"https://example.org/{self.number}"

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    drawn = []
    for number in range(draw(st.integers(1, 6))):
        size = draw(st.integers(1, 4))
        sentences = []
        for place in range(size):
            one, verb, other = (draw(st.sampled_from(words)) for words in (_NOUNS, _VERBS, _NOUNS))
            sentences.append(f"The {one} number {number} of row {place} {verb} the old {other}.")
        note = draw(st.sampled_from(["", "plain", "with\ntwo lines", "Title: inside", "{'a': 'b: c'}"]))
        drawn.append(Record(number, tuple(sentences), note))
    return drawn


def _tutorial(found: list[Record]) -> str:
    metadata = [{"source": record.source, "note": record.note} for record in found]
    return "\n\n".join(f"Source: {about}\nContent: {r.text}" for about, r in zip(metadata, found, strict=True))


def _introduced(found: list[Record]) -> str:
    return f"Found {len(found)} results:\n\n" + "\n".join(f"[{r.number}] {r.source}\n{r.text}\n" for r in found)


def _tagged(found: list[Record]) -> str:
    return "\n".join(f'<doc id="{r.number}">\n<source>{r.source}</source>\n{r.text}\n</doc>' for r in found)


def _cited_below(found: list[Record]) -> str:
    return "\n\n".join(f"{r.text}\n(Source: {r.source})" for r in found)


def _cited_on_both_sides(found: list[Record]) -> str:
    return "\n---\n".join(f"Number {r.number}\n{r.text}\nRead more: {r.source}" for r in found)


def _in_running_text(found: list[Record]) -> str:
    return "I looked it up. " + " ".join(f"In {r.source} it says: {r.text}" for r in found) + " That is all."


def _headings(found: list[Record]) -> str:
    return "\n\n".join(f"## {r.source}\n\n{r.text}" for r in found)


WITH_DOCUMENTS: dict[str, Callable[[list[Record]], str]] = {
    "the tutorial": _tutorial,
    "numbers after an introduction": _introduced,
    "tags": _tagged,
    "sources below": _cited_below,
    "both sides": _cited_on_both_sides,
    "running text": _in_running_text,
    "headings": _headings,
}
"""Ways of writing documents that come with the content."""


def _titled(found: list[Record]) -> str:
    return "\n\n".join(f"Title: Page {r.number}\nURL: {r.source}\nText: {r.text}" for r in found)


def _titled_without_empty_lines(found: list[Record]) -> str:
    return "\n".join(f"Title: Page {r.number}\nURL: {r.source}\nText: {r.text}" for r in found)


def _ruled(found: list[Record]) -> str:
    return "\n-----\n".join(f"**Source:** {r.source}\n**Content:** {r.text}" for r in found)


def _numbered(found: list[Record]) -> str:
    return "Search results\n\n" + "\n\n".join(
        f"{r.number + 1}. Title: Page {r.number}\n   Snippet: {r.text}\n   Link: {r.source}" for r in found
    )


def _with_labels_inside(found: list[Record]) -> str:
    return "\n\n".join(
        f"Title: Page {r.number}\nURL: {r.source}\nText: A page.\n\nTitle: A heading inside\n\n{r.text}" for r in found
    )


def _under_a_number(found: list[Record]) -> str:
    return "\n\n".join(f"Document {r.number + 1}: {r.source}\nContent: {r.text}" for r in found)


def _under_a_numbered_name(found: list[Record]) -> str:
    return "Found these pages:\n\n" + "\n\n".join(
        f"{r.number + 1}. How to find the old page {r.source}\n   Summary: {r.text}\n   Score: 0.{r.number}"
        for r in found
    )


def _under_a_rule_with_a_number(found: list[Record]) -> str:
    return "\n".join(f"--- Result {r.number + 1}: {r.source} ---\n\nTitle: A page\nText: {r.text}" for r in found)


def _without_text_label(found: list[Record]) -> str:
    return "\n\n".join(f"Source: {r.source}\n{r.text}" for r in found)


WITHOUT_DOCUMENTS: dict[str, Callable[[list[Record]], str]] = {
    "the tutorial": _tutorial,
    "title, address, text": _titled,
    "without empty lines": _titled_without_empty_lines,
    "rules between": _ruled,
    "numbers": _numbered,
    "labels inside a text": _with_labels_inside,
    "no label for the text": _without_text_label,
    "numbers above": _under_a_number,
    "numbered names above": _under_a_numbered_name,
    "rules with numbers above": _under_a_rule_with_a_number,
    "JSON": lambda found: json.dumps([{"url": r.source, "content": f"{r.text} {MORE}"} for r in found]),
    "JSON inside a text block": lambda found: json.dumps([{"type": "text", "text": _titled(found)}]),
}
"""Ways of writing records when nothing else comes with the content."""

# Forms in which a source stands behind its text.
SOURCE_BELOW = {"sources below", "both sides", "numbers"}


def keep(read: ResultText, kept: set[str]) -> str | None:
    """Return the content when of its texts these sentences are kept."""
    texts = []
    for passage in read.passages:
        sentences = [sentence for sentence in kept if sentence in passage.text]
        texts.append(" ".join(sorted(sentences, key=passage.text.index)) or None)
    return read.written(texts)


def source_of(content: str, sentence: str, sources: list[str], *, below: bool) -> str | None:
    """Return the source that a reader of the content takes a sentence from: the nearest on its side."""
    place = content.index(sentence)
    marks = [(content.index(source), source) for source in sources if source in content]
    if below:
        return min((mark for mark in marks if mark[0] > place), default=(0, None))[1]
    return max((mark for mark in marks if mark[0] < place), default=(0, None))[1]


def check_links(content: str | None, found: list[Record], kept: set[str], form: str) -> None:
    assert content is not None, form
    sources = [record.source for record in found]
    for record in found:
        for sentence in record.sentences:
            assert (sentence in content) == (sentence in kept), form
            if sentence in kept:
                assert source_of(content, sentence, sources, below=form in SOURCE_BELOW) == record.source, form


@st.composite
def records_and_choice(draw: st.DrawFn) -> tuple[list[Record], set[str]]:
    found = draw(records())
    sentences = [sentence for record in found for sentence in record.sentences]
    return found, draw(st.sets(st.sampled_from(sentences), min_size=1))


@given(drawn=records_and_choice())
def test_no_sentence_of_a_document_stands_under_the_source_of_another(drawn: tuple[list[Record], set[str]]) -> None:
    found, kept = drawn
    for form, write in WITH_DOCUMENTS.items():
        read = read_result(write(found), [Passage(record.text) for record in found])
        assert read.shape == "documents", form
        assert [passage.text for passage in read.passages] == [record.text for record in found], form
        check_links(keep(read, kept), found, kept, form)


@given(drawn=records_and_choice())
def test_no_sentence_of_a_record_stands_under_the_source_of_another(drawn: tuple[list[Record], set[str]]) -> None:
    found, kept = drawn
    for form, write in WITHOUT_DOCUMENTS.items():
        read = read_result(write(found))
        assert read.shape in ("records", "values"), form
        check_links(keep(read, kept), found, kept, form)


@given(found=records(), with_documents=st.booleans())
def test_when_everything_is_kept_the_content_is_the_same_to_the_character(
    found: list[Record], with_documents: bool
) -> None:
    for form, write in {**WITH_DOCUMENTS, **WITHOUT_DOCUMENTS}.items():
        content = write(found)
        read = read_result(content, [Passage(record.text) for record in found] if with_documents else [])
        assert read.written([passage.text for passage in read.passages]) == content, form


@given(found=records())
def test_a_block_without_kept_sentences_is_removed_with_its_source_and_title(found: list[Record]) -> None:
    for form in ("the tutorial", "tags", "title, address, text"):
        content = {**WITH_DOCUMENTS, **WITHOUT_DOCUMENTS}[form](found)
        documents = [Passage(record.text) for record in found] if form in WITH_DOCUMENTS else []
        written = keep(read_result(content, documents), set(found[-1].sentences))
        assert written is not None, form
        assert not any(record.source in written for record in found[:-1]), form


@pytest.mark.parametrize(
    ("introduction", "label"),
    [("Results:", "Content"), ("Found 1 result:", "Summary"), ("Document 1:", "Content"), ("I looked.", "Text")],
)
@pytest.mark.parametrize("write", [str, lambda content: json.dumps([{"text": content}])], ids=["text", "in JSON"])
def test_a_record_under_a_short_line_is_read(introduction: str, label: str, write: Callable[[str], str]) -> None:
    content = write(f"{introduction}\n{label}: {PROSE}")
    read = read_result(content)
    assert [passage.text for passage in read.passages] == [PROSE]
    assert read.written([PROSE]) == content
    written = read.written(["The castle."])
    assert written is not None
    assert introduction in written
    assert f"{label}: The castle." in written


def test_a_short_line_above_several_texts_heads_them_all() -> None:
    read = read_result(f"Results:\nContent: {PROSE}\nContent: The gate is made of iron.")
    assert (
        read.written([None, "The gate is made of iron."]) == "Results:\nContent: \nContent: The gate is made of iron."
    )


def test_numbered_sentences_with_their_sources_below_are_not_records() -> None:
    cited = f"1. {PROSE}\nSource: A\n\n2. {PROSE}\nSource: B"
    dated = f"In 1850, {PROSE}\nSource: A\n\nIn 1860, {PROSE}\nSource: B"
    assert [read_result(content).shape for content in (cited, dated)] == ["prose", "prose"]


def test_the_last_line_of_a_record_is_not_taken_for_the_line_above_the_next() -> None:
    content = f"Found 2 results:\nTitle: A\nText: {PROSE}\n\nFound in 3 books.\nTitle: B\nText: {PROSE}"
    assert read_result(content).written([None, PROSE]) == f"Found 2 results:\nTitle: B\nText: {PROSE}"


@pytest.mark.parametrize(
    "heading",
    ["Mercury", "## Mercury", "Topic: Mercury", "[Mercury]", "Found 2 results:\n\nMercury", "Mercury\n-------"],
)
def test_a_line_above_the_first_record_goes_with_it(heading: str) -> None:
    content = f"{heading}\nURL: a.org\nText: {PROSE}\n\nURL: b.org\nText: {PROSE}"
    read = read_result(content)
    assert read.shape == "records"
    assert read.written([PROSE, None]) == f"{heading}\nURL: a.org\nText: {PROSE}"
    assert read.written([None, PROSE]) == f"URL: b.org\nText: {PROSE}"


@pytest.mark.parametrize("introduction", ["Found 2 results:\n\n", "**Results:**\n---\n", "\n"])
def test_an_introduction_of_records_stays(introduction: str) -> None:
    read = read_result(f"{introduction}URL: a.org\nText: {PROSE}\n\nURL: b.org\nText: {PROSE}")
    assert read.written([None, PROSE]) == f"{introduction}URL: b.org\nText: {PROSE}"


def test_a_byte_order_mark_hides_no_label() -> None:
    read = read_result(f"\ufeffTitle: A\nURL: a.org\nText: {PROSE}\n\nTitle: B\nURL: b.org\nText: {PROSE}")
    assert read.written([None, PROSE]) == f"Title: B\nURL: b.org\nText: {PROSE}"
    assert [passage.title for passage in read.passages] == ["A", "B"]


PLANETS = f"Source: planets.pdf\nPage: 3\nContent: {PROSE}"
TEA_PAGE = f"Source: tea.html\nContent: {PROSE}"
ESSAY = "Source: Okakura, The Book of Tea\nHis famous essay explains how the ceremony came to Japan."


@pytest.mark.parametrize(
    "write",
    [str, lambda content: json.dumps([{"id": 7, "text": PROSE}, {"text": content}])],
    ids=["text", "inside JSON"],
)
def test_a_text_that_may_belong_to_the_record_above_is_never_shown_without_it(write: Callable[[str], str]) -> None:
    read = read_result(write(f"{PLANETS}\n\n{TEA_PAGE}\n\n{ESSAY}"))
    essay = read.passages[-1].text
    assert "famous essay" in essay
    written = read.written([*(None for _ in read.passages[:-1]), essay])
    assert written is not None
    assert source_of(written, essay, ["planets.pdf", "tea.html"], below=False) == "tea.html"
    assert PROSE not in written


def test_a_record_brings_none_along_from_above_one_that_certainly_stands_alone() -> None:
    read = read_result(f"{PLANETS}\n\n{TEA_PAGE}\n\n{PLANETS}\n\n{ESSAY}")
    essay = read.passages[-1].text
    first = read.written([*(None for _ in read.passages[:-1]), essay])
    assert first == f"Source: planets.pdf\nPage: 3\nContent: \n\n{ESSAY}"


def test_what_stands_around_documents_stays_where_it_cannot_be_told_whose_it_is() -> None:
    content = "Old castles (A) and white sheep (B) and no more."
    read = read_result(content, [Passage("Old castles"), Passage("white sheep")])
    assert read.written([None, "sheep"]) == f"{OMITTED} (A) and sheep (B) and no more."


MERCURY, TEA, VENUS = "Text about Mercury the planet.", "Text about green tea.", "Text about Venus."


@pytest.mark.parametrize(
    ("content", "kept", "written"),
    [
        (
            f"Title: Mercury\nSource: a.org\n{MERCURY}\n\nSource: b.org\n{TEA}",
            (None, TEA),
            f"Title: Mercury\nSource: a.org\n{OMITTED}\n\nSource: b.org\n{TEA}",
        ),
        (
            f"Mercury\nhttps://a.org\n{MERCURY}\n\nhttps://b.org\n{TEA}",
            (None, TEA),
            f"Mercury\nhttps://a.org\n{OMITTED}\n\nhttps://b.org\n{TEA}",
        ),
        (
            f"## Mercury\n\nSource: a.org\n{MERCURY}\n\nSource: b.org\n{TEA}",
            (None, TEA),
            f"## Mercury\n\nSource: a.org\n{OMITTED}\n\nSource: b.org\n{TEA}",
        ),
        (
            f"Source: a.org\nSource type: web\n{MERCURY}\n\nSource: b.org\n{TEA}",
            (None, TEA),
            f"Source: a.org\nSource type: web\n{OMITTED}\n\nSource: b.org\n{TEA}",
        ),
        (
            f"Source: a.org\n{MERCURY}\n\nSource: b.org\n{TEA}\nNote: drink it hot\n\nSource: c.org\n{VENUS}",
            (None, None, VENUS),
            f"Source: a.org\n{OMITTED}\n\nSource: b.org\n{OMITTED}\nNote: drink it hot\n\nSource: c.org\n{VENUS}",
        ),
        (
            f"{MERCURY}\nSource: a.org\n\n{TEA}\nSource: b.org\n\n{VENUS}\nSource: c.org\nTitle: Venus",
            (None, TEA, None),
            f"{OMITTED}\nSource: a.org\n\n{TEA}\nSource: b.org\n\n{OMITTED}\nSource: c.org\nTitle: Venus",
        ),
        (
            f"{MERCURY}\nSource: a.org\n\n{TEA}\nSource: b.org\n\nVenus",
            (MERCURY, None),
            f"{MERCURY}\nSource: a.org\n\n{OMITTED}\nSource: b.org\n\nVenus",
        ),
        (
            f"{MERCURY}\nSource: a.org\n\nTitle: Tea\n{TEA}\nSource: b.org",
            (MERCURY, None),
            f"{MERCURY}\nSource: a.org\n\nTitle: Tea\n{OMITTED}\nSource: b.org",
        ),
        (
            f"{MERCURY}\nSource: a.org\n\nTitle: Tea\n{TEA}\nSource: b.org\n\nThat is all.",
            (MERCURY, None),
            f"{MERCURY}\nSource: a.org\n\nTitle: Tea\n{OMITTED}\nSource: b.org\n\nThat is all.",
        ),
    ],
    ids=[
        "a title in the first header",
        "a title without a label",
        "a heading above the first header",
        "two labels that begin alike",
        "a note below the second text",
        "a title in the last footer",
        "a title below the last footer",
        "a title above the second text",
        "a title above the second text and a closing remark",
    ],
)
def test_a_line_that_only_one_document_has_never_goes_to_another(
    content: str, kept: tuple[str | None, ...], written: str
) -> None:
    documents = [text for text in (MERCURY, TEA, VENUS) if text in content]
    read = read_result(content, [Passage(text) for text in documents])
    assert read.written(documents) == content
    assert read.written(kept) == written


@pytest.mark.parametrize(
    "introduction",
    ["Found 2 results:\n", "I looked it up.\nFound 2 results:\n\n", "# Results:\n---\n", "**结果：**\n"],
)
def test_an_introduction_stays_when_the_first_document_goes(introduction: str) -> None:
    content = f"{introduction}Source: a.org\n{MERCURY}\n\nSource: b.org\n{TEA}"
    read = read_result(content, [Passage(MERCURY), Passage(TEA)])
    assert read.written([None, TEA]) == f"{introduction}Source: b.org\n{TEA}"


def test_a_closing_remark_stays_where_it_was_when_the_last_document_goes() -> None:
    content = f"{MERCURY}\nSource: a.org\n\n{TEA}\nSource: b.org\n\nThat is all."
    read = read_result(content, [Passage(MERCURY), Passage(TEA)])
    assert read.written([MERCURY, None]) == f"{MERCURY}\nSource: a.org\n\nThat is all."


def test_documents_in_more_than_one_place_are_not_taken_for_found() -> None:
    content = "Summary: sheep.\n\nsheep"
    assert read_result(content, [Passage("sheep")]).shape != "documents"


def test_a_document_that_is_not_in_the_content_is_not_taken_for_found() -> None:
    assert read_result("A castle.", [Passage("A castle."), Passage("A tower.")]).shape != "documents"


@given(texts=st.lists(st.text("ab \n.", max_size=12), min_size=1, max_size=5))
def test_joined_documents_are_given_back_and_blank_ones_stay(texts: list[str]) -> None:
    for separator in ("\n\n", " ", "\n---\n", ""):
        joined = separator.join(texts)
        read = read_result(joined, [Passage(text) for text in texts])
        if read.shape == "documents":
            assert read.written([passage.text for passage in read.passages]) == joined


def test_documents_can_change_places() -> None:
    read = read_result("one\n\ntwo\n\nthree", [Passage("one"), Passage("two"), Passage("three")])
    assert read.written(["one", None, "three"], order=[2, 0]) == "three\n\none"


def test_a_document_that_a_tool_stripped_is_found() -> None:
    read = read_result("Source: a\nA castle.\n\nSource: b\nA tower.", [Passage("\n A castle.\n"), Passage("A tower.")])
    assert [origin.offset for origin in read.origins] == [2, 0]
    assert read.written(["A castle.", None]) == "Source: a\nA castle."


def random_value(random: Random, depth: int = 0) -> object:
    """Return a JSON value of any shape, with prose among its strings."""
    kinds = ["prose", "prose", "text", "number", "constant"] + ["list", "object", "object"] * (depth < 4)
    match random.choice(kinds):
        case "prose":
            return " ".join(
                random.choices(["The castle has nine towers.", "Größe 😀 zählt hier.", 'Say "no\\n".'], k=5)
            )
        case "text":
            return "".join(random.choices('ab:{}[]",\\\n\u2028é😀', k=random.randrange(8)))
        case "number":
            return random.choice([0, -1, 10**30, 0.5, 1e-9, random.random()])
        case "constant":
            return random.choice([None, True, False])
        case "list":
            return [random_value(random, depth + 1) for _ in range(random.randrange(4))]
    names = ["title", "url", "content", "x:y", 'a"b', ""]
    return {name: random_value(random, depth + 1) for name in random.sample(names, k=random.randrange(5))}


def leaves(value: object) -> list[object]:
    """Return keys and leaves in order."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in [key, *leaves(inner)]]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_stays_json_and_only_long_strings_change(indent: int | None, ascii_only: bool) -> None:
    random = Random(7)
    for _ in range(250):
        document = [random_value(random)]
        content = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
        read = read_result(content)
        texts = [passage.text for passage in read.passages]
        kept = [random.choice([text, text[: len(text) // 2], None]) for text in texts]
        written = read.written(kept)
        assert read.written(texts) == content
        assert written is not None
        new = dict(zip(texts, kept, strict=True)) if len(set(texts)) == len(texts) else None
        for before, after in zip(leaves(document), leaves(json.loads(written)), strict=True):
            if before not in texts:
                assert after == before
            elif new is not None:
                assert after == (new[str(before)] or "")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"url": "https://example.org/" + "a" * 200, "score": 0.5, "text": PROSE}),
        "\n".join(json.dumps({"id": number, "text": PROSE}) for number in range(3)),
        str([{"id": 1, "text": PROSE, "raw": b"it's", "quote": "it's"}]),
        json.dumps(PROSE),
        json.dumps([{"type": "text", "text": json.dumps({"results": [{"content": PROSE}]})}]),
    ],
    ids=["long address", "JSON lines", "printed Python", "one string", "JSON inside JSON"],
)
def test_values_of_every_notation_are_read(content: str) -> None:
    read = read_result(content)
    assert read.shape == "values"
    assert {passage.text for passage in read.passages} == {PROSE}
    written = read.written([SHORT for _ in read.passages])
    assert written is not None
    assert read_result(written).shape == "values"
    assert len(written) < len(content)


@pytest.mark.parametrize(
    "content",
    [
        f"{{'a': '''{PROSE}\n{PROSE}'''}}",
        f'["""It\'s [old].\n{PROSE} {PROSE}"""]',
        f"[1,  # it's ]]\n '{PROSE} {PROSE}']",
        f"[b'''it's ]\n''', r\"\"\"[\"\"\", '{PROSE} {PROSE}']",
        f"['', 'a''b', '{PROSE} ' \n '{PROSE}']",
    ],
    ids=["triple quotes", "triple double quotes", "comment", "prefixes", "strings side by side"],
)
def test_python_literals_are_read_however_they_are_written(content: str) -> None:
    read = read_result(content)
    assert read.shape == "values"
    assert all(PROSE in passage.text for passage in read.passages)
    assert read.written([passage.text for passage in read.passages]) == content
    written = read.written([SHORT for _ in read.passages])
    assert written is not None
    assert SHORT in "".join(map(str, leaves(ast.literal_eval(written))))


@pytest.mark.parametrize(
    "content",
    [
        pprint.pformat([{"id": 7, "title": "A castle", "text": f"{PROSE} {PROSE}"}]),
        pprint.pformat({"text": f"{PROSE} {PROSE}"}, width=20),
        pprint.pformat(f"{PROSE} {PROSE}"),
        f"['{PROSE} ''{PROSE}']",
        f"['' '''{PROSE}''' \" \"\r\n\t'{PROSE}'  # it's 'one'\n]",
    ],
    ids=["an entry", "narrow", "one string", "no white space", "other quotes"],
)
def test_strings_side_by_side_are_one_text(content: str) -> None:
    read = read_result(content)
    assert [passage.text for passage in read.passages] == [f"{PROSE} {PROSE}"]
    assert read.written([f"{PROSE} {PROSE}"]) == content
    written = read.written([SHORT])
    assert written is not None
    assert SHORT in leaves(ast.literal_eval(written))


def test_strings_side_by_side_are_one_key_and_one_title() -> None:
    [passage] = read_result(f"{{'ti' 'tle': 'Castles ' 'of iron', '{PROSE} ' '{PROSE}': '{PROSE}'}}").passages
    assert (passage.text, passage.title) == (PROSE, "Castles of iron")


@pytest.mark.parametrize(
    "content",
    [
        f"['{PROSE} ' r'{PROSE}']",
        f"[r'{PROSE} ' '{PROSE}']",
        f"['{PROSE} '  # it's 'one'\n '{PROSE}']",
        f"['{PROSE} ' \\\n '{PROSE}']",
        f"[b'{PROSE} ' b'{PROSE}']",
    ],
    ids=["a prefix after", "a prefix before", "a comment between", "a backslash between", "bytes"],
)
def test_strings_side_by_side_stay_with_what_else_is_among_them(content: str) -> None:
    read = read_result(content)
    assert read.shape == "values"
    assert not read.passages


@pytest.mark.parametrize(
    "content",
    ["[" + "9" * 400 + " + 1j]", "[" * 100_000, "{[]: 1}", "['a\0']", "[1, # ]]", "{'a': '''x}"],
    ids=["too large", "too deep", "key of a wrong type", "null", "only a comment", "no end"],
)
def test_what_python_cannot_read_is_a_text(content: str) -> None:
    read = read_result(content)
    assert read.shape == "other"
    assert [passage.text for passage in read.passages] == [content]


@given(content=st.text("ab'\"\\#\n[]{}(),: 1", max_size=30))
def test_no_text_that_looks_like_values_is_an_error(content: str) -> None:
    for opening, closing in ("[]", "()", "{}", "''"):
        written = f"[{opening}{content}{closing}]"
        read = read_result(written)
        assert read.written([passage.text for passage in read.passages]) == written


ENTRY = json.dumps({"url": "https://example.org", "text": PROSE})


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff[{ENTRY}]",
        f" \ufeff\n{ENTRY}",
        f"\ufeff{json.dumps(PROSE)}",
        f"\ufeff{ENTRY}\n\ufeff{ENTRY}",
        f"\x1e{ENTRY}\n\x1e{ENTRY}\n",
        f"\x1e{json.dumps(json.loads(ENTRY), indent=2)}\n\x1e{ENTRY}\n",
        f"\x1e{ENTRY}\n",
        f"{ENTRY}\r{ENTRY}",
        f"\ufeff['{PROSE}']",
        json.dumps([f"\ufeff{ENTRY}", 7]),
    ],
    ids=[
        "a list after a byte order mark",
        "an object after white space and a byte order mark",
        "a string after a byte order mark",
        "lines with byte order marks",
        "record separators",
        "record separators and line breaks",
        "one record after a separator",
        "carriage returns",
        "printed Python after a byte order mark",
        "JSON with a byte order mark in a string",
    ],
)
def test_marks_around_values_stay_and_the_values_are_read(content: str) -> None:
    read = read_result(content)
    assert read.shape == "values"
    assert {passage.text for passage in read.passages} == {PROSE}
    assert read.written([PROSE for _ in read.passages]) == content
    assert read.written(["It is old." for _ in read.passages]) == content.replace(PROSE, "It is old.")


@given(content=st.text('[]{}",:a1\ufeff\x1e\x0c\n\r\u2028\u00a0 ', max_size=30))
def test_what_the_splitter_takes_for_json_is_read_as_values(content: str) -> None:
    for text in (content, f"[{content}]", f"[1]{content}[2]"):
        if split_json(text, lambda prose: [0]) is not None:
            assert read_result(text).shape == "values"


def test_the_title_beside_a_text_is_read_with_it() -> None:
    [one, other] = read_result(json.dumps([{"content": PROSE, "title": "Castles"}, {"content": PROSE}])).passages
    assert (one.title, other.title) == ("Castles", None)


def test_prose_is_distinguished_from_what_must_stay_complete() -> None:
    for content, shape in [
        (PROSE, "prose"),
        (f"# A heading\n\n{PROSE}\n\n{PROSE}\n", "prose"),
        ("城は丘の上に立っている。羊は牧草地で草を食べている。" * 3, "prose"),
        ("/src/module_1/file_1.py\n/src/module_2/file_2.py\n", "other"),
        ("src/a.py:12:    timeout = 3\nsrc/b.py:40:    timeout = 5\n", "other"),
        ("def f(x):\n    return x + 1\n\n\nclass A(B):\n    pass\n", "other"),
        ("2024-01-01 12:00:00 INFO Started server on port 8080\n" * 5, "other"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "other"),
        ("".join(f"{n:6d}\t{PROSE}\n" for n in range(5)), "other"),
        ("name,age,city\nAnna,31,Oslo\nBert,40,Rome\n", "other"),
        ("42", "other"),
        ("{not json", "other"),
    ]:
        with row(content, shape):
            assert read_result(content).shape == shape
