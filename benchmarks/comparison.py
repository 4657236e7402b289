"""Measure what the comparison of sentences with the best of their passage does, weight by weight.

    python benchmarks/comparison.py --data "data/dev/[!m]*.jsonl.gz" --limit 75

Every passage is scored once. Each row then compares its sentences with another weight, and takes the highest threshold
that keeps 97 of 100 answers.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from record import publish

from provence_plugins import Pruner
from provence_plugins.data.examples import Example, first_questions, read_examples
from provence_plugins.data.files import find_files
from provence_plugins.engine.pooling import PassageScores, compare_with_best
from provence_plugins.evaluation.judging import judge
from provence_plugins.evaluation.methods.method import SplitPassage, pruner_method, score_all, split
from provence_plugins.evaluation.metrics.answers import mean_at_threshold, removed_at_recall, threshold_at_recall
from provence_plugins.evaluation.metrics.scored_examples import ScoredExample
from provence_plugins.evaluation.metrics.statistics import compute, mean_over_sources
from provence_plugins.evaluation.reporting.result_files import Table

RECALL = 0.97

COLUMNS = [
    "weight",
    "threshold",
    "kept",
    "removed",
    "removed inside",
    "kept at half",
    "kept at twice",
    "removed inside at 97 / 95 % kept",
    "all evidence kept",
]


def main() -> None:
    options = _parse()
    examples = [example for path in find_files(options.data) for example in _first(path, options.limit)]
    with Pruner(options.model, comparison=0, threads=options.threads) as pruner:
        passages = list(split(examples, "sentencex"))
        scores = score_all(pruner_method(pruner), passages)
    judged = {weight: _compare(passages, scores, weight) for weight in options.weights}
    rows = [_row(weight, scored) for weight, scored in judged.items()]
    questions = len(next(iter(judged.values())))
    note = (
        f"{questions:,} questions. Removed inside: of the passages that hold the answer. The next to last column has a "
        f"threshold for each source. All evidence: every annotated sentence is kept, at the threshold. In per cent."
    )
    publish("Comparison with the best sentence", [Table("By weight", COLUMNS, rows, note)], {}, options.output)


def _first(path: Path, limit: int) -> Sequence[Example]:
    return first_questions(list(read_examples(path)), limit)


def _compare(
    passages: Sequence[SplitPassage], scores: Sequence[PassageScores], weight: float
) -> Sequence[ScoredExample]:
    compared = []
    for score in scores:
        probabilities = compare_with_best(score.probabilities.astype(np.float64), weight).astype(np.float32)
        compared.append(replace(score, probabilities=probabilities))
    return judge(passages, compared, probabilities=True).scored


def _row(weight: float, examples: Sequence[ScoredExample]) -> list[str]:
    inside = [example.without_negatives for example in examples]
    threshold = threshold_at_recall(examples, RECALL)
    at, half, twice = (mean_at_threshold(examples, value) for value in (threshold, threshold / 2, threshold * 2))
    by_source = [compute(mean_over_sources(removed_at_recall(recall)), inside) for recall in (RECALL, 0.95)]
    whole = np.mean([example.scores[example.relevant].min() >= threshold for example in examples])
    return [
        f"{weight:g}",
        f"{threshold:.3g}",
        *(f"{100 * share:.1f}" for share in (at.kept, at.removed, mean_at_threshold(inside, threshold).removed)),
        *(f"{100 * row.kept:.1f}" for row in (half, twice)),
        " / ".join(f"{100 * share:.1f}" for share in by_source),
        f"{100 * whole:.1f}",
    ]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="labelled JSON lines, or patterns")
    parser.add_argument("--limit", type=int, default=75, help="maximum number of questions per file")
    parser.add_argument("--model", default="bundled", help="model folder or name")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--weights", nargs="+", type=float, default=[0, 0.25, 0.5, 0.75, 1])
    parser.add_argument("--output", type=Path, help="result file that the documentation's tables are made from")
    return parser.parse_args()


if __name__ == "__main__":
    main()
