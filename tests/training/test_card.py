from pathlib import Path

import numpy as np
import pytest

from provence_plugins.evaluation.metrics.answers import ThresholdRow
from provence_plugins.evaluation.metrics.catalogue import METRICS, measure_metrics
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples, RankedQuestion, ScoredExample
from provence_plugins.evaluation.thresholds import MeasuredThresholds
from provence_plugins.thresholds import Thresholds
from provence_plugins.training.card import write_card
from provence_plugins.training.settings import DataSettings, OptimizerSettings, TrainSettings


def scored(answer: float, other: float, negative: float) -> ScoredExample:
    """A passage of two sentences, one with the answer, and a negative of two longer ones."""
    scores = np.array([answer, other, negative, 0.0])
    return ScoredExample("s", "Who?", scores, np.array([10.0, 10.0, 40.0, 40.0]), np.array([1, 0, 0, 0], bool), 2)


# One answer scores below a neighbour, another below a negative, so that the metrics differ from each other.
JUDGED = JudgedExamples(
    [scored(0.9, 0.1, 0.05), scored(0.6, 0.7, 0.2), scored(0.3, 0.1, 0.8)],
    [RankedQuestion("s", 0.9, [0.1]), RankedQuestion("s", 0.6, [0.2]), RankedQuestion("s", 0.3, [0.8])],
    probabilities=True,
)


@pytest.fixture
def card(tmp_path: Path) -> str:
    (tmp_path / "books.jsonl").touch()
    settings = TrainSettings(
        base="encoder",
        output=str(tmp_path),
        data=DataSettings(train=[str(tmp_path / "*.jsonl")], dev=[]),
        optimizer=OptimizerSettings(tokens=1),
        target_recall=0.955,
        card={"license": "mit", "language": ["en"], "title": "A pruner", "text": "Reads {braces} and: colons."},
    )
    rows = (ThresholdRow(0.0123, 0.951, 0.6), ThresholdRow(0.1, 0.8, 0.75))
    measured = MeasuredThresholds(Thresholds(0.0123, short=0.1), rows)
    progress = {"step": 1200, "tokens": 4_000_000, "seconds": 90.0}
    write_card(tmp_path, settings, JUDGED, measured, progress)
    return (tmp_path / "README.md").read_text(encoding="utf-8")


def test_the_front_matter_holds_the_facts_of_the_settings(card: str) -> None:
    front = card.split("---\n")[1].splitlines()
    assert front == [
        'library_name: "provence_plugins"',
        'pipeline_tag: "text-ranking"',
        'license: "mit"',
        'language: ["en"]',
    ]


@pytest.mark.parametrize(
    "part",
    [
        "# A pruner\n",
        "Reads {braces} and: colons.\n",
        "3 questions",
        "| average precision of sentences | 0.833 [",
        "| MRR | 0.833 [",
        "| nDCG@10 | 0.877 [",
        "|  | 0.0123 | 95.1% | 60.0% |\n| short | 0.1 | 80.0% | 75.0% |",
        "The default threshold is 0.0123: the highest at which 95.5% of the answers are kept",
        "4,000,000 tokens in 1,200 steps, 90 seconds, seed 13",
        "- `books.jsonl`",
    ],
)
def test_the_card_has_the_numbers(card: str, part: str) -> None:
    assert part in card


def test_the_card_has_every_metric_with_its_interval(card: str) -> None:
    measured = measure_metrics(JUDGED)
    assert len(measured) > 10
    for metric in METRICS:
        if metric.name in measured:
            assert f"\n| {metric.heading} | {metric.show_measured(measured[metric.name])} |\n" in card
    assert len({round(found.value, 3) for found in measured.values()}) > 4
