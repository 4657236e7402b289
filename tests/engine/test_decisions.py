import math
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from scored_passages import THRESHOLDS, kept_numbers, remaining, scored

from provence_plugins.engine.decisions import decide
from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.thresholds import Thresholds
from provence_plugins.types import Passage


class TestThreshold:
    def test_a_sentence_stays_when_it_reaches_the_threshold(self) -> None:
        assert remaining(scored(0.69, 0.7, 0.71), threshold=0.7) == {0: [1, 2]}

    def test_the_default_threshold_counts_when_the_policy_names_none(self) -> None:
        assert remaining(scored(0.49, 0.5)) == {0: [1]}

    def test_a_name_stands_for_the_threshold_of_the_model(self) -> None:
        assert remaining(scored(0.5, 0.6), threshold="short") == {0: [1]}

    def test_a_threshold_of_zero_is_not_mistaken_for_none(self) -> None:
        assert remaining(scored(0.0, 0.1), threshold=0) == {0: [0, 1]}

    def test_a_threshold_of_one_keeps_what_is_certain(self) -> None:
        assert remaining(scored(0.999, 1.0), threshold=1) == {0: [1]}


class TestPassageComparison:
    """The second passage is less sure than the first one, whose best sentence is nearly certain."""

    PASSAGES = (scored(0.99, 0.4), scored(0.6, 0.3, index=1))

    def test_a_surer_passage_counts_against_the_sentences_of_others(self) -> None:
        assert remaining(*self.PASSAGES, threshold=0.25) == {0: [0, 1], 1: [0, 1]}
        assert remaining(*self.PASSAGES, threshold=0.25, passage_comparison=0.25) == {0: [0, 1], 1: [0]}
        assert remaining(*self.PASSAGES, threshold=0.25, passage_comparison=1.0) == {0: [0, 1]}

    def test_a_more_relevant_passage_counts_like_a_surer_one_whatever_the_scale_of_relevance(self) -> None:
        relevant, other = scored(0.6, 0.3, relevance=0.9), scored(0.6, 0.3, relevance=0.5, index=1)
        assert remaining(relevant, other, threshold=0.25, passage_comparison=0.25) == {0: [0, 1], 1: [0]}
        assert remaining(relevant, other, threshold=0.25, passage_comparison=1.0) == {0: [0, 1]}
        logits = [
            replace(each, relevance=logit, relevance_scale="logit")
            for each, logit in ((relevant, math.log(9)), (other, 0.0))
        ]
        assert remaining(*logits, threshold=0.25, passage_comparison=0.25) == {0: [0, 1], 1: [0]}

    def test_the_models_own_belongs_to_its_own_thresholds(self) -> None:
        thresholds = Thresholds(0.25, careful=0.25, passage_comparison=0.25)
        for own in (None, "careful"):
            kept, _ = decide(self.PASSAGES, PruningPolicy(threshold=own), thresholds)
            assert [kept_numbers(passage) for passage in kept] == [[0, 1], [0]]
        for alone in (PruningPolicy(threshold=0.25), PruningPolicy(passage_comparison=0)):
            kept, _ = decide(self.PASSAGES, alone, thresholds)
            assert [kept_numbers(passage) for passage in kept] == [[0, 1], [0, 1]]

    def test_a_passage_that_the_model_cannot_read_does_not_compete(self) -> None:
        illegible = replace(scored(1.0, 1.0, index=2), is_legible=False)
        assert remaining(self.PASSAGES[1], illegible, threshold=0.25, passage_comparison=10)[1] == [0, 1]
        assert remaining(self.PASSAGES[0], illegible, threshold=0.25, passage_comparison=10)[2] == [0, 1]

    def test_probabilities_are_reported_as_the_model_gave_them(self) -> None:
        _, [dropped] = decide(self.PASSAGES, PruningPolicy(threshold=0.25, passage_comparison=1.0), THRESHOLDS)
        assert [sentence.probability for sentence in dropped.sentences] == [0.6, 0.3]

    def test_a_budget_is_spent_by_the_probabilities_of_the_model(self) -> None:
        spent = remaining(*self.PASSAGES, threshold=0.25, passage_comparison=0.25, max_tokens=20)
        assert spent == {0: [0], 1: [0]}


