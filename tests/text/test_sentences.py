import sys
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError, MissingExtraError, SplitterError
from provence_plugins.text.sentences import SPLITTERS, Splitter, SplitterName, sentencex_spans, split_sentences
from provence_plugins.types import Sentence, Span

TEXTS = st.one_of(
    st.text(alphabet=st.characters(codec=None, exclude_categories=())),
    st.text(alphabet="aB1.!?。।؟… \t\r\n\u00a0\u2028\u3000\ud800😀\"'”)»#>-|`", max_size=80),
    st.lists(
        st.sampled_from(
            [
                *(
                    "# A\n",
                    "Dr. Smith came. ",
                    "He left!\n",
                    "\n",
                    "\r\n",
                    "...",
                    "今日は。元気？",
                    "\u00a0J. R. was here. ",
                ),
                *(
                    "> He said. ",
                    "> So.\n",
                    "| a | b |\n|---|---|\n| c | d |\n",
                    "- item. Two. \n",
                    "```\nx. y.\n```\n",
                ),
                *("    code\n", "- " + "A long item. " * 20),
            ]
        ),
        max_size=20,
    ).map("".join),
    st.lists(
        st.sampled_from(
            [
                *("Name: Ann\n", "Age: 3\n", "Town: Rome\n", "Town:\n", "\n", "# People\n", "Ann\n"),
                *(
                    "Ann: Hi.\n",
                    "[12:03] <ann> hi\n",
                    "From: a@b.example\n",
                    "Q: Why?\n",
                    "A: So.\n",
                    "12:03 INFO up\n",
                ),
                *("- one\n", "  - two\n", "1. three\n", "a,b\n", "1\t2\n", '{"a": 1}\n', "Then run:\n", "x = f(1)\n"),
            ]
        ),
        max_size=16,
    ).map("".join),
)
# Records that are repeated and broken off, which a large choice of lines rarely makes.
RECORDS = st.lists(st.sampled_from(["Name: Ann\n", "Name: Ann\nAge: 3\n", "Town: Rome\n"]), max_size=8).map("\n".join)


def write_punkt(folder: Path) -> None:
    """Write NLTK data that knows the abbreviation "dr" and nothing else."""
    english = folder / "tokenizers" / "punkt_tab" / "english"
    english.mkdir(parents=True)
    for name, content in {
        "abbrev_types.txt": "dr",
        "collocations.tab": "",
        "sent_starters.txt": "",
        "ortho_context.tab": "",
    }.items():
        (english / name).write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def punkt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import nltk.data

    folder = tmp_path_factory.mktemp("nltk_data")
    write_punkt(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [str(folder)])
        yield


@pytest.fixture
def no_punkt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk.data

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "llama_index", raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if not Path(entry, "llama_index").exists()])


def pieces(text: str, splitter: object = "sentencex") -> list[str]:
    return [sentence.of(text) for sentence in split_sentences(text, splitter)]  # type: ignore[arg-type]


def outline(text: str) -> list[tuple[str, int | None]]:
    return [(sentence.kind, sentence.heading) for sentence in split_sentences(text)]


def assert_tiles(text: str, sentences: list[Sentence]) -> None:
    edges = [0, *(sentence.end for sentence in sentences)]
    assert [(sentence.start, sentence.end) for sentence in sentences] == list(pairwise(edges))
    assert edges[-1] == len(text)
    if text and not text.isspace():
        assert all(sentence.of(text).strip() for sentence in sentences)
    else:
        assert len(sentences) == bool(text)


@pytest.mark.parametrize("splitter", get_args(SplitterName))
@given(text=TEXTS)
@pytest.mark.usefixtures("punkt")
def test_sentences_of_every_splitter_tile_any_text(splitter: SplitterName, text: str) -> None:
    sentences = split_sentences(text, splitter)
    assert_tiles(text, sentences)
    for number, sentence in enumerate(sentences):
        assert sentence.heading is None or sentence.heading < number
        assert sentence.heading is None or sentences[sentence.heading].kind in ("heading", "table_header")


@given(RECORDS)
def test_records_that_are_broken_off_are_split_like_any_text(text: str) -> None:
    assert_tiles(text, split_sentences(text))


def test_every_name_has_a_splitter() -> None:
    assert set(SPLITTERS) == set(get_args(SplitterName))


@pytest.mark.parametrize("splitter", ["sentencex", "regex"])
@pytest.mark.parametrize(
    "sentences",
    [
        ["Paris is a city.  ", "It lies on the Seine.\n\n", "Is it old? ", "Yes"],
        ["It began in the spring of that long year, and it\nended in June. ", "Nobody knows\nwhy."],
        ["东京是首都。", "你去过吗？", "我去过！！", "“很好。”", "再见。"],
        ["ذهبت إلى البيت. ", "هل أنت بخير؟ ", "نعم."],
        ["मैं घर जा रहा हूँ। ", "तुम कहाँ हो? ", "ठीक है।"],
        ["Good 😀! ", "𝒳 is one. ", "👩‍👩‍👧 is a family."],
        ["Tabs.\t", "And more\tof them.\r\n\r\n", "Done.\r\n"],
        ["He was J. R. Smith of Oslo. ", "She was not."],
    ],
    ids=["English", "wrapped lines", "Chinese", "Arabic", "Hindi", "beyond the BMP", "tabs and CRLF", "initials"],
)
def test_prose_is_split_into_sentences_in_any_script(sentences: list[str], splitter: str) -> None:
    assert pieces("".join(sentences), splitter) == sentences


