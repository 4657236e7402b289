import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins import Pruner
from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.baselines import chance, lead
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.reading.contexts import (
    FULL,
    GOLD,
    NO_CONTEXT,
    ContextMaker,
    PrunedArm,
    count_characters,
    pruned_arms,
    take_best,
)
from provence_plugins.evaluation.reading.questions import ReadingQuestion
from provence_plugins.types import Passage, Span

METHODS = {"lead": LoadedMethod(lead()), "random": LoadedMethod(chance())}


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
def test_the_arms_of_equal_size_are(threshold: float, questions: list[ReadingQuestion], pruner: Pruner) -> None:
    contexts = ContextMaker(pruner, [PrunedArm("pruned", PruningPolicy(threshold=threshold))], METHODS)
    sizes: set[int] = set()
    for question in questions:
        made = contexts.make(question)
        size = made["pruned"].size
        sizes.add(size)
        longest = max(len(word) for each in question.passages for word in each.example.passage.text.split())
        for name in METHODS:
            assert size - longest < made[name].size <= size, name
    assert max(sizes) > 0


def test_the_fixed_arms_show_nothing_everything_and_the_annotated_sentences(
    questions: list[ReadingQuestion], pruner: Pruner
) -> None:
    for question in questions:
        contexts = ContextMaker(pruner, pruned_arms(pruner, [], [5]), {})
        assert contexts.arms == [NO_CONTEXT, FULL, "pruned to 5 tokens", GOLD]
        made = contexts.make(question)
        assert made[NO_CONTEXT].texts == ()
        assert made[FULL].texts == tuple(each.example.passage.text.strip() for each in question.passages)
        number = question.id[1:]
        expected = (f"The capital of country {number} is {question.answers[0]}.",) if question.is_answerable else ()
        assert made[GOLD].texts == expected


def test_a_pruned_arm_is_what_the_pruner_keeps(questions: list[ReadingQuestion], pruner: Pruner) -> None:
    [arm] = pruned_arms(pruner, [0.5], [])
    made = ContextMaker(pruner, [arm], {}).make(questions[0])[arm.name]
    given_passages = [each.example.passage for each in questions[0].passages]
    result = pruner.prune(questions[0].question, given_passages, PruningPolicy(threshold=0.5))
    assert list(made.texts) == [passage.text.strip() for passage in result.passages if passage.text.strip()]
    assert made.seconds > 0


def test_without_thresholds_and_budgets_the_models_own_threshold_is_taken(pruner: Pruner) -> None:
    [arm] = pruned_arms(pruner, [], [])
    assert arm.policy.threshold == pruner.default_threshold


def test_a_system_with_fixed_outputs_keeps_its_own_size(questions: list[ReadingQuestion], pruner: Pruner) -> None:
    fixed = LoadedMethod(lead(), output=lambda passage: FixedOutput([Span(0, 7)]))
    contexts = ContextMaker(pruner, pruned_arms(pruner, [0.5], []), {"theirs": fixed})
    expected = tuple(each.example.passage.text[:7].strip() for each in questions[0].passages)
    assert contexts.make(questions[0])["theirs"].texts == expected
