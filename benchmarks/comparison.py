"""Measure what the comparisons of sentences and of passages do, weight by weight.

    python benchmarks/comparison.py --data "data/dev/[!m]*.jsonl.gz" --limit 75
    python benchmarks/comparison.py --data "data/dev/[!m]*.jsonl.gz" --weights 0.75 --passage-weights 0 0.25 0.5

Every passage is scored once. Each row then compares sentences with the best of their passage, and passages with the
surest of their question, with other weights, and takes the highest threshold that keeps 97 of 100 answers.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from record import publish

from provence_plugins import Pruner
from provence_plugins.data.examples import Example, first_questions, label_sentences, read_examples
from provence_plugins.data.files import find_files
from provence_plugins.engine.pooling import PassageScores, compare_with_best
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.methods.method import (
    SplitPassage,
    compare_by_question,
    pruner_method,
    score_all,
    split,
)
from provence_plugins.evaluation.metrics.answers import mean_at_threshold, removed_at_recall, threshold_at_recall
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample
from provence_plugins.evaluation.metrics.statistics import compute, mean_over_sources
from provence_plugins.evaluation.reporting.result_files import Table

RECALL = 0.97

COLUMNS = [
    "sentences",
    "passages",
    "threshold",
    "kept",
    "removed",
    "removed inside",
    "kept at half",
    "kept at twice",
    "removed inside at 97 / 95 % kept",
    "all evidence kept",
    "several passages",
]


def main() -> None:
    options = _parse()
    examples = [example for path in find_files(options.data) for example in _first(path, options.limit)]
    with Pruner(options.model, comparison=0, threads=options.threads) as pruner:
        passages = list(split(examples, "sentencex"))
        scores = score_all(pruner_method(pruner), passages)
    several = _several(passages)
    rows = []
    for weights in product(options.weights, options.passage_weights):
        compared = _compare(passages, scores, *weights)
        judged = judge(passages, compared, probabilities=True).scored
        threshold = threshold_at_recall(judged, RECALL)
        kept = [bool((compared[place].probabilities[labels] >= threshold).any()) for place, labels in several]
        rows.append([*(f"{weight:g}" for weight in weights), *_figures(judged, threshold), _per_cent(kept)])
    note = (
        f"{len(judged):,} questions. Sentences, passages: the weights. Removed inside: of the passages that hold the "
        f"answer. The column of two shares has a threshold for each source. All evidence: every annotated sentence is "
        f"kept, at the threshold. Several passages: of the questions with evidence in several passages, {len(several)} "
        f"such passages, that keep some of theirs. In per cent."
    )
    publish("Comparisons", [Table("By weight", COLUMNS, rows, note)], {}, options.output)


def _first(path: Path, limit: int) -> Sequence[Example]:
    return first_questions(list(read_examples(path)), limit)


def _compare(
    passages: Sequence[SplitPassage], scores: Sequence[PassageScores], weight: float, passage_weight: float
) -> list[PassageScores]:
    compared = []
    for score in scores:
        probabilities = compare_with_best(score.probabilities.astype(np.float64), weight).astype(np.float32)
        compared.append(replace(score, probabilities=probabilities))
    return compare_by_question(passages, compared, passage_weight)


def _several(passages: Sequence[SplitPassage]) -> list[tuple[int, list[bool]]]:
    """Return place and labels of each passage with evidence of the questions that have several such."""
    of_question: dict[tuple[str, str], list[tuple[int, list[bool]]]] = defaultdict(list)
    for place, passage in enumerate(passages):
        labels = list(label_sentences(passage.example, passage.sentences)) if passage.example.positive else []
        if len(labels) > 1 and any(labels):
            of_question[passage.example.source, passage.example.question].append((place, labels))
    return [passage for found in of_question.values() if len(found) > 1 for passage in found]


def _figures(examples: Sequence[ScoredExample], threshold: float) -> list[str]:
    inside = [example.without_negatives for example in examples]
    at, half, twice = (mean_at_threshold(examples, value) for value in (threshold, threshold / 2, threshold * 2))
    by_source = [compute(mean_over_sources(removed_at_recall(recall)), inside) for recall in (RECALL, 0.95)]
    whole = [example.scores[example.relevant].min() >= threshold for example in examples]
    return [
        f"{threshold:.3g}",
        *(f"{100 * share:.1f}" for share in (at.kept, at.removed, mean_at_threshold(inside, threshold).removed)),
        *(f"{100 * row.kept:.1f}" for row in (half, twice)),
        " / ".join(f"{100 * share:.1f}" for share in by_source),
        _per_cent(whole),
    ]


def _per_cent(kept: Sequence[bool]) -> str:
    return f"{100 * np.mean(kept):.1f}" if kept else "–"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="labelled JSON lines, or patterns")
    parser.add_argument("--limit", type=int, default=75, help="maximum number of questions per file")
    parser.add_argument("--model", default="bundled", help="model folder or name")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--weights", nargs="+", type=float, default=[0, 0.25, 0.5, 0.75, 1])
    parser.add_argument("--passage-weights", nargs="+", type=float, default=[0])
    parser.add_argument("--output", type=Path, help="result file that the documentation's tables are made from")
    return parser.parse_args()


if __name__ == "__main__":
    main()
