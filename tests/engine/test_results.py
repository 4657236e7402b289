import json
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PrunedPassage, PruneResult, ScoredSentence
from provence_plugins.engine.stats import PruneStats
from provence_plugins.types import Passage

DEFAULT_THRESHOLD = 0.5


def scored(index: int, relevance: float, *probabilities: float) -> PrunedPassage:
    """A passage of sentences "0123 ", "0123 ", ... of two tokens each, under the first of them."""
    sentences = tuple(
        ScoredSentence(5 * n, 5 * n + 5, probability, False, "sentence", 2, 0 if n else None)
        for n, probability in enumerate(probabilities)
    )
    return PrunedPassage(index, Passage("0123 " * len(sentences), title=f"Page {index}"), relevance, sentences)


def prune(passages: list[PrunedPassage], **policy: Any) -> PruneResult:
    chosen = PruningPolicy(**policy)
    return PruneResult("Which?", *decide(passages, chosen, DEFAULT_THRESHOLD), chosen, DEFAULT_THRESHOLD)


def test_the_threshold_is_the_one_that_was_used() -> None:
    assert prune([]).threshold == DEFAULT_THRESHOLD
    assert prune([], threshold=0).threshold == 0


def test_tokens_are_counted_over_everything_before_and_over_what_stays_after() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1), scored(1, 0.1, 0.1)])
    assert (result.tokens_before, result.tokens_after) == (6, 2)


def test_stats_count_what_stays_and_what_goes() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1), scored(1, 0.1, 0.1), scored(2, 0.8, 0.7)])
    assert result.stats == PruneStats(tokens_before=8, tokens_after=4, passages_kept=2, passages_dropped=1)


def test_another_policy_brings_dropped_passages_back() -> None:
    result = prune([scored(0, 0.1, 0.6), scored(1, 0.9, 0.2)], threshold=0.9)
    assert result.passages == ()
    again = result.with_policy(PruningPolicy(threshold=0.2, order="relevance"))
    assert [passage.index for passage in again.passages] == [1, 0]
    assert again.policy.threshold == again.threshold == 0.2


def test_the_dict_holds_plain_values_for_json() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1), scored(3, 0.25, 0.1)])
    assert json.loads(json.dumps(result.to_dict())) == {
        "query": "Which?",
        "threshold": 0.5,
        "tokens_before": 6,
        "tokens_after": 2,
        "passages": [
            {
                "index": 0,
                "title": "Page 0",
                "relevance": 0.9,
                "text": "0123 ",
                "kept_spans": [[0, 5]],
                "tokens_before": 4,
                "tokens_after": 2,
                "sentences": [
                    {
                        "start": 0,
                        "end": 5,
                        "probability": 0.6,
                        "kept": True,
                        "kind": "sentence",
                        "tokens": 2,
                        "heading": None,
                    },
                    {
                        "start": 5,
                        "end": 10,
                        "probability": 0.1,
                        "kept": False,
                        "kind": "sentence",
                        "tokens": 2,
                        "heading": 0,
                    },
                ],
            }
        ],
        "dropped": [{"index": 3, "relevance": 0.25, "tokens_before": 2}],
    }


def test_notebooks_show_the_html() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1)])
    assert result._repr_html_() == result.to_html() != ""


def test_the_terminal_view_is_coloured_unless_told_otherwise() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1)])
    assert "\x1b[" in result.to_terminal()
    assert "\x1b[" not in result.to_terminal(color=False)


scored_lists = st.lists(st.lists(st.floats(0, 1), max_size=5)).map(
    lambda rows: [scored(index, sum(row), *row) for index, row in enumerate(rows)]
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "threshold": st.floats(0, 1),
        "top_n": st.integers(1, 3),
        "max_tokens": st.integers(0, 20),
        "keep_title": st.booleans(),
        "keep_headings": st.booleans(),
        "min_sentences": st.integers(1, 3),
        "when_empty": st.sampled_from(["drop", "keep_one", "keep_best", "keep_all"]),
        "order": st.sampled_from(["input", "relevance"]),
    },
)


@given(scored_lists, policies, policies)
def test_another_policy_gives_what_it_would_have_given_from_the_start(
    passages: list[PrunedPassage], first: dict[str, Any], second: dict[str, Any]
) -> None:
    result = prune(passages, **first)
    before = deepcopy(result)
    assert result.with_policy(PruningPolicy(**second)) == prune(passages, **second)
    assert result == before


@given(scored_lists, policies)
def test_the_same_policy_again_changes_nothing(passages: list[PrunedPassage], policy: dict[str, Any]) -> None:
    result = prune(passages, **policy)
    assert result.with_policy(result.policy) == result
