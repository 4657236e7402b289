from dataclasses import replace

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.engine.pooling import ILLEGIBLE_RELEVANCE, PassageScores
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import InvalidInputError, QueryTooLongError
from provence_plugins.evaluation.methods.method import (
    SplitPassage,
    compare_by_question,
    from_sentence_scores,
    one_by_one,
    pruner_method,
    score_all,
    sentence_by_sentence,
    split,
)
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.testing import WordBackend
from provence_plugins.types import Passage

TEXT = "Paris is old. Cheese is good! The river is long?"


def passages(*texts: str) -> list[SplitPassage]:
    examples = [Example("q", "s", "Is cheese good?", Passage(text, "Food"), (), True) for text in texts]
    return list(split(examples, "sentencex"))


def test_sentences_of_a_split_passage_tile_it() -> None:
    [passage] = passages(TEXT)
    assert "".join(passage.texts) == TEXT
    assert passage.lengths == [len(text) for text in passage.texts] == [14, 16, 18]


def test_all_passages_are_scored_in_order_some_at_a_time() -> None:
    sizes = []

    def length(some: list[SplitPassage]) -> list[PassageScores]:
        sizes.append(len(some))
        return [PassageScores(float(len(passage.example.passage.text)), np.zeros(1)) for passage in some]

    given = passages(*("x" * number for number in range(1, 151)))
    assert [scores.relevance for scores in score_all(length, iter(given))] == list(range(1, 151))
    assert sizes == [64, 64, 22]


def test_a_method_that_forgets_a_passage_is_found_out() -> None:
    with pytest.raises(InvalidInputError, match="one PassageScores for each passage; got 0 for 1 passages"):
        score_all(lambda some: [], passages(TEXT))


def test_a_question_that_is_too_long_is_named_with_its_example(tiny_checkpoint: Checkpoint) -> None:
    fine, long = passages("Paris is old.", "Cheese is good!")
    long = replace(long, example=replace(long.example, id="long", question="Is cheese good? " * 50))
    with (
        Pruner(tiny_checkpoint.folder) as pruner,
        pytest.raises(QueryTooLongError, match=r"^The example 'long' of the source 's': The query has "),
    ):
        score_all(pruner_method(pruner), [fine, long])


def test_passages_of_a_question_are_compared_as_the_engine_does_and_others_are_left_alone() -> None:
    texts = ["The castle has towers. Sheep graze here.", "A castle is old. Sheep have wool.", "Cheese is good."]
    examples = [
        Example(f"q#n{n}", "s", "Which castle has towers?", Passage(text), (), False) for n, text in enumerate(texts)
    ]
    other = Example("r", "s", "Is the castle old?", Passage(texts[1]), (), True)
    policy = PruningPolicy(threshold=0.2, passage_comparison=0.5)
    with Pruner(backend=WordBackend(), comparison=0) as pruner:
        alone = pruner.prune(examples[0].question, texts, replace(policy, passage_comparison=0))
        result = pruner.prune(examples[0].question, texts, policy)
        given = list(split([*examples, other], "sentencex"))
        scores = score_all(pruner_method(pruner), given)
    compared = compare_by_question(given, scores, 0.5)
    by_engine = sorted((*result.passages, *result.dropped), key=lambda passage: passage.index)
    kept = [(each.probabilities >= 0.2).tolist() for each in compared[:3]]
    assert kept == [[sentence.kept for sentence in passage.sentences] for passage in by_engine]
    assert result.text != alone.text
    assert compared[3].probabilities.tolist() == scores[3].probabilities.tolist()


def test_a_passage_that_the_model_cannot_read_competes_with_none_and_without_a_weight_nothing_is_touched() -> None:
    given = passages("One. Two.", "Three.")
    scores = [
        PassageScores(0.5, np.array([0.4, 0.2])),
        PassageScores(ILLEGIBLE_RELEVANCE, np.ones(1), is_legible=False),
    ]
    assert compare_by_question(given, scores, 0.0) == scores
    for one, other in zip(compare_by_question(given, scores, 5.0), scores, strict=True):
        assert one.probabilities.tolist() == pytest.approx(other.probabilities.tolist())


def test_a_pruner_tells_which_passages_it_cannot_read() -> None:
    with Pruner() as pruner:
        read, unread = pruner_method(pruner)(passages("Cheese is good.", "مرحبا بالعالم. هذا نص عربي طويل."))
    assert (read.is_legible, unread.is_legible) == (True, False)
    assert unread.relevance == ILLEGIBLE_RELEVANCE


def test_relevance_is_compared_as_a_probability_even_if_a_model_gives_a_logit() -> None:
    first, second = passages("One. Two.", "Three.")
    given = [first, SplitPassage(replace(second.example, question=first.example.question), second.sentences)]
    sure, other = (PassageScores(each, np.array([0.5]), "logit") for each in (2.0, -1.5))
    as_probabilities = [PassageScores(each.relevance_probability, each.probabilities) for each in (sure, other)]
    found, expected = (compare_by_question(given, scores, 0.5) for scores in ([sure, other], as_probabilities))
    assert found[1].probabilities.tolist() == expected[1].probabilities.tolist() != [0.5]
    assert (found[0].relevance, found[0].relevance_scale) == (2.0, "logit")


def test_a_logit_of_minus_one_is_no_sign_of_a_passage_that_cannot_be_read() -> None:
    first, second = passages("One. Two.", "Three.")
    given = [first, SplitPassage(replace(second.example, question=first.example.question), second.sentences)]
    scores = [PassageScores(each, np.array([0.5]), "logit") for each in (2.0, ILLEGIBLE_RELEVANCE)]
    assert compare_by_question(given, scores, 0.5)[1].probabilities < 0.5


def test_scores_in_a_row_go_back_to_their_passages() -> None:
    first, empty, last = from_sentence_scores(passages("One. Two.", "", "Three."), [0.1, -0.2, -0.7])
    assert first.probabilities.tolist() == pytest.approx([0.1, -0.2])
    assert (first.relevance, empty.relevance, last.relevance) == pytest.approx((0.1, 0.0, -0.7))
    assert len(empty.probabilities) == 0


def test_sentence_by_sentence_every_sentence_is_a_passage_of_its_own() -> None:
    seen = []

    @one_by_one
    def notes(passage: SplitPassage) -> PassageScores:
        seen.append((passage.example.passage, passage.texts))
        return PassageScores(float(len(passage.example.passage.text)), np.zeros(1))

    [scores] = sentence_by_sentence(notes)(passages(TEXT))
    assert seen[1] == (Passage("Cheese is good! ", "Food"), ["Cheese is good! "])
    assert scores.probabilities.tolist() == [14, 16, 18]
    assert scores.relevance == 18


def test_a_pruner_scores_as_it_prunes(tiny_checkpoint: Checkpoint) -> None:
    with Pruner(tiny_checkpoint.folder, backend="onnx", dtype="float32") as pruner:
        given = passages(TEXT, " ", TEXT * 3)
        found = pruner_method(pruner)(given)
        for passage, scores in zip(given, found, strict=True):
            result = pruner.prune(passage.example.question, [passage.example.passage])
            [pruned] = (*result.passages, *result.dropped)
            assert scores.relevance == pytest.approx(pruned.relevance, abs=1e-5)
            assert scores.probabilities.tolist() == pytest.approx(
                [sentence.probability for sentence in pruned.sentences], abs=1e-5
            )
