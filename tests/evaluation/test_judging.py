import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.planning import Planner
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.engine.pruner import Pruner
from provence_plugins.evaluation.judging import judge, model_method, unrelated
from provence_plugins.evaluation.methods.method import SplitPassage, one_by_one, split
from provence_plugins.model.backend import load_backend
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.types import Passage, Span

TEXT = "Paris is old. Cheese is good! The river is long?"


def example(id: str, *, at: int | None = None, positive: bool = True, text: str = TEXT, source: str = "s") -> Example:
    evidence = () if at is None else (Span(at, at + 3),)
    return Example(id, source, "Is cheese good?", Passage(text), evidence, positive)


@one_by_one
def cheese(passage: SplitPassage) -> PassageScores:
    """Likes sentences about cheese, and passages by their length."""
    likes = np.array(["Cheese" in text for text in passage.texts], np.float32)
    return PassageScores(float(len(passage.example.passage.text)), likes)


def test_the_figures_of_a_worked_case() -> None:
    judged = judge(
        [
            example("a", at=15),
            example("a#n0", positive=False, text="Short."),
            example("a#n1", positive=False, text=TEXT * 2),
            example("b", at=1),
            example("c", at=15, source="other"),
        ],
        cheese,
    )
    assert judged.ranked == [("s", float(len(TEXT)), [6.0, 2.0 * len(TEXT)])]
    report = judged.report()
    assert report.questions == 3
    assert report.reciprocal_rank == 0.5
    assert report.ndcg == pytest.approx(1 / math.log2(3))
    # The sentence about cheese is a third of the text. In "s" it holds one answer of two, in "other" all.
    assert report.kept == (0.75, 0.0, 0.0)
    assert report.kept_within == (0.75, 0.0, 0.0)
    assert report.average_precision == pytest.approx(((1 + 1 / 2) / 2 + 1) / 2)


def test_text_of_negatives_is_to_be_removed_too() -> None:
    easy, hard = (
        judge([example("a", at=15), example("a#n0", positive=False, text=text)], cheese).report()
        for text in ("Paris is old. " * 9, "Cheese! " * 9)
    )
    assert easy.kept == (1.0, 1.0, 1.0)
    assert hard.kept == (0.0, 0.0, 0.0)
    assert easy.kept_within == hard.kept_within == (1.0, 0.0, 0.0)


def test_two_sources_may_number_their_questions_alike() -> None:
    given = [example("a", at=15), example("a#n0", positive=False, text="Cheese! " * 9, source="other")]
    judged = judge(given, cheese)
    assert judged.ranked == []
    assert judged.scored[0].own == len(judged.scored[0].scores)


def test_passages_that_say_nothing_about_pruning_count_for_ranking_only() -> None:
    judged = judge(
        [
            example("one sentence", at=1, text="Cheese is good."),
            example("no evidence"),
            example("no evidence#n0", positive=False, text="Cheese."),
            example("judged", at=15),
        ],
        cheese,
    )
    assert len(judged.scored) == 1
    assert judged.ranked == [("s", float(len(TEXT)), [7.0])]


def test_an_answer_over_two_sentences_marks_both() -> None:
    [scored] = judge([example("a", at=12)], cheese).scored
    assert scored.relevant.tolist() == [True, True, False]
    assert scored.lengths.sum() == len(TEXT)


def test_unrelated_passages_come_from_other_sources() -> None:
    given = [example(f"{source}{number}", source=source, text=source) for source in "abc" for number in range(4)]
    mixed = unrelated([*given, example("negative", positive=False)])
    assert len(mixed) == len(given)
    assert [item.question_id for item in mixed] == [item.question_id for item in given]
    assert all(item.passage.text != item.source and not item.positive for item in mixed)


def test_the_model_is_judged_by_the_probabilities_that_the_engine_gives(tiny_checkpoint: Checkpoint) -> None:
    backend = load_backend(tiny_checkpoint, "onnx")
    planner = Planner(
        tiny_checkpoint.encoder, tiny_checkpoint.format, tiny_checkpoint.splitter, tiny_checkpoint.max_tokens
    )
    given = Example("a", "s", "Is cheese good?", Passage(TEXT * 3, "Cheese"), (), True)
    short = replace(given, passage=Passage("Cheese is good. Is it?"))
    # What else is judged with it makes no difference, and neither does a passage without any token.
    _, scores, blank = model_method(planner, backend)(
        list(split([short, given, replace(given, passage=Passage(" "))], "sentencex"))
    )
    assert blank.relevance == 0.0
    with Pruner(tiny_checkpoint.folder, backend=backend) as pruner:
        result = pruner.prune(given.question, [given.passage])
    [pruned] = (*result.passages, *result.dropped)
    assert scores.relevance == pytest.approx(pruned.relevance, abs=1e-5)
    assert scores.probabilities.tolist() == pytest.approx(
        [sentence.probability for sentence in pruned.sentences], abs=1e-5
    )


def test_judging_needs_neither_torch_nor_the_baselines() -> None:
    code = (
        "import sys, provence_plugins.evaluation.judging, provence_plugins.evaluation.methods.baselines\n"
        "assert not {'torch', 'rank_bm25', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
