"""The options of the published calls, each read by itself."""

from typing import Any

import pytest

from provence_plugins.compat.interfaces import OPEN_PROVENCE, PROVENCE
from provence_plugins.compat.options import ProcessOptions
from provence_plugins.errors import InvalidInputError


def test_an_option_takes_the_place_of_a_default_of_the_interface() -> None:
    rules = ProcessOptions(always_select_title=False, top_k=2).choose_rules("provence")
    assert (rules.always_select_title, rules.zero_score_when_empty, rules.top_k) == (False, False, 2)
    assert ProcessOptions().choose_rules("open-provence") == OPEN_PROVENCE
    assert ProcessOptions(interface="provence").choose_rules("open-provence") == PROVENCE


def test_sentences_are_returned_where_they_are_asked_for() -> None:
    asked = ProcessOptions(return_sentence_metrics=True, return_sentence_texts=True).list_fields(OPEN_PROVENCE)
    assert asked[len(OPEN_PROVENCE.fields) :] == ["sentence_probabilities", "kept_sentences", "removed_sentences"]
    assert ProcessOptions().list_fields(PROVENCE) == list(PROVENCE.fields)


@pytest.mark.parametrize(("given", "window"), [(None, None), (True, "best"), (False, "first")])
def test_a_context_is_scored_by_one_of_its_windows(given: bool | None, window: str | None) -> None:
    assert ProcessOptions(use_best_reranker_score=given).scoring.window == window


def test_a_splitter_of_texts_finds_where_each_lies() -> None:
    split = ProcessOptions(sentence_splitter=lambda text: ["a b", "missing", "", "c"]).choose_splitter("lines")
    assert callable(split)
    assert split("a b c") == [(0, 3), (4, 5)]


@pytest.mark.parametrize("value", ["yes", 1, []], ids=repr)
@pytest.mark.parametrize("name", ["reorder", "use_best_reranker_score", "zero_score_when_empty", "strip_sentences"])
def test_a_switch_of_another_type_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"{name} must be True or False; got"):
        ProcessOptions(**{name: value})


@pytest.mark.parametrize("interface", ["naver", ["provence"], 3], ids=repr)
def test_an_interface_that_does_not_exist_is_refused(interface: Any) -> None:
    with pytest.raises(InvalidInputError, match="interface must be one of 'provence', 'open-provence'"):
        ProcessOptions(interface=interface).choose_rules("provence")
