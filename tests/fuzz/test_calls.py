"""Calls of strangers: whatever is given, the promises on results hold, and only errors of this package come out."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import pytest
from hostile_inputs import passages, policies, queries, texts, wrong_values
from hypothesis import given, settings
from hypothesis import strategies as st

from provence_plugins import DirectScorer, Passage, Pruner, PruneResult, PruningPolicy, SharedScorer
from provence_plugins.engine.budgets import find_counter
from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.errors import InvalidInputError, ProvenceError
from provence_plugins.testing import NumberBackend
from provence_plugins.types import Sentence

# Short, so that most passages take several windows.
WINDOW_TOKENS = 48

# Some properties do several calls for each example, or check each character.
fewer = settings(max_examples=max(1, settings().max_examples // 4))


@pytest.fixture(scope="module", params=[DirectScorer, SharedScorer], ids=["direct", "shared"])
def pruner(request: pytest.FixtureRequest) -> Iterator[Pruner]:
    """The shipped tokenizer, with scores that follow from token ids."""
    backend = NumberBackend()
    with Pruner(backend=backend, window_tokens=WINDOW_TOKENS, scorer=request.param, cache_tokens=2_000) as pruner:
        yield pruner


def outcome(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the type of the error of ours that it raised."""
    try:
        return call()
    except ProvenceError as error:
        return type(error)


def check_passage(passage: PrunedPassage) -> None:
    """Check that the kept text is made of the original one, in order."""
    text, spans = passage.passage.text, passage.kept_spans
    assert "".join(sentence.of(text) for sentence in passage.sentences) == text
    covered = set[int]()
    end = 0
    for span in spans:
        assert end <= span.start < span.end <= len(text)
        covered.update(range(span.start, span.end))
        end = span.end
    parts = [sentence.part or sentence for sentence in passage.sentences if sentence.kept]
    kept = {at for part in parts for at in range(part.start, part.end)}
    assert kept <= covered
    assert all(text[at].isspace() for at in covered - kept)
    if passage.omission is None:
        assert passage.text == "".join(span.of(text) for span in spans)
    assert math.isfinite(passage.relevance)


def budget_spent(result: PruneResult, policy: PruningPolicy) -> int:
    """Return what the kept sentences count in a budget."""
    if policy.token_counter is None:
        return result.tokens_after
    count = find_counter(policy.token_counter)
    return sum(
        count((sentence.part or sentence).of(passage.passage.text))
        for passage in result.passages
        for sentence in passage.sentences
        if sentence.kept
    )


def check_result(result: PruneResult, given_passages: Sequence[Passage], policy: PruningPolicy) -> None:
    """Check what is promised of every result."""
    everything = sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)
    assert [passage.passage for passage in everything] == list(given_passages)
    for passage in everything:
        check_passage(passage)
    assert not any(sentence.kept for passage in result.dropped for sentence in passage.sentences)
    if policy.max_tokens is not None:
        assert budget_spent(result, policy) <= policy.max_tokens
    # Passages without tokens, and those that the model cannot read, do not compete.
    competing = [passage for passage in result.passages if passage.tokens_before and passage.is_legible]
    if policy.top_n is not None and policy.pins is None:
        assert len(competing) <= policy.top_n
    if policy.order == "input":
        assert sorted(passage.index for passage in result.passages) == [passage.index for passage in result.passages]
    json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert "<script" not in result.to_html().replace("<style", "")
    assert "\x1b" not in result.to_terminal(color=False)
    assert repr(result).isprintable() or "\x1b" not in repr(result)
    assert result.text == str(result)


@fewer
@given(queries(), st.lists(passages(), max_size=4), policies())
def test_results_keep_every_promise(pruner: Pruner, query: str, given_passages: list[Passage], policy: Any) -> None:
    result = outcome(lambda: pruner.prune(query, given_passages, policy))
    if isinstance(result, PruneResult):
        check_result(result, given_passages, policy)
        assert result.with_policy(policy) == result
        check_result(result.with_policy(PruningPolicy(max_tokens=7)), given_passages, PruningPolicy(max_tokens=7))
    else:
        assert issubclass(result, InvalidInputError)


@fewer
@given(texts())
def test_threshold_zero_returns_any_text_unchanged(pruner: Pruner, text: str) -> None:
    [passage] = pruner.prune("where is paris", [text], PruningPolicy(threshold=0)).passages
    assert passage.text == text


@fewer
@given(queries(), st.lists(passages(), max_size=3), policies())
def test_every_way_of_calling_gives_the_same(
    pruner: Pruner, query: str, given_passages: list[Passage], policy: Any
) -> None:
    expected = outcome(lambda: pruner.prune(query, given_passages, policy))
    requests = [("where is paris", ["x. y."]), (query, given_passages)]
    assert outcome(lambda: asyncio.run(pruner.aprune(query, given_passages, policy))) == expected
    many = outcome(lambda: list(pruner.prune_many(requests, policy)))
    assert (many[1] if isinstance(many, list) else many) == expected


@fewer
@given(queries(), st.lists(passages(), max_size=5), st.none() | st.integers(1, 3))
def test_ranking_orders_all_passages(
    pruner: Pruner, query: str, given_passages: list[Passage], top_n: int | None
) -> None:
    ranking = outcome(lambda: pruner.rerank(query, given_passages, top_n))
    if isinstance(ranking, list):
        assert len(ranking) == min(len(given_passages), top_n or len(given_passages))
        assert [row.relevance for row in ranking] == sorted((row.relevance for row in ranking), reverse=True)
        assert all(given_passages[row.index] is row.passage for row in ranking)
        assert "\x1b" not in repr(ranking)


@fewer
@given(wrong_values(["query"]), wrong_values([[""], ["a. b."], Passage("x")]), wrong_values([None]))
def test_arguments_of_any_type_raise_errors_of_ours_only(
    pruner: Pruner, query: Any, given_passages: Any, policy: Any
) -> None:
    outcome(lambda: pruner.prune(query, given_passages, policy))
    outcome(lambda: asyncio.run(pruner.aprune(query, given_passages, policy)))
    outcome(lambda: list(pruner.prune_many([(query, given_passages)], policy)))
    outcome(lambda: pruner.rerank("paris", ["paris"], policy))


@given(st.dictionaries(st.sampled_from([field.name for field in fields(PruningPolicy)]), wrong_values()))
def test_a_policy_is_valid_or_refused(values: dict[str, Any]) -> None:
    policy = outcome(lambda: PruningPolicy(**values))
    if policy is not InvalidInputError and not callable(policy.pins):
        assert hash(policy) == hash(PruningPolicy(**values))
        assert policy.omission_mark(3) is None or isinstance(policy.omission_mark(3), str)


@given(
    wrong_values([0, 1]), wrong_values([2, 3]), wrong_values(["heading", "structure"]), wrong_values(), wrong_values()
)
def test_sentences_of_the_caller_are_valid_or_refused(
    pruner: Pruner, start: Any, end: Any, kind: Any, heading: Any, ties: Any
) -> None:
    def make() -> Passage:
        return Passage("ab cd", sentences=[Sentence(0, start), Sentence(start, end, kind, heading, None, ties)])

    passage = outcome(make)
    if passage is not InvalidInputError:
        check_result(pruner.prune("paris", [passage], PruningPolicy()), [passage], PruningPolicy())


@given(wrong_values(["x"]), wrong_values(["t"]), wrong_values())
def test_a_passage_is_valid_or_refused(text: Any, title: Any, sentences: Any) -> None:
    made = outcome(lambda: Passage(text, title, sentences))
    assert isinstance(made, Passage) or made is InvalidInputError
