"""Planning as the published code does it."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from provence_plugins.engine.planning import PassagePlan, Planner
from provence_plugins.engine.published_calls import PublishedRequest, PublishedScoring, plan_as_published
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.types import Passage

TEXT = "paris is the capital of france. the river is in the city."


@pytest.fixture(scope="module")
def planner(tiny_folder: Path) -> Planner:
    return Planner.of(open_checkpoint(tiny_folder))


def planned(
    planner: Planner, query: str, scoring: PublishedScoring | None = None, *, shifted: Sequence[bool] = (False,)
) -> PassagePlan:
    request = PublishedRequest(query, [Passage(TEXT)], shifted)
    [plan] = plan_as_published(planner, request, scoring or PublishedScoring(), longest=64)
    return plan


def test_a_usual_question_is_planned_as_ever(planner: Planner) -> None:
    [usual] = planner.plan("where is paris", [Passage(TEXT)])
    assert planned(planner, "where is paris") == usual


def test_a_blank_question_has_no_tokens_in_the_window(planner: Planner) -> None:
    [window] = planned(planner, " ").windows
    assert window.text_start == len(planner.encoder.template.before) + len(planner.encoder.template.between)


def test_a_question_without_room_for_text_is_cut_to_half_a_window_and_logged(
    planner: Planner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    long = planned(planner, "paris " * 100)
    assert long.windows == planned(planner, "paris " * 32).windows
    assert "The question has 100 tokens" in caplog.text
    assert "reads its first 32" in caplog.text


def test_the_first_window_may_give_the_relevance(planner: Planner) -> None:
    assert planned(planner, "where", PublishedScoring(window="first")).scoring.window == "first"


def test_sentences_behind_a_title_are_moved_left_by_its_tokens(planner: Planner) -> None:
    plain, shifted = planned(planner, "where"), planned(planner, "where", shifted=(True,))
    title = plain.token_counts[0]
    [before], [after] = plain.windows, shifted.windows
    assert after.sentences[0] == before.sentences[0]
    assert after.sentences[1][1] == before.sentences[1][1] - title
    assert after.ids == before.ids
