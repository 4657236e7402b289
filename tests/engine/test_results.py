import json
import math
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import RankedPassage, ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.results import PruneResult, PruneStats, Ranking
from provence_plugins.errors import InvalidInputError
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage, Sentence

THRESHOLDS = Thresholds(0.5, careful=0.2)


def scored(index: int, relevance: float, *probabilities: float) -> ScoredPassage:
    """A passage of sentences "0123 ", "0123 ", ... of two tokens each, under the first of them."""
    size = len(probabilities)
    sentences = [Sentence(5 * n, 5 * n + 5, heading=0 if n else None) for n in range(size)]
    return ScoredPassage(
        index, Passage("0123 " * size, title=f"Page {index}"), relevance, sentences, probabilities, [2] * size
    )


def prune(passages: list[ScoredPassage], **policy: Any) -> PruneResult:
    chosen = PruningPolicy(**policy)
    return PruneResult("Which?", *decide(passages, chosen, THRESHOLDS), chosen, THRESHOLDS)


def test_the_threshold_is_the_one_that_was_used() -> None:
    assert prune([]).threshold == prune([]).default_threshold == 0.5
    assert prune([], threshold="careful").threshold == 0.2
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
        "dropped": [
            {
                "index": 3,
                "title": "Page 3",
                "relevance": 0.25,
                "text": "0123 ",
                "tokens_before": 2,
                "sentences": [
                    {
                        "start": 0,
                        "end": 5,
                        "probability": 0.1,
                        "kept": False,
                        "kind": "sentence",
                        "tokens": 2,
                        "heading": None,
                    }
                ],
            }
        ],
    }


def test_notebooks_show_the_html() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1)])
    assert result._repr_html_() == result.to_html() != ""


def test_the_terminal_view_is_coloured_unless_told_otherwise() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1)])
    assert "\x1b[" in result.to_terminal()
    assert "\x1b[" not in result.to_terminal(color=False)


def test_the_text_of_a_result_is_all_kept_text_with_blank_lines_between_passages() -> None:
    passages = [
        ScoredPassage(2, Passage(text), 0.5, [Sentence(0, len(text))], [0.5], [1]).keep([0])
        for text in ("\n# One\n", "  code\n", " \n", "Three. ")
    ]
    result = PruneResult("Which?", tuple(passages), (), PruningPolicy(), THRESHOLDS)
    assert result.text == str(result) == "# One\n\n  code\n\nThree."


def test_a_result_without_kept_text_has_an_empty_text() -> None:
    result = prune([scored(0, 0.9, 0.1)])
    assert (result.text, str(result)) == ("", "")


