"""Join the scores of one method with the labels of the examples."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from provence_plugins.data.examples import Example, label_sentences
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import (
    Method,
    SplitPassage,
    compare_by_question,
    score_all,
    split,
)
from provence_plugins.evaluation.metrics.scored_examples import (
    GradedQuestion,
    JudgedExamples,
    RankedQuestion,
    ScoredExample,
)
from provence_plugins.text.sentences import SplitterName


def judge(
    passages: Sequence[SplitPassage],
    scores: Sequence[PassageScores],
    *,
    probabilities: bool = False,
    fixed: bool = False,
) -> JudgedExamples:
    """Join labelled passages with the scores of a method.

    A positive of one sentence, or without annotated spans, says nothing about pruning and counts
    for ranking only. A negative belongs to the positive whose id it has.

    Args:
        passages: Labelled passages.
        scores: The scores of each passage, in the same order.
        probabilities: See `JudgedExamples`.
        fixed: See `JudgedExamples`.
    """
    # The key has the source, since two sources may number their questions alike.
    negatives: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, passage in enumerate(passages):
        if not passage.example.positive:
            negatives[passage.example.source, passage.example.question_id].append(place)
    scored: list[ScoredExample] = []
    ranked: list[RankedQuestion] = []
    for place, passage in enumerate(passages):
        if not passage.example.positive:
            continue
        others = negatives[passage.example.source, passage.example.id]
        labels = label_sentences(passage.example, passage.sentences)
        if len(labels) > 1 and any(labels):
            group = [place, *others]
            of_group = [passages[one] for one in group]
            scored.append(_scored_example(of_group, [scores[one] for one in group], labels))
        if others:
            relevances = [scores[one].relevance for one in others]
            ranked.append(RankedQuestion(passage.example.source, scores[place].relevance, relevances))
    return JudgedExamples(scored, ranked, list(_graded_questions(passages, scores)), (), probabilities, fixed)


def judge_examples(
    examples: Iterable[Example],
    method: Method,
    splitter: SplitterName,
    *,
    probabilities: bool = False,
    passage_comparison: float = 0.0,
) -> JudgedExamples:
    """Split labelled examples, score them with a method and judge the scores; see `judge`.

    Args:
        examples: Labelled examples.
        method: The method.
        splitter: How passages are split into sentences.
        probabilities: See `JudgedExamples`.
        passage_comparison: How much a surer passage of the same question counts against a passage.
    """
    passages = list(split(examples, splitter))
    scores = compare_by_question(passages, score_all(method, passages), passage_comparison)
    return judge(passages, scores, probabilities=probabilities)


def _scored_example(
    passages: Sequence[SplitPassage], scores: Sequence[PassageScores], labels: Sequence[bool]
) -> ScoredExample:
    """Concatenate the sentences of a question's passages; only the first passage has labels."""
    example = passages[0].example
    lengths: list[int] = []
    for passage in passages:
        lengths += passage.lengths
    relevant = np.zeros(len(lengths), dtype=bool)
    relevant[: len(labels)] = labels
    return ScoredExample(
        source=example.source,
        question=example.question,
        scores=np.concatenate([each.probabilities for each in scores]).astype(np.float64),
        lengths=np.array(lengths, dtype=np.float64),
        relevant=relevant,
        positive_size=len(labels),
        kind=example.kind,
        question_type=example.question_type,
    )


def _graded_questions(
    passages: Sequence[SplitPassage],
    scores: Sequence[PassageScores],
) -> Iterator[GradedQuestion]:
    """Collect the graded passages of each question, unless all its grades are equal."""
    groups: dict[tuple[str, str], list[tuple[Example, float]]] = defaultdict(list)
    for passage, score in zip(passages, scores, strict=True):
        if passage.example.grade is not None:
            groups[passage.example.source, passage.example.question].append((passage.example, score.relevance))
    for (source, question), group in groups.items():
        grades = tuple(example.grade for example, _ in group if example.grade is not None)
        if len(set(grades)) > 1:
            yield GradedQuestion(source, question, tuple(relevance for _, relevance in group), grades)
