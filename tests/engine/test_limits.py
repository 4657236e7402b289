"""Which limits of a policy leave nothing."""

from typing import Any

import pytest
from scored_passages import scored

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.limits import best_probability, find_emptying_limits
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage, Sentence

# The first passage has the better sentence, the second one is surer because it is more relevant.
COMPETING = (scored(0.6, 0.1, relevance=0.2), scored(0.4, index=1, relevance=0.9))


def result_of(*passages: ScoredPassage, own_comparison: float = 0.0, **policy: Any) -> PruneResult:
    thresholds = Thresholds(0.5, passage_comparison=own_comparison)
    chosen = PruningPolicy(**policy)
    return PruneResult("q", *decide(passages, chosen, thresholds), chosen, thresholds)


@pytest.mark.parametrize(
    ("policy", "limits"),
    [
        ({"max_tokens": 0}, {"max_tokens": 0}),
        ({"min_relevance": 0.9}, {"min_relevance": 0.9}),
        ({"max_tokens": 5, "min_relevance": 0.9}, {"min_relevance": 0.9}),
        ({"max_tokens": 0, "min_relevance": 0.1}, {"max_tokens": 0}),
        ({"max_tokens": 0, "min_relevance": 0.9}, {"max_tokens": 0, "min_relevance": 0.9}),
    ],
    ids=["budget", "relevance", "relevance beside a budget", "budget beside a relevance", "both"],
)
@pytest.mark.parametrize(
    "otherwise",
    [{}, {"threshold": 1, "when_empty": "keep_one"}, {"threshold": 1, "when_empty": "keep_all"}],
    ids=["threshold", "keep one", "keep all"],
)
def test_the_fewest_limits_without_which_something_would_be_kept(
    policy: dict[str, Any], limits: dict[str, float], otherwise: dict[str, Any]
) -> None:
    # No tokenizer counts here, so a budget of 5 tokens has room for a sentence of 5.
    result = result_of(scored(0.6, 0.1, tokens=[5, 5]), **policy, **otherwise)
    assert not result.passages
    assert find_emptying_limits(result) == limits


def test_pinned_sentences_are_left_out_by_a_budget_alone() -> None:
    assert find_emptying_limits(result_of(scored(0.1), pins="0", max_tokens=0)) == {"max_tokens": 0}


def test_a_comparison_of_passages_is_found_even_if_it_is_the_models_own() -> None:
    assert find_emptying_limits(result_of(*COMPETING, own_comparison=1.0)) == {"passage_comparison": 1.0}
    asked = result_of(*COMPETING, threshold=0.5, passage_comparison=1.0)
    assert find_emptying_limits(asked) == {"passage_comparison": 1.0}


def test_no_limit_is_found_where_the_threshold_or_nothing_is_in_the_way() -> None:
    assert find_emptying_limits(result_of(scored(0.4), max_tokens=0, min_relevance=1)) == {}
    assert find_emptying_limits(result_of(*COMPETING, own_comparison=0.01, max_tokens=20)) == {}


def test_the_best_probability_is_that_of_text_not_of_brackets() -> None:
    sentences = [Sentence(0, 1, kind="structure"), Sentence(1, 4)]
    passage = ScoredPassage(0, Passage('{"a"'), 0.5, sentences, [0.9, 0.3], [1, 3])
    assert best_probability(result_of(passage)) == 0.3
    assert best_probability(result_of()) == 0.0