class TestWhenNothingPasses:
    def test_the_passage_is_dropped(self) -> None:
        kept, dropped = decide([scored(0.1, 0.2)], PruningPolicy(), THRESHOLDS)
        assert kept == ()
        assert [kept_numbers(passage) for passage in dropped] == [[]]

    def test_its_best_sentences_stay_on_request(self) -> None:
        assert remaining(scored(0.1, 0.3, 0.2), when_empty="keep_best") == {0: [1]}
        assert remaining(scored(0.1, 0.3, 0.2), when_empty="keep_best", min_sentences=2) == {0: [1, 2]}

    def test_all_of_it_stays_on_request(self) -> None:
        assert remaining(scored(0.1, 0.3, 0.2), when_empty="keep_all") == {0: [0, 1, 2]}

    def test_the_most_relevant_passage_keeps_its_best_sentences_where_nothing_else_is_kept(self) -> None:
        passages = [scored(0.4, index=0, relevance=0.1), scored(0.1, 0.3, 0.2, index=1, relevance=0.9)]
        assert remaining(*passages, when_empty="keep_one") == {1: [1]}
        assert remaining(*passages, when_empty="keep_one", min_sentences=2) == {1: [1, 2]}
        assert remaining(*passages, scored(0.9, index=2, relevance=0.0), when_empty="keep_one") == {2: [0]}

    def test_a_blank_passage_does_not_count_as_something_that_is_kept(self) -> None:
        blank = scored(0.0, index=1, relevance=1.0, tokens=0)
        assert remaining(scored(0.1), blank, when_empty="keep_one") == {0: [0], 1: [0]}
        assert remaining(blank, when_empty="keep_one") == {1: [0]}

    @pytest.mark.parametrize("when_empty", ["drop", "keep_one", "keep_best", "keep_all"])
    def test_other_passages_are_pruned_as_ever(self, when_empty: str) -> None:
        assert remaining(scored(0.1), scored(0.9, 0.1, index=1), when_empty=when_empty)[1] == [0]


class TestMinSentences:
    def test_a_passage_that_keeps_something_is_filled_up_with_its_most_probable_sentences(self) -> None:
        assert remaining(scored(0.2, 0.1, 0.9, 0.3), min_sentences=3) == {0: [0, 2, 3]}

    def test_ties_are_filled_in_reading_order(self) -> None:
        assert remaining(scored(0.1, 0.1, 0.9), min_sentences=2) == {0: [0, 2]}

    def test_more_sentences_than_there_are_means_all(self) -> None:
        assert remaining(scored(0.9, 0.1), min_sentences=9) == {0: [0, 1]}

    def test_it_never_takes_away(self) -> None:
        assert remaining(scored(0.9, 0.8, 0.7), min_sentences=2) == {0: [0, 1, 2]}

    def test_it_does_not_revive_a_passage_without_a_sentence_that_passes_the_threshold(self) -> None:
        assert remaining(scored(0.1, 0.2), min_sentences=2) == {}


class TestHeadings:
    # 0 chapter, 1 section, 2 and 3 under the section, 4 another section, 5 under it
    page = scored(0.1, 0.1, 0.9, 0.1, 0.1, 0.1, headings={1: 0, 2: 1, 3: 1, 4: 0, 5: 4})

    def test_a_kept_sentence_pulls_in_the_headings_above_it_up_to_the_top(self) -> None:
        assert remaining(self.page) == {0: [0, 1, 2]}

    def test_headings_stay_only_for_their_own_sake_when_switched_off(self) -> None:
        assert remaining(self.page, keep_headings=False) == {0: [2]}

    def test_a_kept_heading_does_not_pull_in_what_stands_under_it(self) -> None:
        assert remaining(scored(0.9, 0.1, headings={1: 0})) == {0: [0]}

    def test_sentences_that_fill_up_a_passage_bring_their_headings_too(self) -> None:
        page = scored(0.1, 0.3, 0.9, headings={1: 0})
        assert remaining(page, min_sentences=2) == {0: [0, 1, 2]}


