from collections.abc import Iterator
from typing import Any

import pytest

from provence_plugins import Passage, Pruner, PruningPolicy
from provence_plugins.errors import InvalidInputError
from provence_plugins.integrations.fields import PruningFields
from provence_plugins.integrations.notices import warn_once
from provence_plugins.integrations.queries import is_blank, read_questions, unite

PASSAGES = [Passage("The castle has nine towers. Sheep graze. Rain falls on the roof.")]
CHATTER = "My cousin came by with a cake and two bottles of wine to talk about the garden. " * 30


@pytest.fixture(autouse=True)
def _forget_warnings() -> Iterator[None]:
    warn_once.cache_clear()
    yield
    warn_once.cache_clear()


def questions(words: Pruner, query: Any, **options: Any) -> list[str]:
    return read_questions(query, PASSAGES, words, **{"split": True, **options})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Where is Paris?", []),
        ("castle towers", []),
        ("What is the difference between A and B?", []),
        ("How many days can I carry over, and what is the weather?",
         ["How many days can I carry over", "what is the weather?"]),
        ("Who built it? And where does it stand?", ["Who built it?", "And where does it stand?"]),
    ],
)  # fmt: skip
def test_the_parts_of_a_query_are_asked_too(words: Pruner, query: str, expected: list[str]) -> None:
    assert questions(words, query) == [query, *expected]
    assert questions(words, query, split=False) == [query]


def test_every_query_of_a_list_is_asked_once(words: Pruner) -> None:
    assert questions(words, ["castle", " ", "towers", "castle"]) == ["castle", "towers"]


def test_a_long_query_is_cut_down_to_its_questions_and_that_is_logged_once(
    words: Pruner, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert questions(words, f"{CHATTER}How many towers has it? {CHATTER}") == ["How many towers has it?"]
    assert caplog.text.count("longer than a third of the model's window") == 1


def test_a_long_query_without_a_question_is_cut_down_to_what_is_like_the_texts(words: Pruner) -> None:
    [question] = questions(words, f"{CHATTER}Tell me about the towers of the castle. {CHATTER}")
    assert "Tell me about the towers of the castle." in question
    assert len(question) < len(CHATTER)


@pytest.mark.parametrize(
    "query", ["x" * 10_000, "塔" * 3_000, "word " * 3_000], ids=["no spaces", "Chinese", "one sentence"]
)
def test_any_long_query_is_asked(words: Pruner, query: str) -> None:
    fields = PruningFields(model=words)
    assert fields.prune_passages(query, PASSAGES) is not None


@pytest.mark.parametrize("query", [7, None, ["castle", 7], {"a"}], ids=str)
def test_a_query_of_another_type_is_refused(words: Pruner, query: Any) -> None:
    with pytest.raises(InvalidInputError, match="query must be a string or a list of strings"):
        questions(words, query)


def test_blank_queries() -> None:
    assert is_blank("")
    assert is_blank([" ", ""])
    assert is_blank([])
    assert not is_blank(["", "castle"])
    assert not is_blank(7)  # type: ignore[arg-type]


def test_united_results_take_the_best_score_of_every_sentence(words: Pruner) -> None:
    policy = PruningPolicy(threshold=0.15)
    one, other = (words.prune(query, PASSAGES, policy) for query in ("castle", "rain falls"))
    united = unite([one, other])
    assert [passage.text for passage in united.passages] == ["The castle has nine towers. Rain falls on the roof."]
    assert united.passages[0].relevance == max(one.passages[0].relevance, other.passages[0].relevance)
    assert unite([one]) is one


async def test_a_query_of_two_parts_keeps_the_answers_to_both(words: Pruner) -> None:
    fields = PruningFields(model=words, threshold=0.3)
    for query in ("Has the castle towers, and does rain come?", ["castle has nine towers", "rain falls"]):
        result = fields.prune_passages(query, PASSAGES)
        assert result is not None
        assert result == await fields.aprune_passages(query, PASSAGES)
        assert result.passages[0].text.startswith("The castle has nine towers. ")
