"""Measure the thresholds that a model stores: its default, named ones, and a table."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provence_plugins.data.examples import Example
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import CheckpointError
from provence_plugins.evaluation.judging import judge_examples
from provence_plugins.evaluation.methods.method import pruner_method
from provence_plugins.evaluation.metrics.answers import (
    ThresholdRow,
    mean_at_threshold,
    threshold_at_recall,
)
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.folder import update_config
from provence_plugins.model.model_config import THRESHOLDS_KEY
from provence_plugins.thresholds import NAMED_RECALLS, Thresholds

logger = logging.getLogger(__name__)

# Thresholds of the table that a model carries, beside those that were chosen.
_TABLE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)

# Significant digits of a threshold, and the most decimals that it is written with.
_DIGITS = 3
_MOST_DECIMALS = 12

# On dev data that the model separates without a mistake the highest threshold that keeps the
# answers is near 1, and would drop nearly every sentence of harder texts.
_HIGHEST = 0.5


@dataclass(frozen=True, slots=True)
class MeasuredThresholds:
    """The thresholds of a model, and what they do on the data that they were chosen on.

    Attributes:
        thresholds: The thresholds.
        rows: Answers kept and text removed at each of them and at those of a fixed table, the
            lowest threshold first, all by the scores that the thresholds were chosen by: where the
            model compares passages, those after the comparison.
    """

    thresholds: Thresholds
    rows: tuple[ThresholdRow, ...]

    def row_of(self, threshold: float) -> ThresholdRow:
        """Return the shares that are kept and removed at a threshold."""
        return next(row for row in self.rows if row.threshold == threshold)

    # Any: values of a configuration.
    def to_config(self) -> dict[str, Any]:
        """Return the keys of `config.json` that hold the thresholds."""
        table: list[dict[str, float]] = []
        for row in self.rows:
            kept, removed = round(row.kept, 4), round(row.removed, 4)
            table.append({"threshold": row.threshold, "kept": kept, "removed": removed})
        return {
            "default_threshold": self.thresholds.default,
            THRESHOLDS_KEY: self.thresholds.named,
            "calibration": table,
        }


def measure_thresholds(
    judged: JudgedExamples, *, default_recall: float = NAMED_RECALLS["balanced"]
) -> MeasuredThresholds:
    """Choose the thresholds of a model by its scores of labelled examples.

    Args:
        judged: The examples, scored by the backend that will decide.
        default_recall: Share of the answers that the default threshold keeps.
    """
    thresholds = Thresholds(
        choose_threshold(judged, default_recall),
        **{name: min(_highest_at(judged, recall), _HIGHEST) for name, recall in NAMED_RECALLS.items()},
    )
    values = sorted({thresholds.default, *thresholds.named.values(), *_TABLE})
    rows = tuple(mean_at_threshold(judged.scored, value) for value in values)
    return MeasuredThresholds(thresholds, rows)


def choose_threshold(judged: JudgedExamples, recall: float) -> float:
    """Return the highest usable threshold that keeps this share of the answers."""
    threshold = _highest_at(judged, recall)
    if threshold > _HIGHEST:
        logger.warning(
            "The dev data are too easy to choose a default threshold: %g keeps %.1f %% of their "
            "answers. The model gets %g instead. Choose on harder data with Pruner.calibrate.",
            threshold,
            100 * recall,
            _HIGHEST,
        )
    return min(threshold, _HIGHEST)


def write_thresholds(checkpoint: Checkpoint, examples: Sequence[Example]) -> MeasuredThresholds:
    """Measure the thresholds of a model with its default backend, and write them into its folder.

    Args:
        checkpoint: A model of this package's own format.
        examples: Labelled examples; a positive brings its negatives.

    Raises:
        CheckpointError: The model is of a published format, whose thresholds are its authors'.
        InvalidInputError: No example has annotated sentences.
    """
    if not checkpoint.format.is_native:
        raise CheckpointError(
            f"{checkpoint.folder} holds a model of the format {checkpoint.format.name}, whose "
            f"configuration cannot store named thresholds. Choose a threshold with "
            f"Pruner.calibrate."
        )
    with Pruner(checkpoint.folder) as pruner:
        judged = judge_examples(
            examples,
            pruner_method(pruner),
            checkpoint.splitter,
            probabilities=True,
            passage_comparison=checkpoint.thresholds.passage_comparison,
        )
    measured = measure_thresholds(judged)
    update_config(Path(checkpoint.folder), measured.to_config())
    return measured


def _highest_at(judged: JudgedExamples, recall: float) -> float:
    threshold = threshold_at_recall(judged.scored, recall)
    if threshold <= 0:
        return 0.0
    # Rounded down, because rounding up would lose the answer that lies at the threshold itself.
    unit = 10.0 ** (math.floor(math.log10(threshold)) + 1 - _DIGITS)
    return round(math.floor(threshold / unit) * unit, _MOST_DECIMALS)
