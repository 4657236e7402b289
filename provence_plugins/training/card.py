"""Write the model card beside the weights."""

import json
from collections.abc import Mapping
from pathlib import Path

from provence_plugins.data.files import find_files
from provence_plugins.evaluation.metrics.catalogue import METRICS, measure_metrics
from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples
from provence_plugins.evaluation.thresholds import MeasuredThresholds
from provence_plugins.model.folder import CARD
from provence_plugins.training.settings import TrainSettings

_CARD = """---
{front}---

# {title}

Reads a question and a passage in one pass and gives the passage's relevance and a keep probability for every token,
after Provence (arXiv 2501.16214). Use it with `provence_plugins`:

```python
from provence_plugins import Pruner

pruner = Pruner.from_pretrained("path/to/this/folder")
```

{text}
## Figures

Measured on the dev files of the training configuration, {questions} questions with annotated sentences, each with the
passage that answers it and its negatives. A metric is a mean over sources, with its 95 % interval; shares are in per
cent.

| metric | value |
|---|---|
{metrics}

| name | threshold | answers kept | characters removed |
|---|---|---|---|
{thresholds}

The default threshold is {default:g}: the highest at which {target:g}% of the answers are kept on dev.

## Training

Base: `{base}`. {tokens:,} tokens in {steps:,} steps, {time}, seed {seed}. Data files:

{files}
"""


def write_card(
    folder: Path,
    settings: TrainSettings,
    judged: JudgedExamples,
    thresholds: MeasuredThresholds,
    progress: Mapping[str, float],
) -> None:
    """Write `README.md` into a model folder.

    Args:
        folder: The model folder.
        settings: The run; its `card` gives the front matter, and the keys `title` and `text`.
        judged: The model on dev.
        thresholds: The model's thresholds, and what they do on dev.
        progress: Steps, tokens and seconds of the run.
    """
    card = {"library_name": "provence_plugins", "pipeline_tag": "text-ranking", **settings.card}
    title, text = card.pop("title", "Provence-style context pruner"), card.pop("text", "")
    # JSON values are YAML values too.
    front = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in card.items()]
    filled = _CARD.format(
        front="".join(front),
        title=title,
        text=f"{text.strip()}\n" if text else "",
        questions=len(judged.scored),
        metrics=_metric_rows(judged),
        thresholds=_threshold_rows(thresholds),
        default=thresholds.thresholds.default,
        target=100 * settings.target_recall,
        base=settings.base,
        tokens=progress["tokens"],
        steps=progress["step"],
        time=_show_time(progress["seconds"]),
        seed=settings.seed,
        files="\n".join(f"- `{path.name}`" for path in find_files(settings.data.train)),
    )
    (folder / CARD).write_text(filled, encoding="utf-8")


def _show_time(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _metric_rows(judged: JudgedExamples) -> str:
    measured = measure_metrics(judged)
    lines = []
    for metric in METRICS:
        if metric.name in measured:
            lines.append(f"| {metric.heading} | {metric.show_measured(measured[metric.name])} |")
    return "\n".join(lines)


def _threshold_rows(measured: MeasuredThresholds) -> str:
    lines = []
    for row in measured.rows:
        names = [name for name, value in measured.thresholds.named.items() if value == row.threshold]
        lines.append(f"| {', '.join(names)} | {row.threshold:g} | {row.kept:.1%} | {row.removed:.1%} |")
    return "\n".join(lines)
