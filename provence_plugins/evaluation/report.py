"""From the scores of one method on labelled examples to the figures that are published."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from provence_plugins.engine.planning import Planner
from provence_plugins.engine.scoring import DirectScorer, PassageScores, Runtime, combine
from provence_plugins.evaluation.examples import Example, label_sentences
from provence_plugins.evaluation.metrics import (
    ScoredExample,
    average_precision,
    kept_at_removal,
    mean_over_sources,
    mean_reciprocal_rank,
)
from provence_plugins.model.backend import Backend
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import Passage, Sentence, Span

REMOVED_SHARES = (0.6, 0.7, 0.8)

Method = Callable[[Example, Sequence[Sentence]], PassageScores]
"""Scores the given sentences of an example's passage, and the passage as a whole."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Quality of one method; every figure is worked out for each source and then averaged over sources.

    Attributes:
        passages: Passages with sentence labels that were judged.
        kept: Share of answers that survive when 60, 70 and 80 % of the characters are removed.
        average_precision: Of ranking the sentences of one passage.
        reciprocal_rank: Mean reciprocal rank of a passage among the negatives of its question.
    """

    passages: int
    kept: tuple[float, ...]
    average_precision: float
    reciprocal_rank: float


@dataclass(frozen=True, slots=True)
class Judged:
    """Examples with the scores that one method gave them."""

    scored: list[ScoredExample]
    ranked: list[tuple[str, float, list[float]]]

    def report(self) -> QualityReport:
        """The figures."""
        by_source: dict[str, list[tuple[float, list[float]]]] = defaultdict(list)
        for source, positive, negatives in self.ranked:
            by_source[source].append((positive, negatives))
        ranks = [mean_reciprocal_rank(groups) for groups in by_source.values()]
        return QualityReport(
            passages=len(self.scored),
            kept=tuple(
                mean_over_sources(self.scored, partial(kept_at_removal, removed=share)) for share in REMOVED_SHARES
            ),
            average_precision=mean_over_sources(self.scored, average_precision),
            reciprocal_rank=float(np.mean(ranks)) if ranks else 0.0,
        )


def model_method(planner: Planner, backend: Backend) -> Method:
    """The method that a model is: planned and scored as the engine does it."""
    batch_tokens = max(backend.max_batch_tokens, planner.max_tokens)
    scorer = DirectScorer(Runtime(backend, planner.encoder.template.pad_id, batch_tokens))

    def score(example: Example, sentences: Sequence[Sentence]) -> PassageScores:
        spans = tuple(Span(sentence.start, sentence.end) for sentence in sentences)
        [plan] = planner.plan(example.question, [Passage(example.passage.text, example.passage.title, spans)])
        return combine(plan, scorer.score(plan.windows))

    return score


def judge(examples: Iterable[Example], method: Method, *, splitter: SplitterName = "sentencex") -> Judged:
    """Run a method over labelled examples.

    Passages with one sentence or with nothing marked say nothing about pruning and count for ranking only.
    """
    scored: list[ScoredExample] = []
    positives: dict[str, tuple[str, float]] = {}
    negatives: dict[str, list[float]] = defaultdict(list)
    for example in examples:
        sentences = split_sentences(example.passage.text, splitter)
        scores = method(example, sentences)
        labels = label_sentences(example, sentences)
        if example.positive:
            positives[example.id] = (example.source, scores.relevance)
        else:
            negatives[example.question_id].append(scores.relevance)
        if any(labels) and len(labels) > 1:
            lengths = np.array([sentence.end - sentence.start for sentence in sentences], dtype=np.float64)
            probabilities = scores.probabilities.astype(np.float64)
            scored.append(ScoredExample(example.source, probabilities, lengths, np.array(labels)))
    ranked = [
        (source, relevance, negatives[number]) for number, (source, relevance) in positives.items() if negatives[number]
    ]
    return Judged(scored, ranked)