def test_abbreviations_end_no_sentence() -> None:
    assert pieces("Dr. Smith (see Fig. 2) left, e.g. by car. He came back.") == [
        "Dr. Smith (see Fig. 2) left, e.g. by car. ",
        "He came back.",
    ]


def test_an_initial_after_a_no_break_space_does_not_end_a_sentence() -> None:
    assert pieces("By M.\u00a0J. Dupont. Et\u3000A. Fin.")[0].startswith("By M.\u00a0J. Dupont.")


def test_lone_surrogates_are_kept_where_they_are() -> None:
    assert pieces("Bad \ud800 text. More \udfff of it.") == ["Bad \ud800 text. ", "More \udfff of it."]


def test_blank_lines_inside_long_prose_do_not_shift_positions() -> None:
    text = "The quick brown fox jumped over it. It was not easy.\n\n" * 2_000
    found = [text[start:end] for start, end in sentencex_spans(text)]
    assert found == ["The quick brown fox jumped over it. ", "It was not easy.\n\n"] * 2_000


def test_each_block_keeps_its_kind_and_only_prose_is_split() -> None:
    expected = [
        ("heading", "# Title. Still\n"),
        ("sentence", "One. "),
        ("sentence", "Two.\n\n"),
        ("list_item", "- Item. Whole.\n\n"),
        ("table_header", "| A. B. | C |\n|---|---|\n"),
        ("table_row", "| D. E. | F |\n\n"),
        ("code", "```\nx. y.\n```\n"),
        ("quote", "> He left. "),
        ("quote", "So did I.\n"),
    ]
    text = "".join(piece for _, piece in expected)
    assert [(sentence.kind, sentence.of(text)) for sentence in split_sentences(text)] == expected


def test_a_long_item_is_split_and_its_number_stays_with_its_first_sentence() -> None:
    first, *others = split_sentences("1. " + "This item has many sentences in it. " * 8)
    assert (first.kind, first.start, first.end) == ("list_item", 0, 39)
    assert [sentence.kind for sentence in others] == ["list_item"] * 7


def test_a_sentence_of_a_quote_runs_over_lines_and_begins_with_its_mark() -> None:
    quoted = ["> He said it then. ", "He\n> said it again.\n", "> She left.\n>\n", "> > Nobody knew."]
    assert pieces("".join(quoted)) == quoted


def test_sentences_stand_under_the_nearest_heading_and_headings_under_higher_ones() -> None:
    text = "Before.\n# A\nOne. Two.\n## B\nThree.\n### C\n## D\n- item\n\n```\ncode\n```\n# E\nLast."
    assert outline(text) == [
        ("sentence", None),
        ("heading", None),  # 1: A
        ("sentence", 1),
        ("sentence", 1),
        ("heading", 1),  # 4: B
        ("sentence", 4),
        ("heading", 4),  # 6: C
        ("heading", 1),  # 7: D
        ("list_item", 7),
        ("code", 7),
        ("heading", None),  # 10: E
        ("sentence", 10),
    ]


def test_rows_stand_under_the_header_of_their_table_and_the_header_under_the_heading() -> None:
    text = "# A\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nText.\n\n| no | header |\n"
    assert outline(text) == [
        ("heading", None),
        ("table_header", 0),
        ("table_row", 1),
        ("table_row", 1),
        ("sentence", 0),
        ("table_row", 0),
    ]


def test_lines_are_split_as_they_are() -> None:
    assert pieces("\n# A\n\none. two\r\nthree", "lines") == ["\n# A\n\n", "one. two\r\n", "three"]


def test_a_function_may_give_spans_or_pairs() -> None:
    assert pieces("one two", lambda text: [Span(0, 3), (4, 7)]) == ["one ", "two"]


