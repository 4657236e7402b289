from pathlib import Path

import pytest

from provence_plugins.evaluation.metrics import ThresholdRow
from provence_plugins.evaluation.report import QualityReport
from provence_plugins.training.card import write_card
from provence_plugins.training.settings import DataSettings, OptimizerSettings, TrainSettings


@pytest.fixture
def card(tmp_path: Path) -> str:
    (tmp_path / "books.jsonl").touch()
    settings = TrainSettings(
        base="encoder",
        output=str(tmp_path),
        data=DataSettings(train=[str(tmp_path / "*.jsonl")], dev=[]),
        optimizer=OptimizerSettings(tokens=1),
        target_kept=0.95,
        card={"license": "mit", "language": ["en"], "title": "A pruner", "text": "Reads {braces} and: colons."},
    )
    rows = [ThresholdRow(0.0123, 0.951, 0.6), ThresholdRow(0.1, 0.8, 0.75)]
    progress = {"step": 1200, "tokens": 4_000_000, "seconds": 90.0}
    write_card(
        tmp_path,
        settings,
        QualityReport(345, (0.99, 0.985, 0.9), (0.9, 0.8, 0.7), 0.81234, 0.034, 0.7, 0.654),
        rows,
        progress,
    )
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
        "345 questions",
        "| 60% | 99.0% | 90.0% |\n| 70% | 98.5% | 80.0% |\n| 80% | 90.0% | 70.0% |",
        "0.812",
        "0.700",
        "0.034",
        "nDCG@10: 0.654",
        "| 0.0123 | 95.1% | 60.0% |\n| 0.1 | 80.0% | 75.0% |",
        "The default threshold is 0.0123: the highest at which 95% of the answers survive",
        "4,000,000 tokens in 1,200 steps",
        "seed 13",
        "- `books.jsonl`",
    ],
)
def test_the_card_has_the_figures(card: str, part: str) -> None:
    assert part in card
