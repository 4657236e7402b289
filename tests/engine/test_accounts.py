"""What keeping more of a passage takes is counted with the marks and the white space around it."""

from collections.abc import Sequence

import pytest

from provence_plugins.engine.accounts import PassageAccount, open_accounts
from provence_plugins.engine.passages import ScoredPassage, SentencePart
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.text.sentences import split_sentences
from provence_plugins.types import Passage

TEXT = "One is here.\n\nTwo is here.\n\nThree is here. Four is here."


def account(*kept: int, omission: str | None = None, max_tokens: int | None = 100) -> PassageAccount:
    """An account over characters of which some sentences are kept."""
    sentences = split_sentences(TEXT)
    passage = ScoredPassage(0, Passage(TEXT), 1.0, sentences, [0.5] * len(sentences), [3] * len(sentences))
    policy = PruningPolicy(max_tokens=max_tokens, omission=omission, token_counter="characters")
    [opened] = open_accounts([passage], policy, len)
    opened.keep(kept)
    return opened


def test_a_sentence_takes_what_the_counter_of_the_policy_says() -> None:
    assert [account().cost_of({number}) for number in range(4)] == [14, 14, 15, 13]


def test_without_a_budget_nothing_but_tokens_of_the_model_is_counted() -> None:
    assert account(max_tokens=None, omission="...").cost_of({1, 2}) == 6


@pytest.mark.parametrize(
    ("kept", "added"),
    [((1,), {3}), ((0,), {2}), ((2,), {3}), ((), {0, 2})],
    ids=["a blank that is there", "lines that are there", "neighbours", "both at once"],
)
def test_white_space_that_a_kept_sentence_ends_with_is_not_counted_twice(
    kept: tuple[int, ...], added: set[int]
) -> None:
    costs = account().costs
    assert account(*kept).cost_of(added) == sum(costs[number] for number in added)


@pytest.mark.parametrize(("added", "cost"), [(1, 14), (3, 13)], ids=["right in front", "further above"])
def test_white_space_of_a_removed_sentence_is_counted_where_the_next_kept_one_needs_it(added: int, cost: int) -> None:
    cut = account(0)
    cut.parts[0] = SentencePart(0, 3, 1)
    assert cut.cost_of({added}) == cost + len("\n\n")


@pytest.mark.parametrize(
    ("kept", "added", "marks"),
    [((), {1}, 2), ((1,), {2}, 0), ((1, 3), {2}, -1), ((0,), {3}, 0)],
    ids=["in the middle", "beside a kept one", "fills a gap", "parts a gap at the end"],
)
def test_marks_are_counted_as_gaps_come_and_go(kept: Sequence[int], added: set[int], marks: int) -> None:
    opened = account(*kept, omission="...")
    assert opened.cost_of(added) == account(*kept).cost_of(added) + marks * opened.mark_cost


def test_content_is_what_says_more_than_a_heading() -> None:
    text = "# A heading\n\nOne is here."
    passage = ScoredPassage(0, Passage(text), 1.0, split_sentences(text), [0.5, 0.5], [3, 3])
    opened = PassageAccount(passage, passage.token_counts)
    opened.keep([0])
    assert (opened.has_content, opened.has_tokens) == (False, True)
    opened.keep([1])
    assert opened.has_content
