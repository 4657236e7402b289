import asyncio
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pruner_calls import QUERY, TEXTS, assert_same, numbers, open_pruner

from provence_plugins import DirectScorer, Passage, Pruner, PruneRequest, PruningPolicy, Sentence, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import ClosedError, InvalidInputError, QueryTooLongError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.testing import WordBackend

texts = st.lists(st.text(max_size=300) | st.sampled_from(TEXTS), max_size=5)
many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(texts=texts)
def test_threshold_zero_gives_every_text_back(pruner: Pruner, texts: list[str]) -> None:
    result = pruner.prune(QUERY, texts, PruningPolicy(threshold=0))
    assert [passage.text for passage in result.passages] == texts
    assert not result.dropped


@many
@given(texts=texts, threshold=st.floats(0, 1))
def test_what_comes_out_is_whole_sentences_of_what_went_in(pruner: Pruner, texts: list[str], threshold: float) -> None:
    result = pruner.prune(QUERY, texts, PruningPolicy(threshold=threshold))
    for passage in (*result.passages, *result.dropped):
        source = texts[passage.index]
        assert "".join(s.of(source) for s in passage.sentences) == source
        assert passage.text == "".join(s.of(source) for s in passage.sentences if s.kept)
        assert len(passage.text) <= len(source)
        least, most = (0.0, 1.0) if passage.is_legible else (-1.0, -1.0)
        assert least <= passage.relevance <= most
        assert type(passage.relevance) is float
        assert all(type(s.probability) is float and 0.0 <= s.probability <= 1.0 for s in passage.sentences)
    assert sorted(p.index for p in (*result.passages, *result.dropped)) == list(range(len(texts)))


@many
@given(texts=texts, budget=st.integers(0, 60))
def test_the_budget_is_never_passed(pruner: Pruner, texts: list[str], budget: int) -> None:
    assert pruner.prune(QUERY, texts, PruningPolicy(threshold=0, max_tokens=budget)).tokens_after <= budget


@pytest.fixture(scope="module", params=[DirectScorer, SharedScorer], ids=["direct", "shared"])
def other(request: pytest.FixtureRequest, tiny_folder: Path) -> Iterator[Pruner]:
    """A second pruner of the same model, with each scorer."""
    with open_pruner(tiny_folder, request.param) as other:
        yield other


@many
@given(texts=texts)
def test_every_way_of_asking_gives_the_same(pruner: Pruner, other: Pruner, texts: list[str]) -> None:
    alone = pruner.prune(QUERY, texts)
    assert_same(other.prune(QUERY, texts), alone)
    assert_same(asyncio.run(other.aprune(QUERY, texts)), alone)
    for result in other.prune_many([(QUERY, texts), PruneRequest(QUERY, texts)]):
        assert_same(result, alone)


@pytest.mark.parametrize("scorer", [DirectScorer, SharedScorer], ids=["direct", "shared"])
def test_in_int8_a_passage_has_the_same_scores_to_the_bit_in_any_company(
    tiny_folder: Path, scorer: ScorerFactory
) -> None:
    texts = [TEXTS[0], TEXTS[2], "x", TEXTS[1], "the river is in the city"]
    with Pruner(tiny_folder, dtype="int8", threads=2, scorer=scorer, max_batch_tokens=128) as pruner:
        together = numbers(pruner.prune(QUERY, texts))
        turned = numbers(pruner.prune(QUERY, texts[::-1]))
        for index, text in enumerate(texts):
            [alone] = numbers(pruner.prune(QUERY, [text])).values()
            assert alone == together[index] == turned[len(texts) - 1 - index]


@pytest.mark.parametrize("budget", [64, 100, 4096])
def test_the_budget_of_a_batch_changes_nothing(pruner: Pruner, tiny_folder: Path, budget: int) -> None:
    with Pruner(tiny_folder, dtype="float32", max_batch_tokens=budget) as other:
        assert_same(other.prune(QUERY, TEXTS), pruner.prune(QUERY, TEXTS))


def test_rerank_puts_the_most_relevant_first(pruner: Pruner) -> None:
    ranked = pruner.rerank(QUERY, TEXTS)
    assert sorted(row.index for row in ranked) == list(range(len(TEXTS)))
    assert [row.relevance for row in ranked] == sorted((row.relevance for row in ranked), reverse=True)
    assert pruner.rerank(QUERY, TEXTS, top_n=2) == ranked[:2]
    with pytest.raises(InvalidInputError, match="top_n"):
        pruner.rerank(QUERY, TEXTS, top_n=0)


