import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provence_plugins import Passage, Pruner, Span
from provence_plugins.data.examples import Example
from provence_plugins.engine.calibration import AnnotatedSentences, choose_threshold, least_examples
from provence_plugins.engine.passages import ScoredSentence
from provence_plugins.errors import InvalidInputError

ANSWER = Span(0, 4)


@pytest.fixture
def tiny_pruner(tiny_folder: Path) -> Iterator[Pruner]:
    with Pruner(tiny_folder) as pruner:
        yield pruner


def passage(answer: float, other: float = 0.0) -> AnnotatedSentences:
    """Two sentences of 10 characters, the first with the answer."""
    sentences = [
        ScoredSentence(0, 10, answer, False, "sentence", 3, None),
        ScoredSentence(10, 20, other, False, "sentence", 3, None),
    ]
    return AnnotatedSentences(sentences, [ANSWER])


@pytest.mark.parametrize(("target", "least"), [(0.5, 1), (0.9, 9), (0.97, 33), (0.99, 99), (0.999, 999)])
def test_how_many_examples_a_target_needs(target: float, least: int) -> None:
    assert least_examples(target) == least
    scored = [passage(0.5)] * least
    assert choose_threshold(scored, target).threshold == 0.5
    with pytest.raises(InvalidInputError, match=f"at least {least} examples with evidence; got {least - 1}"):
        choose_threshold(scored[1:], target)


def test_a_worked_case() -> None:
    # With 19 examples and a target of 0.9, (19 + 1) * 0.1 - 1 = 1 of them may be lost.
    scored = [passage(number / 20, other=0.12) for number in range(1, 20)]
    found = choose_threshold(scored, 0.9)
    assert (found.threshold, found.questions) == (0.1, 19)
    assert found.kept == pytest.approx(18 / 19)
    assert found.removed == pytest.approx(1 / 38)


@given(
    best=st.lists(st.floats(0, 1), min_size=1, max_size=60),
    target=st.floats(0.05, 0.98),
)
def test_the_threshold_is_the_highest_that_the_bound_allows(best: list[float], target: float) -> None:
    scored = [passage(value) for value in best]
    if len(best) < least_examples(target):
        with pytest.raises(InvalidInputError, match="Annotate more examples"):
            choose_threshold(scored, target)
        return
    found = choose_threshold(scored, target).threshold

    def bound(threshold: float) -> float:
        return (sum(value < threshold for value in best) + 1) / (len(best) + 1)

    assert bound(found) <= 1 - target + 1e-6
    assert bound(math.nextafter(found, 2)) > 1 - target - 1e-6


def test_later_questions_keep_their_answers_as_often_as_promised() -> None:
    random = Random(0)

    def draw(size: int) -> list[float]:
        return [random.betavariate(2, 3) for _ in range(size)]

    kept = []
    for _ in range(300):
        threshold = choose_threshold([passage(value) for value in draw(40)], 0.9).threshold
        kept.append(sum(value >= threshold for value in draw(200)) / 200)
    # Three of 40 may be lost, so a 41st is lost with a probability of 4 / 41; the rest is the noise of 300 draws.
    assert sum(kept) / len(kept) == pytest.approx(1 - 4 / 41, abs=0.01)


@pytest.mark.parametrize("target", [0.0, 1.0, -1.0, 2.0, math.nan, "0.9", None])
def test_an_invalid_target_is_named(target: Any) -> None:
    with pytest.raises(InvalidInputError, match="above 0 and below 1"):
        least_examples(target)


def examples(evidence: Sequence[Span]) -> list[Example]:
    text = "The capital is Paris. Cheese is good."
    return [Example(f"q{n}", "s", "What is the capital?", Passage(text), tuple(evidence), True) for n in range(9)]


def test_a_pruner_calibrates_on_its_own_scores(tiny_pruner: Pruner) -> None:
    found = tiny_pruner.calibrate(iter(examples([Span(0, 3), Span(25, 27)])), target_recall=0.9)
    result = tiny_pruner.prune("What is the capital?", [examples([])[0].passage])
    [scored] = (*result.passages, *result.dropped)
    assert found.threshold == pytest.approx(max(sentence.probability for sentence in scored.sentences), abs=1e-4)
    assert (found.questions, found.kept) == (9, 1.0)


def test_passages_without_evidence_promise_nothing(tiny_pruner: Pruner) -> None:
    with pytest.raises(InvalidInputError, match="got 0"):
        tiny_pruner.calibrate(examples([]), target_recall=0.9)


def test_an_item_that_is_not_an_example_is_named_with_its_number(tiny_pruner: Pruner) -> None:
    given: list[Any] = [*examples([ANSWER]), {"question": "What?"}]
    with pytest.raises(InvalidInputError, match="Example 9 must be an Example; got dict"):
        tiny_pruner.calibrate(given, target_recall=0.9)


@pytest.mark.parametrize("wrong", [3, None, len])
def test_examples_that_cannot_be_iterated_are_refused(tiny_pruner: Pruner, wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="examples must be an iterable of Example objects"):
        tiny_pruner.calibrate(wrong, target_recall=0.9)