class TestTitle:
    def test_the_first_sentence_stays_with_another_one(self) -> None:
        assert remaining(scored(0.1, 0.1, 0.9), keep_title=True) == {0: [0, 2]}

    def test_it_does_not_stay_by_itself(self) -> None:
        assert remaining(scored(0.1, 0.2), keep_title=True) == {}

    def test_it_stays_by_itself_when_it_passes(self) -> None:
        assert remaining(scored(0.9, 0.2), keep_title=True) == {0: [0]}

    @pytest.mark.parametrize("keep_headings", [True, False])
    @pytest.mark.parametrize("first", [0.9, 0.6])
    def test_it_is_paid_for_once(self, first: float, keep_headings: bool) -> None:
        page = scored(first, 0.8, 0.5)
        assert remaining(page, keep_title=True, keep_headings=keep_headings, max_tokens=30) == {0: [0, 1, 2]}

    def test_the_budget_wins_over_it(self) -> None:
        assert remaining(scored(0.1, 0.9), keep_title=True, max_tokens=19) == {0: [1]}
        assert remaining(scored(0.1, 0.9), keep_title=True, max_tokens=20) == {0: [0, 1]}


class TestBudget:
    def test_the_most_probable_sentences_of_all_passages_go_first(self) -> None:
        passages = scored(0.6, 0.9), scored(0.8, 0.7, index=1)
        assert remaining(*passages, max_tokens=20) == {0: [1], 1: [0]}

    def test_ties_go_in_reading_order(self) -> None:
        passages = scored(0.9, 0.9), scored(0.9, 0.9, index=1)
        assert remaining(*passages, max_tokens=30) == {0: [0, 1], 1: [0]}

    def test_a_sentence_that_does_not_fit_is_skipped_and_smaller_ones_follow(self) -> None:
        assert remaining(scored(0.9, 0.8, 0.7, tokens=[5, 20, 6]), max_tokens=11) == {0: [0, 2]}

    def test_a_sentence_pays_for_its_headings(self) -> None:
        page = scored(0.1, 0.9, 0.8, headings={1: 0})
        assert remaining(page, max_tokens=19) == {0: [2]}

    def test_a_heading_is_paid_for_once(self) -> None:
        page = scored(0.1, 0.9, 0.8, headings={1: 0, 2: 0})
        assert remaining(page, max_tokens=30) == {0: [0, 1, 2]}

    def test_a_heading_that_was_pulled_in_is_not_paid_for_again_when_it_passes_itself(self) -> None:
        page = scored(0.6, 0.9, 0.5, headings={1: 0})
        assert remaining(page, max_tokens=30) == {0: [0, 1, 2]}

    def test_it_wins_over_min_sentences(self) -> None:
        assert remaining(scored(0.9, 0.2, 0.1), min_sentences=3, max_tokens=20) == {0: [0, 1]}

    @pytest.mark.parametrize("when_empty", ["keep_best", "keep_all"])
    def test_it_wins_over_when_empty(self, when_empty: str) -> None:
        assert remaining(scored(0.1, 0.2), when_empty=when_empty, max_tokens=9) == {}
        assert remaining(scored(0.1, 0.2), when_empty=when_empty, max_tokens=10) == {0: [1]}

    def test_a_passage_that_gets_nothing_is_dropped(self) -> None:
        assert remaining(scored(0.9), scored(0.8, index=1), max_tokens=10) == {0: [0]}

    def test_sentences_without_tokens_do_not_hold_a_passage(self) -> None:
        passage = scored(0.0, 0.9, tokens=[0, 10])
        kept, dropped = decide([passage], PruningPolicy(threshold=0, max_tokens=5), THRESHOLDS)
        assert kept == ()
        assert [kept_numbers(passage) for passage in dropped] == [[]]


class TestTopN:
    passages = (
        scored(0.9, index=0, relevance=0.1),
        scored(0.1, index=1, relevance=0.9),
        scored(0.9, index=2, relevance=0.3),
        scored(0.9, index=3, relevance=0.3),
    )

    def test_the_most_relevant_passages_that_keep_something_stay(self) -> None:
        assert list(remaining(*self.passages, top_n=1)) == [2]
        assert list(remaining(*self.passages, top_n=2)) == [2, 3]

    def test_more_than_there_are_means_all_that_keep_something(self) -> None:
        assert list(remaining(*self.passages, top_n=9)) == [0, 2, 3]

    def test_the_budget_is_spent_on_the_chosen_passages_only(self) -> None:
        assert list(remaining(*self.passages, top_n=1, max_tokens=10)) == [2]