def lines_on_screen(value: object, *, width: int = 80) -> int:
    return sum(-(-len(line) // width) for line in repr(value).splitlines())


def test_a_repr_fits_on_one_screen_and_shows_control_characters_escaped() -> None:
    passages = [scored(number, 0.5, *[0.9] * 100) for number in range(200)]
    long = "\x1b[31m" + "very long " * 1000
    many = PruneResult(long, *decide(passages, PruningPolicy(), THRESHOLDS), PruningPolicy(), THRESHOLDS)
    passage = Passage(long, title=long)
    one = ScoredPassage(0, passage, 0.5, [Sentence(0, len(long))], [0.5], [1]).keep([0])
    ranked = Ranking(RankedPassage(number, passage, 0.5) for number in range(200))
    result = PruneResult(long, (one,) * 200, (), PruningPolicy(), THRESHOLDS)
    for value in (many, one, ranked, result, passage, ranked[0]):
        assert lines_on_screen(value) <= 24
        assert "\x1b" not in repr(value)
    assert "194 more" in repr(many)


def test_the_repr_of_a_result_tells_what_is_kept() -> None:
    result = prune([scored(0, 0.9, 0.6, 0.1), scored(1, 0.1, 0.1)])
    assert repr(result).splitlines() == [
        "<PruneResult for 'Which?': kept 1 of 2 passages, 2 of 6 tokens, threshold 0.5",
        "  <PrunedPassage 0 title='Page 0' relevance=0.9 kept 1 of 2 sentences, 2 of 4 tokens: '0123 '>>",
    ]


@pytest.mark.parametrize("relevance", [math.inf, -math.inf])
def test_an_infinite_relevance_makes_valid_json(relevance: float) -> None:
    result = prune([scored(0, relevance, 0.9), scored(1, relevance, 0.1)], order="relevance")
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert math.copysign(1, values["passages"][0]["relevance"]) == math.copysign(1, relevance)
    assert math.isfinite(values["dropped"][0]["relevance"])


def test_pandas_gets_a_row_for_each_sentence_in_input_order() -> None:
    pandas = pytest.importorskip("pandas")
    result = prune([scored(0, 0.1, 0.1), scored(1, 0.9, 0.6, 0.1)])
    table = result.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert table[["passage", "dropped", "sentence", "kept", "probability", "text"]].to_numpy().tolist() == [
        [0, True, 0, False, 0.1, "0123 "],
        [1, False, 0, True, 0.6, "0123 "],
        [1, False, 1, False, 0.1, "0123 "],
    ]
    assert list(prune([]).to_pandas().columns) == list(table.columns)


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
    passages: list[ScoredPassage], first: dict[str, Any], second: dict[str, Any]
) -> None:
    result = prune(passages, **first)
    before = deepcopy(result)
    assert result.with_policy(PruningPolicy(**second)) == prune(passages, **second)
    assert result == before


@given(scored_lists, policies)
def test_the_same_policy_again_changes_nothing(passages: list[ScoredPassage], policy: dict[str, Any]) -> None:
    result = prune(passages, **policy)
    assert result.with_policy(result.policy) == result


EMPTY = PruneResult("q", (), (), PruningPolicy(), Thresholds(0.1))
STATS = PruneStats(tokens_before=4000, tokens_after=1000, passages_kept=3, passages_dropped=1)


def test_what_is_removed_is_derived() -> None:
    assert (STATS.tokens_removed, STATS.removed_share) == (3000, 0.75)
    assert PruneStats().removed_share == 0.0


def test_money_is_the_price_of_the_removed_tokens() -> None:
    assert STATS.money_saved(price_per_million=2.5) == pytest.approx(0.0075)
    assert STATS.money_saved(0) == 0


def test_time_is_that_of_reading_the_removed_tokens() -> None:
    assert STATS.prefill_seconds_saved(tokens_per_second=1500) == pytest.approx(2.0)


def test_many_results_are_added_up() -> None:
    assert sum([STATS, STATS, PruneStats(10, 10, 1, 0)], PruneStats()) == PruneStats(8010, 2010, 7, 2)


@pytest.mark.parametrize("price", [-1.0, math.inf, math.nan, "2", None, True])
def test_an_invalid_price_is_refused(price: Any) -> None:
    with pytest.raises(InvalidInputError, match="price_per_million must"):
        STATS.money_saved(price)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan, "2", None])
def test_an_invalid_speed_is_refused(speed: Any) -> None:
    with pytest.raises(InvalidInputError, match="tokens_per_second must"):
        STATS.prefill_seconds_saved(speed)


@pytest.mark.parametrize("names", ["ab", 3, [3], ["one", "two", "three", "four", "five"]], ids=str)
def test_names_of_another_number_or_type_are_refused(names: Any) -> None:
    with pytest.raises(InvalidInputError, match="names must be a list of 0 strings"):
        EMPTY.to_html(names=names)
    with pytest.raises(InvalidInputError, match="names must be a list of 0 strings"):
        EMPTY.to_terminal(names=names)


@pytest.mark.parametrize("policy", [None, 0.5, "careful", {"threshold": 1}], ids=str)
def test_another_policy_must_be_one(policy: Any) -> None:
    with pytest.raises(InvalidInputError, match="policy must be a PruningPolicy"):
        EMPTY.with_policy(policy)