def test_rerank_returns_a_passage_even_if_a_policy_keeps_nothing_of_it(pruner: Pruner) -> None:
    bracket = Passage("paris.", sentences=[Sentence(0, 6, "structure")])
    assert len(pruner.rerank(QUERY, [bracket, "france."])) == 2


def test_with_policy_decides_as_a_new_call_would(pruner: Pruner) -> None:
    result = pruner.prune(QUERY, TEXTS)
    for policy in (
        PruningPolicy(threshold=0.6),
        PruningPolicy(max_tokens=9),
        PruningPolicy(top_n=1, order="relevance"),
    ):
        assert result.with_policy(policy) == pruner.prune(QUERY, TEXTS, policy)


def test_the_pruners_own_policy_and_splitter_are_used(tiny_folder: Path) -> None:
    policy = PruningPolicy(threshold=0)
    with Pruner(tiny_folder, policy=policy, splitter=lambda text: [(0, 3), (3, len(text))]) as pruner:
        result = pruner.prune(QUERY, ["paris is a city. it is."])
    assert result.policy == policy
    assert [(s.start, s.end) for s in result.passages[0].sentences] == [(0, 3), (3, 23)]


def test_a_passage_may_bring_its_sentences(pruner: Pruner) -> None:
    passage = Passage("paris is a city", title="France", sentences=[Sentence(0, 6), Sentence(6, 15)])
    result = pruner.prune(QUERY, [passage], PruningPolicy(threshold=0))
    assert [(s.start, s.end) for s in result.passages[0].sentences] == [(0, 6), (6, 15)]
    assert result.passages[0].passage is passage


def test_no_passages_give_an_empty_result(pruner: Pruner) -> None:
    result = pruner.prune(QUERY, [])
    assert (result.passages, result.dropped, result.tokens_before) == ((), (), 0)


@pytest.mark.parametrize("text", ["", "  \n\t\r\n"], ids=["empty", "blank"])
def test_a_blank_passage_is_returned_unchanged(pruner: Pruner, text: str) -> None:
    result = pruner.prune(QUERY, [text], PruningPolicy(threshold=1.0))
    assert [passage.text for passage in result.passages] == [text]
    assert result.passages[0].relevance == 0.0