class TestMinRelevance:
    passages = TestTopN.passages

    def test_a_passage_below_it_is_dropped_whatever_its_sentences(self) -> None:
        assert list(remaining(*self.passages, min_relevance=0.3)) == [2, 3]
        assert remaining(*self.passages, min_relevance=1.0) == {}

    def test_the_top_n_are_chosen_among_those_that_are_relevant_enough(self) -> None:
        assert list(remaining(*self.passages, min_relevance=0.2, top_n=3)) == [2, 3]

    def test_it_wins_over_when_empty(self) -> None:
        assert remaining(scored(0.1, relevance=0.2), when_empty="keep_one", min_relevance=0.3) == {}
        assert remaining(scored(0.1, relevance=0.2), when_empty="keep_all", min_relevance=0.3) == {}

    def test_a_blank_passage_is_returned_unchanged(self) -> None:
        assert remaining(scored(0.0, relevance=0.0, tokens=0), min_relevance=1.0) == {0: [0]}


class TestNeighbors:
    page = scored(0.1, 0.1, 0.1, 0.9, 0.1, 0.1)

    @pytest.mark.parametrize(
        ("reach", "expected"),
        [((0, 0), [3]), ((1, 0), [2, 3]), ((0, 1), [3, 4]), ((2, 1), [1, 2, 3, 4]), ((9, 9), [0, 1, 2, 3, 4, 5])],
    )
    def test_the_sentences_around_a_chosen_one_are_kept(self, reach: tuple[int, int], expected: list[int]) -> None:
        assert remaining(self.page, keep_neighbors=reach) == {0: expected}

    def test_they_get_only_the_room_that_is_left_over_and_the_nearest_come_first(self) -> None:
        page = scored(0.4, 0.1, 0.9, 0.1, 0.4, 0.1, 0.8)
        assert remaining(page, keep_neighbors=(2, 2), max_tokens=20) == {0: [2, 6]}
        assert remaining(page, keep_neighbors=(2, 2), max_tokens=50) == {0: [1, 2, 3, 5, 6]}

    def test_a_choice_without_room_has_no_neighbors(self) -> None:
        page = scored(0.9, 0.1, 0.1, 0.8, tokens=[5, 9, 4, 20])
        assert remaining(page, keep_neighbors=(1, 1), max_tokens=10) == {0: [0]}

    def test_headings_that_come_along_have_no_neighbors(self) -> None:
        page = scored(0.1, 0.1, 0.1, 0.1, 0.9, headings={1: 0, 4: 0})
        assert remaining(page, keep_neighbors=(0, 1)) == {0: [0, 4]}

    def test_a_dropped_passage_has_none(self) -> None:
        assert remaining(scored(0.1, 0.2), keep_neighbors=(1, 1)) == {}


class TestPins:
    texts = ("ok 1 ", "ERR 2", "ok 3 ", "ERR 4")

    def log(self, *probabilities: float, index: int = 0, relevance: float = 0.5) -> ScoredPassage:
        page = scored(*probabilities, index=index, relevance=relevance)
        return replace(page, passage=Passage("".join(self.texts[: len(probabilities)])))

    @pytest.mark.parametrize("pins", ["^ERR", lambda text: "ERR" in text], ids=["expression", "function"])
    def test_they_are_kept_whatever_their_probability(self, pins: Any) -> None:
        assert remaining(self.log(0.9, 0.1, 0.1, 0.2), pins=pins) == {0: [0, 1, 3]}

    def test_they_are_kept_in_a_passage_that_is_dropped_otherwise(self) -> None:
        log = self.log(0.9, 0.1, 0.9, 0.1, relevance=0.1)
        others = [self.log(0.9, index=1, relevance=0.9)]
        assert remaining(self.log(0.1, 0.1), pins="ERR") == {0: [1]}
        assert remaining(log, *others, pins="ERR", top_n=1) == {0: [1, 3], 1: [0]}
        assert remaining(log, *others, pins="ERR", min_relevance=0.5) == {0: [1, 3], 1: [0]}

    def test_with_a_budget_they_are_added_first(self) -> None:
        assert remaining(self.log(0.9, 0.1, 0.8, 0.2), pins="ERR", max_tokens=30) == {0: [0, 1, 3]}
        assert remaining(self.log(0.9, 0.1, 0.8, 0.2), pins="ERR", max_tokens=10) == {0: [3]}


