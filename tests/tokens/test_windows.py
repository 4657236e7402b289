from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins.errors import InvalidInputError, QueryTooLongError
from provence_plugins.tokens.encoding import PairTemplate
from provence_plugins.tokens.windows import MIN_TEXT_TOKENS, Window, WindowHead, plan_head, plan_windows

TEMPLATE = PairTemplate(before=(101,), between=(102, 103), after=(102,), text_type=1)
QUERY = [7, 8, 9]

passages = st.lists(st.lists(st.integers(1000, 9999), max_size=40), max_size=25)
limits = st.integers(MIN_TEXT_TOKENS + TEMPLATE.special_tokens + len(QUERY), 120)
titles = st.lists(st.integers(200, 299), max_size=30)


def plan(sentences: list[list[int]], *, max_tokens: int = 40, title: list[int] | None = None) -> list[Window]:
    return plan_windows(plan_head(QUERY, title or [], TEMPLATE, max_tokens=max_tokens), sentences, TEMPLATE)


@given(sentences=passages, max_tokens=limits, title=titles)
def test_windows_hold_every_token_of_every_sentence_once_and_in_order(
    sentences: list[list[int]], max_tokens: int, title: list[int]
) -> None:
    found: dict[int, list[int]] = defaultdict(list)
    order = []
    for window in plan(sentences, max_tokens=max_tokens, title=title):
        for sentence, start, end in window.sentences:
            found[sentence] += window.ids[start:end]
            order.append(sentence)
    assert found == {number: ids for number, ids in enumerate(sentences) if ids}
    assert order == sorted(order)


@given(sentences=passages, max_tokens=limits, title=titles)
def test_windows_stay_within_the_limit(sentences: list[list[int]], max_tokens: int, title: list[int]) -> None:
    assert all(len(window.ids) <= max_tokens for window in plan(sentences, max_tokens=max_tokens, title=title))


@given(sentences=passages, max_tokens=limits, title=titles)
def test_windows_consist_of_query_title_sentences_and_special_tokens_only(
    sentences: list[list[int]], max_tokens: int, title: list[int]
) -> None:
    head = plan_head(QUERY, title, TEMPLATE, max_tokens=max_tokens)
    front = [101, *QUERY, 102, 103]
    for window in plan_windows(head, sentences, TEMPLATE):
        text = [token for _, start, end in window.sentences for token in window.ids[start:end]]
        assert list(window.ids) == [*front, *head.title, *text, 102]
        assert window.text_start == len(front)
        assert (window.query_type, window.text_type) == (0, 1)


@given(sentences=passages, max_tokens=limits)
def test_only_sentences_longer_than_a_window_are_cut(sentences: list[list[int]], max_tokens: int) -> None:
    parts = [number for window in plan(sentences, max_tokens=max_tokens) for number, _, _ in window.sentences]
    room = max_tokens - TEMPLATE.special_tokens - len(QUERY)
    assert all(len(sentences[number]) > room for number in parts if parts.count(number) > 1)


def test_a_sentence_longer_than_a_window_goes_on_in_the_next_one() -> None:
    long = list(range(1000, 1050))
    windows = plan([long], max_tokens=27)
    assert [number for window in windows for number, _, _ in window.sentences] == [0, 0, 0]
    assert [end - start for window in windows for _, start, end in window.sentences[:1]] == [20, 20, 10]


def test_windows_share_the_sentences_evenly() -> None:
    # Filled to the brim it would be 30, 30 and a last window of 6 without context.
    windows = plan([[1000] * 3] * 22, max_tokens=37)
    assert [len(window.sentences) for window in windows] == [8, 8, 6]


@given(sentences=passages, max_tokens=limits)
def test_there_are_as_few_windows_as_filling_each_to_the_brim_takes(
    sentences: list[list[int]], max_tokens: int
) -> None:
    room = max_tokens - TEMPLATE.special_tokens - len(QUERY)
    needed, used = 0, room
    for ids in sentences:
        for start in range(0, len(ids), room):
            size = min(room, len(ids) - start)
            needed, used = (needed, used + size) if used + size <= room else (needed + 1, size)
    assert len(plan(sentences, max_tokens=max_tokens)) == needed


def test_a_passage_that_fits_is_one_window() -> None:
    [window] = plan([[1000] * 10, [1001] * 10], max_tokens=40)
    assert [number for number, _, _ in window.sentences] == [0, 1]


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]], ids=["no sentence", "an empty one", "two empty ones"])
def test_no_tokens_make_no_windows(sentences: list[list[int]]) -> None:
    assert plan(sentences, title=[200]) == []


def test_the_title_stands_in_every_window_between_query_and_text() -> None:
    windows = plan([[1000] * 15] * 4, max_tokens=40, title=[200, 201])
    assert len(windows) > 1
    assert all(window.ids[window.text_start : window.text_start + 2] == (200, 201) for window in windows)
    assert all(window.sentences[0][1] == window.text_start + 2 for window in windows)


def test_a_long_title_is_cut_to_a_quarter_of_the_room_and_says_so() -> None:
    head = plan_head(QUERY, [200] * 50, TEMPLATE, max_tokens=47)
    assert (len(head.title), head.room, head.title_cut) == (10, 30, True)


def test_a_title_that_fits_is_whole() -> None:
    assert not plan_head(QUERY, [200], TEMPLATE, max_tokens=47).title_cut


def test_a_query_that_leaves_no_room_is_refused_with_the_sizes() -> None:
    with pytest.raises(QueryTooLongError, match=r"30 tokens, which leaves 6 of a window's 40"):
        plan_head([5] * 30, [], TEMPLATE, max_tokens=40)


def test_a_query_may_leave_exactly_the_least_room() -> None:
    longest = 40 - TEMPLATE.special_tokens - MIN_TEXT_TOKENS
    assert plan_head([5] * longest, [], TEMPLATE, max_tokens=40).room == MIN_TEXT_TOKENS
    with pytest.raises(QueryTooLongError):
        plan_head([5] * (longest + 1), [], TEMPLATE, max_tokens=40)


def test_a_head_without_room_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one token"):
        plan_windows(WindowHead(QUERY, [], 0, False), [[1000]], TEMPLATE)


def test_planning_leaves_its_inputs_as_they_were() -> None:
    sentences = [[1000] * 30, [1001] * 5]
    plan(sentences)
    assert sentences == [[1000] * 30, [1001] * 5]
