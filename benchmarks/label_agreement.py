"""Measure how far silver labels agree with those of people, on pairs that both labelled.

    provence label --llm hf:models/qwen1.5b pairs.jsonl silver.jsonl
    python benchmarks/label_agreement.py silver.jsonl --output benchmarks/results/label-agreement.json

A sentence is relevant to people if it overlaps an annotated span, and to a labeller if its probability is at least 0.5.
Pairs that a labeller discarded are counted, and left out of the rest.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from record import publish

from provence_plugins.data.examples import Example, read_examples
from provence_plugins.data.silver import LIKELY, SILVER_KEY
from provence_plugins.evaluation.metrics.bootstrap import ROUNDS, Interval, middle, resample
from provence_plugins.evaluation.metrics.proportions import wilson
from provence_plugins.evaluation.metrics.scored_examples import FloatArray, IntArray
from provence_plugins.evaluation.metrics.statistics import Evaluator, compute
from provence_plugins.evaluation.reporting.result_files import Cell, Table

Measure = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True)
class Judged:
    """The sentences of one pair by who finds them relevant.

    Attributes:
        source: Name of the data set.
        identity: The id of the pair.
        counts: How many both find relevant, the labeller alone, people alone, neither.
    """

    source: str
    identity: str
    counts: IntArray

    @property
    def has_answer(self) -> bool:
        """Whether people find a sentence relevant."""
        return bool(self.counts[0] or self.counts[2])

    @property
    def is_cited(self) -> bool:
        """Whether the labeller finds a sentence relevant."""
        return bool(self.counts[0] or self.counts[1])


def main() -> None:
    options = _parse()
    judged = {path.stem: [judge(example) for example in read_examples(path)] for path in options.labels}
    tables = [
        Table(
            "Sentences",
            ["labels", "pairs", "sentences", "precision", "recall", "F1", "Cohen's kappa"],
            [row for name, pairs in judged.items() for row in _rows(name, pairs)],
            "Against people, in per cent, kappa in hundredths, with 95 % intervals of the bootstrap over pairs, "
            "stratified by source.",
        ),
        Table(
            "Passages",
            ["labels", "with an answer: a sentence is relevant", "without: none is", "discarded"],
            [
                [name, _with_wilson(_with(pairs)), _with_wilson(_without(pairs)), count_discarded(path)]
                for path, (name, pairs) in zip(options.labels, judged.items(), strict=True)
            ],
            "In per cent of the pairs that were not discarded, with Wilson's score intervals (95 %).",
        ),
    ]
    data = {name: [pair.counts.tolist() for pair in pairs] for name, pairs in judged.items()}
    publish("Labels of models against those of people", tables, data, options.output)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", nargs="+", type=Path, help="outputs of provence label for pairs that people labelled")
    parser.add_argument("--output", type=Path, help="result file [default: none]")
    return parser.parse_args()


def judge(example: Example) -> Judged:
    """Count the sentences of a pair by who finds them relevant."""
    counts = np.zeros((2, 2), dtype=np.int64)
    for given in example.silver:
        to_people = any(span.overlaps(given.span) for span in example.evidence)
        counts[int(given.probability < LIKELY), int(not to_people)] += 1
    return Judged(example.source, example.id, counts.reshape(-1))


def _rows(name: str, judged: Sequence[Judged]) -> list[list[Cell]]:
    """Return the rows of one labeller: all pairs, and those with an answer."""
    rows: list[list[Cell]] = []
    for what, chosen in ((name, judged), (f"{name}, passages with an answer", [p for p in judged if p.has_answer])):
        if not chosen:
            continue
        sentences = sum(int(pair.counts.sum()) for pair in chosen)
        rows.append([what, len(chosen), sentences, *(_with_interval(chosen, measure) for measure in MEASURES)])
    return rows


def precision(sums: FloatArray) -> FloatArray:
    return _share(sums[:, 0], sums[:, 0] + sums[:, 1])


def recall(sums: FloatArray) -> FloatArray:
    return _share(sums[:, 0], sums[:, 0] + sums[:, 2])


def f1(sums: FloatArray) -> FloatArray:
    return _share(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])


def kappa(sums: FloatArray) -> FloatArray:
    """Return Cohen's kappa: how far the agreement is above that of chance, as a share of what is above chance."""
    total = sums.sum(axis=1)
    both = (sums[:, 0] + sums[:, 1]) * (sums[:, 0] + sums[:, 2])
    neither = (sums[:, 3] + sums[:, 1]) * (sums[:, 3] + sums[:, 2])
    chance = (both + neither) / total**2
    return _share((sums[:, 0] + sums[:, 3]) / total - chance, 1 - chance)


MEASURES: tuple[Measure, ...] = (precision, recall, f1, kappa)


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def _with_interval(judged: Sequence[Judged], measure: Measure) -> str:
    def statistic(pairs: Sequence[Judged]) -> Evaluator:
        table = np.stack([pair.counts for pair in pairs])
        return lambda drawn: measure((drawn @ table).astype(float))

    return _show(compute(statistic, judged), middle(resample(judged, statistic, rounds=ROUNDS)))


def _with(judged: Sequence[Judged]) -> list[bool]:
    return [pair.is_cited for pair in judged if pair.has_answer]


def _without(judged: Sequence[Judged]) -> list[bool]:
    return [not pair.is_cited for pair in judged if not pair.has_answer]


def _with_wilson(agrees: Sequence[bool]) -> str:
    if not agrees:
        return "–"
    share = sum(agrees) / len(agrees)
    return f"{_show(share, wilson(sum(agrees), len(agrees)))} ({len(agrees)})"


def _show(value: float, interval: Interval) -> str:
    return f"{100 * value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def count_discarded(path: Path) -> str:
    """Return how many lines have no labels, by the reason that the command wrote."""
    with open(path, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    reasons = Counter(str(row.get("discarded", "error")) for row in rows if SILVER_KEY not in row)
    return ", ".join(f"{reason}: {number}" for reason, number in reasons.most_common()) or "none"


if __name__ == "__main__":
    main()
