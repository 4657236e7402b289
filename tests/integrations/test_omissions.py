import pytest

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.omissions import Omissions, check_marker

POLICY = PruningPolicy(threshold=0.2)


def prune(words: Pruner, text: str) -> PrunedPassage:
    [passage] = words.prune("castle towers", [text], POLICY).passages
    return passage


def test_a_marker_stands_for_each_run_of_omitted_sentences(words: Pruner) -> None:
    text = "Sheep graze. They are white. The castle stands. Rain falls.\n\nTowers fall. Snow falls."
    marked = Omissions("[{sentences} omitted]").mark(prune(words, text))
    assert marked == "[2 omitted] The castle stands. [1 omitted]\n\nTowers fall. [1 omitted]"


def test_a_text_that_is_kept_whole_has_no_marker(words: Pruner) -> None:
    assert Omissions().mark(prune(words, "The castle stands.")) == "The castle stands."


def test_one_marker_stands_for_dropped_passages(words: Pruner) -> None:
    result = words.prune("castle", ["Sheep graze. They are white.", "Rain falls."], POLICY)
    assert Omissions("{sentences} {id}", "7f").mark_all(result.dropped) == "3 7f"


@pytest.mark.parametrize("marker", ["{tokens}", "{", "{0}"])
def test_a_marker_that_cannot_be_filled_in_is_refused(marker: str) -> None:
    with pytest.raises(InvalidInputError, match="omission_marker"):
        check_marker(marker)