def test_a_function_sees_the_whole_text_unless_a_splitter_asks_for_blocks() -> None:
    def halves(text: str) -> list[tuple[int, int]]:
        return [(0, len(text) // 2), (len(text) // 2, len(text))]

    assert pieces("# A\none two", halves) == ["# A\no", "ne two"]
    assert pieces("# A\none two", Splitter(halves)) == ["# A\n", "one", " two"]
    assert pieces("# A\none two", Splitter(halves, blocks_first=False)) == pieces("# A\none two", halves)


def test_sentencex_takes_any_language() -> None:
    text = "Er kam am 3. Mai zurück. Dann ging er."
    assert pieces(text, Splitter(partial(sentencex_spans, language="de"))) == [
        "Er kam am 3. Mai zurück. ",
        "Dann ging er.",
    ]


def test_a_blank_text_is_one_sentence_and_an_empty_one_none() -> None:
    assert split_sentences(" \n ") == [Sentence(0, 3)]
    assert split_sentences("") == []


@pytest.mark.parametrize(
    ("spans", "named"),
    [
        ([(0, 3), (2, 5)], r"\(2, 5\)"),
        ([(3, 5), (0, 2)], r"\(0, 2\)"),
        ([(0, 99)], r"\(0, 99\)"),
        ([(-1, 2)], r"\(-1, 2\)"),
        ([(3, 2)], r"\(3, 2\)"),
        ([(0, 2, 4)], r"\(0, 2, 4\)"),
        ([("0", "2")], r"\('0', '2'\)"),
        (["one two"], "'one two'"),
        ([7], "7"),
        ([(0.5, 2.0)], r"\(0\.5, 2\.0\)"),
    ],
    ids=[
        "overlap",
        "order",
        "beyond the end",
        "before the start",
        "backwards",
        "triple",
        "strings",
        "texts",
        "numbers",
        "floats",
    ],
)
def test_spans_that_cannot_be_used_are_named(spans: list[object], named: str) -> None:
    with pytest.raises(SplitterError, match=named):
        split_sentences("one two", lambda text: spans)  # type: ignore[arg-type, return-value]


def test_a_sequence_of_spans_as_splitter_is_deprecated() -> None:
    with pytest.warns(DeprecationWarning, match=r"Sentence\.tile"):
        assert split_sentences("one two", [Span(0, 3), Span(4, 7)]) == [Sentence(0, 4), Sentence(4, 7)]


@pytest.mark.parametrize("splitter", ["spacy", "", None, 3])
def test_an_unknown_splitter_is_refused_with_the_names_that_exist(splitter: object) -> None:
    with pytest.raises(InvalidInputError, match=r"'sentencex', 'regex', 'lines', 'nltk'.*got"):
        split_sentences("text", splitter)  # type: ignore[arg-type]


@pytest.mark.usefixtures("punkt")
def test_punkt_reads_its_data_from_disk_and_sees_the_bare_text() -> None:
    assert pieces("# Title\nDr. Who came. He left.", "nltk") == ["# Title\nDr. Who came. ", "He left."]


@pytest.mark.usefixtures("no_punkt")
def test_missing_punkt_data_is_explained_and_not_downloaded() -> None:
    with pytest.raises(SplitterError, match=r"nltk\.downloader punkt_tab"):
        split_sentences("One. Two.", "nltk")


@pytest.mark.usefixtures("no_punkt")
def test_the_data_that_llama_index_brings_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = tmp_path / "llama_index" / "core"
    write_punkt(core / "_static" / "nltk_cache")
    (core / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    # Not syspath_prepend: it restores sys.path last, to what `no_punkt` has left of it.
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert pieces("Dr. Who came. He left.", "nltk") == ["Dr. Who came. ", "He left."]


def test_a_missing_nltk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "nltk"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(MissingExtraError, match=r"provence-plugins\[nltk\]"):
        split_sentences("One. Two.", "nltk")


@pytest.mark.parametrize("splitter", ["sentencex", "regex", "lines"])
@pytest.mark.parametrize(
    "text",
    ["." * 50_000, "\n" * 25_000, " " * 50_000, "a" * 250_000, "| " * 50_000, '."' * 25_000, "a. " * 7_500,
     "。" * 50_000, "." + " " * 50_000 + "a", "> a. B\n" * 2_500, "> " + "A b c. " * 5_000, "!?" * 25_000 + "x"],
    ids=lambda text: f"{text[:8]!r} and so on",
)  # fmt: skip
def test_huge_odd_texts_take_linear_time(text: str, splitter: SplitterName) -> None:
    assert_tiles(text, split_sentences(text, splitter))


@pytest.mark.parametrize(
    "text", ["Args:\n    \ufeff\n", "Returns:\n    \ufeff\n\ufeff", "Args:\n    x: a\n    \ufeff\n"]
)
def test_a_line_with_nothing_but_a_mark_of_the_byte_order_is_no_entry(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join(sentence.of(text) for sentence in sentences) == text


def test_a_page_squeezed_into_one_line_is_split_like_prose() -> None:
    article = Path(__file__).parents[2] / "examples" / "us_flag.md"
    text = article.read_text(encoding="utf-8").replace("\n", " ")
    sentences = split_sentences(text)
    assert {sentence.kind for sentence in sentences} == {"sentence"}
    assert "If the edges become tattered through wear, the flag should be repaired or replaced. " in [
        sentence.of(text) for sentence in sentences
    ]
    assert max(sentence.end - sentence.start for sentence in sentences) < len(text) / 8
