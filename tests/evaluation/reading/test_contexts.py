import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins import Pruner
from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.baselines import bm25, chance, lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.reading.arms import (
    FULL,
    GOLD,
    NO_CONTEXT,
    method_arms,
    ordered_arms,
    pruned_arms,
)
from provence_plugins.evaluation.reading.contexts import ContextMaker, count_characters, take_best
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.types import Passage, Span

METHODS = {"lead": LoadedMethod(lead()), "random": LoadedMethod(chance()), "bm25": LoadedMethod(bm25())}


def passages(*texts: str) -> list[SplitPassage]:
    return list(split([Example(str(n), "s", "Who?", Passage(text), (), True) for n, text in enumerate(texts)], "regex"))


def scored(*rows: list[float]) -> list[PassageScores]:
    return [PassageScores(0.0, np.array(row, np.float32)) for row in rows]


def test_the_best_sentences_are_taken_and_shown_in_reading_order() -> None:
    texts = take_best(passages("One a. Two b. Three c.", "Four d."), scored([0.1, 0.9, 0.8], [0.7]), 16)
    assert texts == ("Two b. Three c.", "Four")


def test_the_last_sentence_is_cut_behind_a_word() -> None:
    assert take_best(passages("One two three four."), scored([1.0]), 10) == ("One two",)
    assert take_best(passages("One two three four."), scored([1.0]), 2) == ()
    assert take_best(passages("日本の首都は東京です。"), scored([1.0]), 4) == ("日本の首",)


@given(st.lists(st.text("ab .\n東", max_size=40), min_size=1, max_size=4), st.integers(0, 80), st.randoms())
def test_a_chosen_text_has_the_size_short_of_less_than_a_word(
    texts: list[str], size: int, random: st.DataObject
) -> None:
    made = passages(*texts)
    scores = scored(*([random.random() for _ in each.sentences] for each in made))
    kept = sum(map(count_characters, take_best(made, scores, size)))
    whole = sum(map(count_characters, texts))
    longest = max((len(word) for text in texts for word in text.split()), default=0)
    target = min(size, whole)
    assert target - longest < kept <= target or kept == target == 0


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.5])
@pytest.mark.parametrize("budget", [7, 20])
def test_the_arms_of_equal_size_are(
    threshold: float, budget: int, questions: list[ReadingQuestion], pruner: Pruner
) -> None:
    pruned = pruned_arms(pruner, [threshold], [budget])
    arms = method_arms(METHODS, pruned, every_size=True)
    contexts = ContextMaker(pruner, pruned, arms)
    assert len(contexts.equal_sizes) == len(METHODS) * len(pruned)
    sizes: set[int] = set()
    for question in questions:
        made = contexts.make(question)
        longest = max(len(word) for each in question.passages for word in each.example.passage.text.split())
        for name, like in contexts.equal_sizes.items():
            sizes.add(made[like].size)
            assert made[like].size - longest < made[name].size <= made[like].size, name
    assert len(sizes) > 1


def test_another_order_shows_the_same_passages_by_their_relevance(
    questions: list[ReadingQuestion], pruner: Pruner
) -> None:
    pruned = pruned_arms(pruner, [0.4], [])
    contexts = ContextMaker(pruner, pruned, ordered=ordered_arms(pruned, ["best-first", "best-last"]))
    assert contexts.arms == [
        NO_CONTEXT,
        FULL,
        "pruned at 0.4",
        "full, best first",
        "pruned at 0.4, best first",
        "full, best last",
        "pruned at 0.4, best last",
        GOLD,
    ]
    orders = set()
    for question in questions:
        made = contexts.make(question)
        given_passages = [each.example.passage for each in question.passages]
        ranked = pruner.prune(question.question, given_passages, PruningPolicy(threshold=0.0, order="relevance"))
        assert made["full, best first"].texts == tuple(passage.text.strip() for passage in ranked.passages)
        for base in (FULL, "pruned at 0.4"):
            first, last = made[f"{base}, best first"].texts, made[f"{base}, best last"].texts
            assert first == last[::-1]
            assert sorted(first) == sorted(made[base].texts)
            orders.add(first == made[base].texts)
    assert orders == {True, False}


def test_the_fixed_arms_show_nothing_everything_and_the_annotated_sentences(
    questions: list[ReadingQuestion], pruner: Pruner
) -> None:
    for question in questions:
        contexts = ContextMaker(pruner, pruned_arms(pruner, [], [5]))
        assert contexts.arms == [NO_CONTEXT, FULL, "pruned to 5 tokens", GOLD]
        made = contexts.make(question)
        assert made[NO_CONTEXT].texts == ()
        assert made[FULL].texts == tuple(each.example.passage.text.strip() for each in question.passages)
        number = question.id[1:]
        expected = (f"The capital of country {number} is {question.answers[0]}.",) if question.is_answerable else ()
        assert made[GOLD].texts == expected


def test_a_pruned_arm_is_what_the_pruner_keeps(questions: list[ReadingQuestion], pruner: Pruner) -> None:
    [arm] = pruned_arms(pruner, [0.5], [])
    made = ContextMaker(pruner, [arm]).make(questions[0])[arm.name]
    given_passages = [each.example.passage for each in questions[0].passages]
    result = pruner.prune(questions[0].question, given_passages, PruningPolicy(threshold=0.5))
    assert list(made.texts) == [passage.text.strip() for passage in result.passages if passage.text.strip()]
    assert made.seconds > 0


def test_a_system_with_fixed_outputs_keeps_its_own_size(questions: list[ReadingQuestion], pruner: Pruner) -> None:
    fixed = LoadedMethod(lead(), output=lambda passage: FixedOutput([Span(0, 7)]))
    pruned = pruned_arms(pruner, [0.5], [])
    contexts = ContextMaker(pruner, pruned, method_arms({"theirs": fixed}, pruned, every_size=True))
    assert contexts.equal_sizes == {}
    expected = tuple(each.example.passage.text[:7].strip() for each in questions[0].passages)
    assert contexts.make(questions[0])["theirs"].texts == expected
