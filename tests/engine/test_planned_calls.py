"""A call without the model: what is planned, and what the scores make of it."""

import numpy as np
import pytest

from provence_plugins.engine.planned_calls import CallPlanner
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.scoring import WindowScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage

TEXT = "Paris is a city. Cheese is good."


@pytest.fixture
def calls(tiny_checkpoint: Checkpoint) -> CallPlanner:
    return CallPlanner(Planner.of(tiny_checkpoint), Thresholds(0.5))


def test_repeated_passages_have_one_window_and_each_gets_its_scores(calls: CallPlanner) -> None:
    call = calls.plan("where is paris", [Passage(TEXT), Passage(TEXT)], PruningPolicy())
    [window] = call.windows
    assert call.tokens == len(window.ids)
    keep = np.zeros(len(window.ids), dtype=np.float32)
    _, start, end = window.sentences[0]
    keep[start:end] = 0.9
    result = calls.decide(call, [WindowScores(0.7, keep)])
    assert [passage.text for passage in result.passages] == ["Paris is a city. "] * 2
    assert [passage.text for passage in calls.decide_with_texts(call, [WindowScores(0.7, keep)]).passages] == [
        passage.text for passage in result.passages
    ]


def test_a_call_without_text_counts_one_token(calls: CallPlanner) -> None:
    call = calls.plan("where is paris", [Passage("")], PruningPolicy())
    assert (call.windows, call.tokens) == ([], 1)


def test_a_blank_query_and_a_wrong_policy_are_refused(calls: CallPlanner) -> None:
    with pytest.raises(InvalidInputError, match="query is blank"):
        calls.plan(" ", [], PruningPolicy())
    with pytest.raises(InvalidInputError, match="policy must be a PruningPolicy"):
        calls.plan("where", [], 0.5)  # type: ignore[arg-type]