@pytest.mark.parametrize(
    ("query", "passages", "error", "words"),
    [
        ("", ["x"], InvalidInputError, "blank"),
        (None, ["x"], InvalidInputError, "query must be a string"),
        ("paris " * 200, ["x"], QueryTooLongError, "Shorten the query"),
        (QUERY, "one string", InvalidInputError, "must be a list"),
        (QUERY, Passage("one"), InvalidInputError, "must be a list"),
        (QUERY, None, InvalidInputError, "must be a list"),
        (QUERY, ["x", 3], InvalidInputError, "Passage 1 must be"),
        (QUERY, [["x"]], InvalidInputError, "Passage 0 must be"),
    ],
    ids=["empty", "none", "long", "string", "passage", "no list", "number", "nested"],
)
def test_bad_input_is_refused_alike_everywhere(
    pruner: Pruner, query: object, passages: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        pruner.prune(query, passages)  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        asyncio.run(pruner.aprune(query, passages))  # type: ignore[arg-type]
    with pytest.raises(error, match=words):
        list(pruner.prune_many([(query, passages)]))  # type: ignore[list-item]
    with pytest.raises(error, match=words):
        pruner.rerank(query, passages)  # type: ignore[arg-type]


def test_a_policy_of_another_type_is_refused(pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="PruningPolicy"):
        pruner.prune(QUERY, TEXTS, {"threshold": 0.5})  # type: ignore[arg-type]


def test_the_callers_list_and_passages_stay_as_they_were(pruner: Pruner) -> None:
    given = [TEXTS[0], Passage(TEXTS[1], title="France")]
    copy = list(given)
    pruner.prune(QUERY, given)
    assert given == copy
    assert given[1] is copy[1]


def test_an_unknown_splitter_is_refused_at_once(tiny_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="'sentencex', 'regex'"):
        Pruner(tiny_folder, splitter="moses")  # type: ignore[typeddict-item]


def test_a_pickled_pruner_loads_its_model_again_and_is_closed_by_itself(tiny_folder: Path) -> None:
    policy = PruningPolicy(threshold=0.5, when_empty="keep_one")
    options = {"policy": policy, "backend": "onnx", "scorer": partial(SharedScorer, gather_seconds=0.0)}
    with Pruner(tiny_folder, **options) as pruner:  # type: ignore[arg-type]
        twin = pickle.loads(pickle.dumps(pruner))
        expected = pruner.prune("Where is Paris?", ["Paris is a city. It is in France."])
        assert twin.prune("Where is Paris?", ["Paris is a city. It is in France."]) == expected
        twin.close()
        assert pruner.prune("Where is Paris?", ["Paris is a city. It is in France."]) == expected
        with pytest.raises(ClosedError):
            twin.prune("Where is Paris?", ["Paris is a city."])
    with pickle.loads(pickle.dumps(pruner)) as again:  # a closed one is pickled as what it was made of
        assert again.prune("Where is Paris?", ["Paris is a city. It is in France."]) == expected


def test_a_pruner_with_a_backend_object_is_not_pickled() -> None:
    with Pruner(backend=WordBackend()) as pruner, pytest.raises(InvalidInputError, match="Name the backend"):
        pickle.dumps(pruner)


def test_it_says_how_long_texts_and_windows_are() -> None:
    with Pruner(backend=WordBackend()) as pruner:
        assert pruner.count_tokens(["", "castle", "castle castle"]) == [0, 1, 2]
        assert pruner.window_tokens == open_checkpoint(None).max_tokens
        wrong: Any
        for wrong in ("castle", 3, [3], None):
            with pytest.raises(InvalidInputError, match=r"must be a (list of strings|string); got"):
                pruner.count_tokens(wrong)


@pytest.fixture(scope="module")
def bundled() -> Iterator[Pruner]:
    with Pruner(threads=1) as pruner:
        yield pruner


class TestTextsThatTheModelCannotRead:
    chinese = "这座磨坊建于一八四三年。它现在是一座博物馆。票价是五欧元。"
    english = "The mill was built in 1843. The ticket costs five euros. Dogs stay outside."

    def test_they_are_kept_as_they_are_and_say_so(self, bundled: Pruner) -> None:
        policy = PruningPolicy(threshold=0.5)
        result = bundled.prune("What does a ticket cost?", [self.chinese, self.english], policy)
        unread, read = result.passages
        assert unread.text == self.chinese
        assert (unread.relevance, unread.is_legible) == (-1.0, False)
        assert read.is_legible
        assert 0 <= read.relevance <= 1
        assert "ticket costs" in read.text
        assert len(read.text) < len(self.english)

    def test_neither_top_n_nor_a_least_relevance_drops_them(self, bundled: Pruner) -> None:
        policy = PruningPolicy(top_n=1, min_relevance=0.01)
        result = bundled.prune("What does a ticket cost?", [self.chinese, self.english, self.english], policy)
        assert [passage.index for passage in result.passages] == [0, 1]
        again = result.with_policy(PruningPolicy(threshold=0.9, min_relevance=1))
        assert [passage.index for passage in again.passages] == [0]

    def test_a_query_that_it_cannot_read_leaves_everything_as_it_is(self, bundled: Pruner) -> None:
        [passage] = bundled.prune("票价是多少？请告诉我这座磨坊的票价", [self.english]).passages
        assert passage.text == self.english

    def test_one_warning_is_logged_for_each_pruner(self, caplog: pytest.LogCaptureFixture) -> None:
        with Pruner(threads=1) as pruner:
            for _ in range(2):
                pruner.prune("What does a ticket cost?", [self.chinese])
        assert len([record for record in caplog.records if "cannot read" in record.message]) == 1


def test_a_language_is_given_to_the_splitter(tiny_folder: Path) -> None:
    text = "Der Verein zahlt lt. Satzung nichts."
    with Pruner(tiny_folder, language="de", splitter="sentencex", threshold=0) as pruner:
        assert pruner.prune("Wer zahlt?", [text]).text == text
    with pytest.raises(InvalidInputError, match=r"language must be .*'German'"):
        Pruner(tiny_folder, language="German")
    with pytest.raises(InvalidInputError, match="does not use a language"):
        Pruner(tiny_folder, language="de", splitter="lines")


@pytest.mark.parametrize("call", ["prune", "aprune", "prune_many", "rerank", "calibrate"])
def test_a_call_tells_where_a_field_of_the_policy_belongs(pruner: Pruner, call: str) -> None:
    async def ask() -> None:
        outcome = getattr(pruner, call)(threshold=0.5)
        await outcome  # only a coroutine is checked later than at the call

    with pytest.raises(InvalidInputError, match=r"write policy=PruningPolicy\(threshold=\.\.\.\)"):
        asyncio.run(ask())


def test_an_unknown_keyword_of_a_call_is_refused_and_the_nearest_is_named(pruner: Pruner) -> None:
    rerank: Any = pruner.rerank
    with pytest.raises(InvalidInputError, match="Did you mean 'top_n'"):
        rerank("Where?", ["Here."], top_k=3)