class TestOmission:
    def texts(self, *probabilities: float, **policy: Any) -> list[str]:
        kept, _ = decide([scored(*probabilities)], PruningPolicy(**policy), THRESHOLDS)
        return [passage.text for passage in kept]

    def test_it_stands_wherever_sentences_are_left_out(self) -> None:
        assert self.texts(0.1, 0.9, 0.1, 0.1, 0.9, 0.1, omission="…") == ["… 0123 … 0123 …"]
        assert self.texts(0.1, 0.9, 0.1, 0.1, omission="[{count} sentences left out]") == [
            "[1 sentences left out] 0123 [2 sentences left out]"
        ]

    def test_a_whole_passage_has_none(self) -> None:
        assert self.texts(0.9, 0.9, omission="…") == ["0123 0123 "]

    def test_a_new_policy_decides_again(self) -> None:
        page = scored(0.1, 0.9)
        [kept], _ = decide([page], PruningPolicy(omission="…"), THRESHOLDS)
        [again], _ = decide([kept.scored], PruningPolicy(), THRESHOLDS)
        assert (kept.text, again.text) == ("… 0123 ", "0123 ")


class TestBlankPassages:
    blank = scored(0.0, index=7, relevance=-1.0, tokens=0)
    empty = ScoredPassage(8, Passage(""), 0.0, [], [], [])

    @pytest.mark.parametrize(
        "policy", [{}, {"threshold": 1}, {"max_tokens": 0}, {"top_n": 1}, {"keep_title": True}], ids=str
    )
    def test_they_are_returned_whole_whatever_the_policy(self, policy: dict[str, Any]) -> None:
        kept = remaining(scored(1.0, tokens=1), self.blank, self.empty, **policy)
        assert kept[7] == [0]
        assert kept[8] == []

    def test_they_take_no_place_among_the_top_n(self) -> None:
        blank = replace(self.blank, relevance=9.0)
        assert list(remaining(scored(0.9), blank, top_n=1)) == [0, 7]


class TestOrder:
    passages = tuple(scored(0.9, index=n, relevance=r) for n, r in enumerate([0.1, 0.9, 0.5, 0.9]))

    def test_the_order_of_the_input_stays(self) -> None:
        assert list(remaining(*self.passages)) == [0, 1, 2, 3]

    def test_the_most_relevant_go_first_on_request_and_ties_stay_in_input_order(self) -> None:
        assert list(remaining(*self.passages, order="relevance")) == [1, 3, 2, 0]

    @pytest.mark.parametrize("order", ["input", "relevance"])
    def test_dropped_passages_are_in_input_order(self, order: Any) -> None:
        shuffled = [self.passages[n] for n in (2, 0, 3, 1)]
        _, dropped = decide(shuffled, PruningPolicy(threshold=1, order=order), THRESHOLDS)
        assert [passage.index for passage in dropped] == [0, 1, 2, 3]


def test_no_passages_give_no_passages() -> None:
    assert decide([], PruningPolicy(max_tokens=5, top_n=1), THRESHOLDS) == ((), ())


@pytest.fixture(scope="module")
def book() -> ScoredPassage:
    """A passage of very many sentences, in which each heading stands under the one before."""
    headings = {n: (n - 1) // 5 * 5 for n in range(1, 20_000)}
    return scored(*(n * 7919 % 1000 / 1000 for n in range(20_000)), headings=headings)


@pytest.mark.parametrize("max_tokens", [None, 500, 60_000], ids=["no budget", "small budget", "large budget"])
def test_a_book_is_decided_in_a_moment_even_if_each_heading_stands_under_the_one_before(
    book: ScoredPassage, max_tokens: int | None
) -> None:
    start = process_time()
    decide([book], PruningPolicy(threshold=0.1, max_tokens=max_tokens), THRESHOLDS)
    assert process_time() - start < 10
