import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from provence_plugins.engine.planning import Planner
from provence_plugins.errors import QueryTooLongError
from provence_plugins.model.formats import FORMATS, NATIVE
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.types import Passage, Sentence

MAX_TOKENS = 40


@pytest.fixture(scope="module")
def planner(tokenizer_folder: object) -> Planner:
    encoder = TextEncoder(Tokenizer.from_file(f"{tokenizer_folder}/tokenizer.json"))
    return Planner(encoder, NATIVE, "sentencex", MAX_TOKENS)


@given(texts=st.lists(st.text(max_size=200), max_size=4))
def test_every_token_of_every_sentence_is_in_exactly_one_window(planner: Planner, texts: list[str]) -> None:
    [full_stop] = planner.encoder.encode([NATIVE.inputs.full_stop])
    reads_all = replace(planner, reads_all=True)
    for plan in reads_all.plan("where is paris", [Passage(text) for text in texts]):
        read: dict[int, tuple[int, ...]] = dict.fromkeys(range(len(plan.sentences)), ())
        for window in plan.windows:
            assert len(window.ids) <= MAX_TOKENS
            for sentence, start, end in window.sentences:
                read[sentence] += window.ids[start:end]
        for number, sentence in enumerate(plan.sentences):
            [ids] = planner.encoder.encode([sentence.of(plan.passage.text)])
            assert read[number] in (ids, ids + full_stop)
            assert plan.token_counts[number] == len(ids)
        assert "".join(s.of(plan.passage.text) for s in plan.sentences) == plan.passage.text


@pytest.mark.parametrize(
    "text", ["the city", "- the city", "the city:", "| the | city |", "the city (paris)", "1.5", "**the city**"]
)
def test_the_model_reads_a_full_stop_behind_a_line_that_has_none(planner: Planner, text: str) -> None:
    [bare], [stopped] = (planner.plan("where", [Passage(line)]) for line in (text, f"{text}."))
    assert bare.windows == stopped.windows
    assert bare.token_counts[0] == stopped.token_counts[0] - 1


@pytest.mark.parametrize(
    "text", ["the city.", "the city?", "the city!”", "the city.)", "**the city.**", "…", "---", "{"]
)
def test_no_second_full_stop_is_read(planner: Planner, text: str) -> None:
    [plan] = planner.plan("where", [Passage(text)])
    [window] = plan.windows
    [(_, start, end)] = window.sentences
    assert end - start == plan.token_counts[0]


def test_formats_of_others_read_no_full_stops(planner: Planner) -> None:
    for published in (format for format in FORMATS if format is not NATIVE):
        [plan] = replace(planner, format=published).plan("where", [Passage("the city\n\nthe river")])
        assert sum(end - start for _, start, end in plan.windows[0].sentences) == sum(plan.token_counts)


def test_passages_planned_together_are_planned_as_on_their_own(planner: Planner) -> None:
    passages = [Passage("Paris is a city. It is old."), Passage("", "Nothing"), Passage("The river.", "France")]
    together = planner.plan("what is it", passages)
    assert together == [planner.plan("what is it", [passage])[0] for passage in passages]


def test_a_title_stands_in_front_of_every_window(planner: Planner) -> None:
    [plan] = planner.plan("where", [Passage("the city of paris. " * 20, title="france")])
    [title] = planner.encoder.encode(["france:"])
    assert len(plan.windows) > 1
    for window in plan.windows:
        assert window.ids[window.text_start : window.text_start + len(title)] == title


def test_a_blank_title_counts_as_none(planner: Planner) -> None:
    [plain], [blank] = (planner.plan("where", [Passage("the city", title)]) for title in (None, " \n"))
    assert plain.windows == blank.windows


def test_a_title_that_is_cut_is_reported(planner: Planner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="provence_plugins"):
        planner.plan("where", [Passage("the city", title="paris " * 50)])
    assert "reads its first" in caplog.text


def test_spans_that_a_passage_brings_are_its_sentences(planner: Planner) -> None:
    [plan] = planner.plan(
        "where", [Passage("one. two. three", sentences=Sentence.tile("one. two. three", [(0, 4), (10, 15)]))]
    )
    assert [(s.start, s.end) for s in plan.sentences] == [(0, 10), (10, 15)]


def test_special_tokens_spelled_in_a_text_are_ordinary_characters(planner: Planner) -> None:
    separator = planner.encoder.template.between[0]
    [plan] = planner.plan("where [SEP] is it", [Passage("the [SEP] city")])
    assert plan.windows[0].ids.count(separator) == 2


def test_a_query_that_leaves_no_room_is_refused(planner: Planner) -> None:
    with pytest.raises(QueryTooLongError, match="Shorten the query"):
        planner.plan("paris " * MAX_TOKENS, [Passage("the city")])


def test_a_text_that_the_vocabulary_cannot_read_has_no_windows_but_its_sentences(planner: Planner) -> None:
    text = "Это здание старое. Оно стоит у реки."
    [plan] = planner.plan("where is paris", [Passage(text)])
    assert not plan.is_legible
    assert not plan.windows
    assert [sentence.of(text) for sentence in plan.sentences] == ["Это здание старое. ", "Оно стоит у реки."]
