"""Measure how much a precision changes the probabilities of sentences, and which decisions that changes.

    python benchmarks/precision.py --data "data/dev/[!m]*.jsonl.gz" --limit 5 --output benchmarks/results/precision.json

The reference is the same model in float32 with torch, which needs the extra train.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from record import publish

from provence_plugins import Pruner
from provence_plugins.data.examples import Example, first_questions, read_examples
from provence_plugins.data.files import find_files
from provence_plugins.evaluation.judging import judge_examples
from provence_plugins.evaluation.methods.method import pruner_method
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.model.backends import BACKENDS


def main() -> None:
    options = _parse()
    examples = [example for path in find_files(options.data) for example in _first(path, options.limit)]
    with Pruner(options.model, backend=options.backend, dtype=options.dtype) as pruner:
        description, threshold = pruner.backend_description, pruner.thresholds.default
        scores = _probabilities(pruner, examples)
    with Pruner(options.model, backend="torch", dtype="float32", device="cpu") as pruner:
        exact = _probabilities(pruner, examples)
    table = _compare(scores, exact, threshold)
    data = {"questions": len(examples), "sentences": len(exact), "threshold": threshold}
    publish(f"Precision ({description})", [table], data, options.output)


def _first(path: Path, limit: int) -> Sequence[Example]:
    return first_questions(list(read_examples(path)), limit)


def _probabilities(pruner: Pruner, examples: Sequence[Example]) -> np.ndarray:
    judged = judge_examples(examples, pruner_method(pruner), pruner.splitter, probabilities=True)
    return np.concatenate([example.scores for example in judged.scored])


def _compare(scores: np.ndarray, exact: np.ndarray, threshold: float) -> Table:
    near = (exact >= threshold / 2) & (exact <= threshold * 2)
    ranges = {"all": np.ones(len(exact), bool), f"{threshold / 2:.4f} to {threshold * 2:.4f}": near}
    # A model that is sure of everything has no sentence near its threshold.
    rows = [[name, *_row(scores[chosen], exact[chosen], threshold)] for name, chosen in ranges.items() if chosen.any()]
    columns = [
        "probability in float32",
        "sentences",
        "mean difference",
        "median",
        "99 of 100 below",
        "decided differently",
    ]
    return Table("Against float32", columns, rows, f"The default threshold is {threshold:g}.")


def _row(scores: np.ndarray, exact: np.ndarray, threshold: float) -> list[str]:
    difference = np.abs(scores - exact)
    changed = np.mean((scores >= threshold) != (exact >= threshold))
    values = [difference.mean(), np.median(difference), np.quantile(difference, 0.99)]
    return [f"{len(exact):,}", *(f"{value:.4f}" for value in values), f"{changed:.1%}"]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="labelled JSON lines, or patterns")
    parser.add_argument("--limit", type=int, default=5, help="maximum number of questions per file")
    parser.add_argument("--model", default="bundled", help="model folder or name")
    parser.add_argument("--backend", choices=tuple(BACKENDS))
    parser.add_argument("--dtype", choices=("int8", "float32", "bfloat16", "float16"))
    parser.add_argument("--output", type=Path, help="result file that the documentation's tables are made from")
    return parser.parse_args()


if __name__ == "__main__":
    main()
