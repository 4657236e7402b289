import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.judging import judge_examples
from provence_plugins.evaluation.methods.method import SplitPassage, one_by_one
from provence_plugins.evaluation.metrics.catalogue import metric_values
from provence_plugins.evaluation.metrics.scored_examples import GradedQuestion, RankedQuestion
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


def kept(values: dict[str, float | None], name: str = "kept") -> tuple[float | None, ...]:
    return tuple(values[f"{name}_at_{removed}"] for removed in (60, 70, 80))


def test_the_metrics_of_a_worked_case() -> None:
    judged = judge_examples(
        [
            example("a", at=15),
            example("a#n0", positive=False, text="Short."),
            example("a#n1", positive=False, text=TEXT * 2),
            example("b", at=1),
            example("c", at=15, source="other"),
        ],
        cheese,
        "sentencex",
    )
    assert judged.ranked == [RankedQuestion("s", float(len(TEXT)), [6.0, 2.0 * len(TEXT)])]
    values = metric_values(judged)
    assert len(judged.scored) == 3
    assert values["reciprocal_rank"] == 0.5
    assert values["ndcg"] == pytest.approx(1 / math.log2(3))
    # The sentence about cheese is a third of the text. In "s" it holds one answer of two, in "other" all.
    assert kept(values) == (0.75, 0.0, 0.0)
    assert kept(values, "kept_inside") == (0.75, 0.0, 0.0)
    assert values["average_precision"] == pytest.approx(((1 + 1 / 2) / 2 + 1) / 2)


def test_text_of_negatives_is_to_be_removed_too() -> None:
    easy, hard = (
        metric_values(
            judge_examples([example("a", at=15), example("a#n0", positive=False, text=text)], cheese, "sentencex")
        )
        for text in ("Paris is old. " * 9, "Cheese! " * 9)
    )
    assert kept(easy) == (1.0, 1.0, 1.0)
    assert kept(hard) == (0.0, 0.0, 0.0)
    assert kept(easy, "kept_inside") == kept(hard, "kept_inside") == (1.0, 0.0, 0.0)


def test_two_sources_may_number_their_questions_alike() -> None:
    given = [example("a", at=15), example("a#n0", positive=False, text="Cheese! " * 9, source="other")]
    judged = judge_examples(given, cheese, "sentencex")
    assert judged.ranked == []
    assert judged.scored[0].positive_size == len(judged.scored[0].scores)


def test_passages_that_say_nothing_about_pruning_count_for_ranking_only() -> None:
    judged = judge_examples(
        [
            example("one sentence", at=1, text="Cheese is good."),
            example("no evidence"),
            example("no evidence#n0", positive=False, text="Cheese."),
            example("judged", at=15),
        ],
        cheese,
        "sentencex",
    )
    assert len(judged.scored) == 1
    assert judged.ranked == [RankedQuestion("s", float(len(TEXT)), [7.0])]


def test_an_answer_over_two_sentences_marks_both() -> None:
    [scored] = judge_examples([example("a", at=12)], cheese, "sentencex").scored
    assert scored.relevant.tolist() == [True, True, False]
    assert scored.lengths.sum() == len(TEXT)


def test_judging_needs_neither_torch_nor_the_baselines() -> None:
    code = (
        "import sys, provence_plugins.evaluation.judging, provence_plugins.evaluation.methods.baselines\n"
        "assert not {'torch', 'rank_bm25', 'sentence_transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_graded_passages_are_collected_by_question_whatever_their_ids() -> None:
    given = [
        replace(example("a", text="Short."), grade=2.0),
        replace(example("b", text="Longer than that."), grade=1.0),
        replace(example("c", positive=False, text="No."), grade=0.0),
        example("d", text="Nobody graded it."),
        replace(example("e", text="Another source.", source="t"), grade=1.0),
    ]
    judged = judge_examples(given, cheese, "sentencex")
    # In "t" there is one grade, so there is nothing to rank.
    assert judged.graded == [GradedQuestion("s", "Is cheese good?", (6.0, 17.0, 3.0), (2.0, 1.0, 0.0))]
