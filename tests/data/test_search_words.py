"""Questions as key words."""

import pytest

from provence_plugins.data.search_words import to_search_words


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why was the second bridge closed in winter?", "second bridge closed winter"),
        ("How many of the routes are NOT open before May?", "many routes not open before may"),
        ("What's the fee (in $40 steps), and is it 5.2%?", "fee $40 steps 5.2%"),
        ("Which low-resource languages does C++ code support?", "low-resource languages c++ code support"),
        ("  what   is   IPv6 \n routing ?", "ipv6 routing"),
    ],
)
def test_what_a_searcher_would_type_stays_in_its_order(question: str, words: str) -> None:
    assert to_search_words(question) == words


@pytest.mark.parametrize("question", ["Who are you?", "Why is it so?", "What is entropy?", "", "?"])
def test_a_question_without_two_key_words_stays_as_it_is(question: str) -> None:
    assert to_search_words(question) == question
