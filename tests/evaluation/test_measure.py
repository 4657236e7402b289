from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.measure import UnrelatedPassage, gather, measure
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import Method, SplitPassage

FILLER = [f"There is nothing at all to see in sentence {number} either." for number in range(30)]


def unwatched(items: Sequence[object], what: str) -> Iterable[object]:
    return items


@pytest.fixture
def examples(make_example: Callable[..., Example]) -> list[Example]:
    return [
        make_example("*Scores 0.9 here.", "Scores 0.2 here.", *FILLER, id="a"),
        make_example("Scores 0.6 here.", "Nothing here.", id="a#n0"),
        make_example("Scores 0.7 here.", "*Scores 0.3 here.", *FILLER, id="b", source="t"),
    ]


def test_a_method_without_a_threshold_gets_that_which_removes_seven_tenths(
    examples: list[Example], written: Method
) -> None:
    found = measure("m", LoadedMethod(written), gather(examples, "sentencex", most=0), unwatched)
    assert not found.has_default
    # All that has no number scores 0, is most of the text, and goes together.
    assert found.threshold == pytest.approx(0.0, abs=1e-30)
    assert found.threshold > 0.0
    assert (found.needles, found.lengths) == ([], [])


def test_unrelated_passages_are_counted_at_the_methods_own_threshold(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written, 0.5, True), gather(examples, "sentencex", most=0), unwatched)
    assert (found.threshold, found.has_default, found.probabilities) == (0.5, True, True)
    sizes = [len(example.passage.text) for example in (examples[2], examples[0])]
    kept = len("Scores 0.7 here. ")
    assert found.unrelated == [UnrelatedPassage(1, size - kept, size) for size in sizes]


def test_needles_and_lengths_are_scored_with_the_same_threshold(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written, 0.5), gather(examples, "sentencex", most=5), unwatched)
    assert {(row.size, row.needles) for row in found.needles} == {(1, 2)}
    assert {row.kept for row in found.needles} == {0.5}
    assert {row.passages for row in found.lengths} == {2}
    assert {row.kept for row in found.lengths} == {0.5}


def test_the_judgement_is_that_of_the_report(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written), gather(examples, "sentencex", most=0), unwatched)
    assert found.judged.report() == judge(examples, written).report()


def test_every_passage_of_the_data_is_scored_once(examples: list[Example], written: Method) -> None:
    scored: list[SplitPassage] = []

    def counting(passages: Sequence[SplitPassage]) -> Sequence[object]:
        scored.extend(passages)
        return written(passages)

    measure("m", LoadedMethod(counting), gather(examples, "sentencex", most=0), unwatched)
    asked = [(passage.example.question_id, passage.example.passage.text) for passage in scored]
    assert len(asked) == len(set(asked)) == len(examples) + 2


def test_what_is_being_scored_is_shown(examples: list[Example], written: Method) -> None:
    shown: list[tuple[str, int]] = []

    def watch(items: Sequence[object], what: str) -> Iterable[object]:
        shown.append((what, len(items)))
        return items

    measure("m", LoadedMethod(written), gather(examples, "sentencex", most=5), watch)
    assert shown == [("m", 3), ("m, unrelated", 2), ("m, needles", 20), ("m, lengths", 10)]


def test_data_of_one_source_has_no_unrelated_passages(make_example: Callable[..., Example], written: Method) -> None:
    given = [make_example("*Scores 0.9.", "Nothing.", id=name) for name in "ab"]
    found = measure("m", LoadedMethod(written), gather(given, "sentencex", most=0), unwatched)
    assert found.unrelated == []


def test_data_without_evidence_is_refused(make_example: Callable[..., Example], written: Method) -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        measure("m", LoadedMethod(written), gather([make_example("One.", "Two.")], "sentencex", most=0), unwatched)
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        measure("m", LoadedMethod(written), gather([], "sentencex", most=3), unwatched)


def test_material_depends_on_the_seed_alone(examples: list[Example]) -> None:
    made = [gather(examples, "sentencex", most=2, seed=seed) for seed in (0, 0, 1)]
    assert [one == two for one, two in pairwise(made)] == [True, False]
