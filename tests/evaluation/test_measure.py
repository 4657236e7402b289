from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.measure import gather, measure, prepare
from provence_plugins.evaluation.methods.catalogue import LoadedMethod
from provence_plugins.evaluation.methods.method import Method, SplitPassage, score_all, split
from provence_plugins.evaluation.methods.predictions import FixedOutput
from provence_plugins.evaluation.metrics.catalogue import metric_values
from provence_plugins.evaluation.metrics.scored_examples import WordOverlap
from provence_plugins.evaluation.probes.unrelated import UnrelatedRow
from provence_plugins.types import Span

FILLER = [f"There is nothing at all to see in sentence {number} either." for number in range(30)]


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
    found = measure("m", LoadedMethod(written), prepare(examples, "sentencex", needles=0))
    assert not found.has_default
    # All that has no number scores 0, is most of the text, and goes together.
    assert found.threshold == pytest.approx(0.0, abs=1e-30)
    assert found.threshold > 0.0
    assert (found.needles, found.lengths) == ([], [])


def test_what_ties_with_the_best_removed_sentence_is_removed_everywhere(
    make_example: Callable[..., Example], written: Method
) -> None:
    tied = [f"Tie {number} scores 0.3 here." for number in range(30)]
    given = [
        make_example(f"*Answer {name} scores 0.9.", *tied, id=name, source=source) for name, source in ("as", "bt")
    ]
    found = measure("m", LoadedMethod(written), prepare(given, "sentencex", needles=2))
    # Just above the score of the ties, which float32 does not tell from it.
    assert float(np.float32(0.3)) < found.threshold < np.nextafter(np.float32(0.3), np.float32(1))
    assert [words.kept for words in found.judged.words] == [4, 4]
    assert [row.kept for row in found.unrelated] == [1, 1]
    # The needle, and the other answer among the ties of its hay.
    assert {row.sentences for row in found.needles} == {2.0}
    assert [row.removed > 0.3 for row in found.lengths] == [True] * 5


def test_unrelated_passages_are_counted_at_the_methods_own_threshold(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written, 0.5, True), prepare(examples, "sentencex", needles=0))
    assert (found.threshold, found.has_default, found.judged.probabilities) == (0.5, True, True)
    sizes = [len(example.passage.text) for example in (examples[2], examples[0])]
    kept = len("Scores 0.7 here. ")
    assert found.unrelated == [UnrelatedRow(1, size - kept, size) for size in sizes]


def test_needles_and_lengths_are_scored_with_the_same_threshold(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written, 0.5), prepare(examples, "sentencex", needles=5))
    assert {(row.size, row.needles) for row in found.needles} == {(1, 2)}
    assert {row.kept for row in found.needles} == {0.5}
    assert {row.passages for row in found.lengths} == {2}
    assert {row.kept for row in found.lengths} == {0.5}


def test_the_examples_are_judged_by_the_scores_of_the_method(examples: list[Example], written: Method) -> None:
    found = measure("m", LoadedMethod(written), prepare(examples, "sentencex", needles=0))
    passages = list(split(examples, "sentencex"))
    judged = judge(passages, score_all(written, passages))
    assert metric_values(replace(found.judged, words=())) == metric_values(judged)


def test_passages_of_a_question_are_compared_as_far_as_the_method_asks(
    examples: list[Example], written: Method
) -> None:
    dataset = prepare(examples, "sentencex", needles=0)
    [plain, compared] = (
        measure("m", LoadedMethod(written, 0.5, True, passage_comparison=weight), dataset).judged.scored[0].scores
        for weight in (0.0, 0.25)
    )
    size = len(FILLER) + 2
    assert compared[:size].tolist() == plain[:size].tolist()
    # Log-odds of 0.6 less a quarter of twice their distance from those of 0.9: relevance is the best sentence's score.
    assert (plain[size], compared[size]) == pytest.approx((0.6, 0.3798), abs=1e-4)


