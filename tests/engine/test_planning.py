import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from provence_plugins.engine.planning import Planner
from provence_plugins.errors import QueryTooLongError
from provence_plugins.model.formats import NATIVE
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.types import Passage, Sentence

MAX_TOKENS = 40


@pytest.fixture(scope="module")
def planner(tokenizer_folder: object) -> Planner:
    encoder = TextEncoder(Tokenizer.from_file(f"{tokenizer_folder}/tokenizer.json"))
    return Planner(encoder, NATIVE, "sentencex", MAX_TOKENS)


@given(texts=st.lists(st.text(max_size=200), max_size=4))
def test_every_token_of_every_sentence_is_in_exactly_one_window(planner: Planner, texts: list[str]) -> None:
    reads_all = replace(planner, reads_all=True)
    for plan in reads_all.plan("where is paris", [Passage(text) for text in texts]):
        counts = [0] * len(plan.sentences)
        for window in plan.windows:
            assert len(window.ids) <= MAX_TOKENS
            for part in window.sentences:
                counts[part.sentence] += part.end - part.start
        assert counts == list(plan.token_counts)
        assert "".join(s.of(plan.passage.text) for s in plan.sentences) == plan.passage.text


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


def test_a_blank_title_is_no_title(planner: Planner) -> None:
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