def test_every_passage_of_the_data_is_scored_once(examples: list[Example], written: Method) -> None:
    scored: list[SplitPassage] = []

    def counting(passages: Sequence[SplitPassage]) -> Sequence[object]:
        scored.extend(passages)
        return written(passages)

    measure("m", LoadedMethod(counting), prepare(examples, "sentencex", needles=0))
    asked = [(passage.example.question_id, passage.example.passage.text) for passage in scored]
    assert len(asked) == len(set(asked)) == len(examples) + 2


def test_what_is_being_scored_is_shown(examples: list[Example], written: Method) -> None:
    shown: list[tuple[str, int]] = []

    def progress(items: Sequence[object], what: str) -> Iterable[object]:
        shown.append((what, len(items)))
        return items

    measure("m", LoadedMethod(written), prepare(examples, "sentencex", needles=5), progress)
    assert shown == [("m", 3), ("m, unrelated", 2), ("m, needles", 20), ("m, lengths", 10)]


def test_data_of_one_source_has_no_unrelated_passages(make_example: Callable[..., Example], written: Method) -> None:
    given = [make_example("*Scores 0.9.", "Nothing.", id=name) for name in "ab"]
    found = measure("m", LoadedMethod(written), prepare(given, "sentencex", needles=0))
    assert found.unrelated == []


def test_data_without_evidence_is_refused(make_example: Callable[..., Example], written: Method) -> None:
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        measure("m", LoadedMethod(written), prepare([make_example("One.", "Two.")], "sentencex", needles=0))
    with pytest.raises(InvalidInputError, match="nothing to measure"):
        measure("m", LoadedMethod(written), prepare([], "sentencex", needles=3))


def test_a_data_set_depends_on_the_seed_alone(examples: list[Example]) -> None:
    made = [prepare(examples, "sentencex", needles=2, seed=seed) for seed in (0, 0, 1)]
    assert [one == two for one, two in pairwise(made)] == [True, False]


def test_words_are_counted_at_the_threshold_in_passages_whose_evidence_is_known(
    make_example: Callable[..., Example], written: Method
) -> None:
    examples = [
        make_example("*Scores 0.9 here.", "Scores 0.6 here.", "Nothing at all.", id="a"),
        make_example("Scores 0.7 here.", "Nothing.", id="a#n0"),
        make_example("Without any evidence.", "Scores 0.9 here.", id="b"),
    ]
    found = measure("m", LoadedMethod(written, 0.5), prepare(examples, "sentencex", needles=0))
    # Nine words of the positive and four of its negative; the third passage does not tell where its answer is.
    assert list(found.judged.words) == [WordOverlap("s", "Who?", words=13, annotated=3, kept=9, both=3)]


def test_a_method_with_fixed_outputs_is_not_asked_about_probes(examples: list[Example]) -> None:
    def output(passage: SplitPassage) -> FixedOutput:
        return FixedOutput([Span(0, 6)], foreign_words=2)

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        assert all(passage.example in examples for passage in passages)
        return [PassageScores(0.0, np.ones(len(passage.sentences), np.float32)) for passage in passages]

    dataset = prepare(examples, "sentencex", needles=5)
    found = measure("m", LoadedMethod(score, 0.5, output=output), dataset)
    assert found.judged.fixed
    assert (found.unrelated, found.needles, found.lengths) == ([], [], [])
    assert [(words.source, words.kept, words.both) for words in found.judged.words] == [("s", 6, 1), ("t", 3, 0)]


def test_groups_hold_the_sources_that_match(examples: list[Example]) -> None:
    dataset = prepare(examples, "sentencex", needles=0, groups={"all": ["?"], "one": ["t"], "both": ["s", "t"]})
    assert dataset.groups == {"all": {"s", "t"}, "one": {"t"}, "both": {"s", "t"}}
    with pytest.raises(InvalidInputError, match=r"'x\*' of the group 'g' matches no source. The sources are s, t"):
        prepare(examples, "sentencex", needles=0, groups={"g": ["s", "x*"]})


def test_the_former_name_of_prepare_still_works_and_says_so(examples: list[Example]) -> None:
    with pytest.warns(DeprecationWarning, match="gather is deprecated"):
        dataset = gather(examples, "sentencex", most=2)
    assert dataset == prepare(examples, "sentencex", needles=2)
