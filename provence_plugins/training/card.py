"""The model card that lies beside the weights."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from provence_plugins.data.files import find_files
from provence_plugins.evaluation.judging import REMOVED_SHARES, Judged
from provence_plugins.evaluation.metrics.answers import ThresholdRow
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

Measured on the dev files of the training configuration, {questions} questions with sentence labels, each with the
passage that answers it and its negatives; every figure is worked out per source and averaged over sources.

| removed | answers kept, negatives among the text | 95% interval | answers kept, passages with an answer alone |
|---|---|---|---|
{kept}

Average precision of sentences within a passage: {precision:.3f}. Mean reciprocal rank of the passage among the mined
negatives of its question: {rank:.3f}; nDCG@10: {ndcg:.3f}. Expected calibration error of the sentence probabilities:
{error:.3f}.

| threshold | answers kept | characters removed |
|---|---|---|
{thresholds}

The default threshold is {default:g}: the highest at which {target:g}% of the answers survive on dev.

## Training

Base: `{base}`. {tokens:,} tokens in {steps:,} steps, {minutes:.0f} minutes, seed {seed}. Data files:

{files}
"""


def write_card(
    folder: Path,
    settings: TrainSettings,
    judged: Judged,
    thresholds: Sequence[ThresholdRow],
    progress: Mapping[str, float],
) -> None:
    """Write `README.md` into a model folder.

    Args:
        folder: The model folder.
        settings: The run; its `card` gives the front matter, and the keys `title` and `text`.
        judged: The model on dev.
        thresholds: What thresholds do on dev; the first row is the default threshold.
        progress: Steps, tokens and seconds of the run.
    """
    card = {"library_name": "provence_plugins", "pipeline_tag": "text-ranking", **settings.card}
    title, text = card.pop("title", "Provence-style context pruner"), card.pop("text", "")
    report = judged.report()
    filled = _CARD.format(
        # JSON values are YAML values too.
        front="".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in card.items()),
        title=title,
        text=f"{text.strip()}\n" if text else "",
        questions=report.questions,
        kept="\n".join(
            f"| {removed:.0%} | {kept:.1%} | {interval.low:.1%} to {interval.high:.1%} | {within:.1%} |"
            for removed, kept, interval, within in zip(
                REMOVED_SHARES, report.kept, judged.intervals(), report.kept_within, strict=True
            )
        ),
        precision=report.average_precision,
        rank=report.reciprocal_rank,
        ndcg=report.ndcg,
        error=report.calibration_error,
        thresholds="\n".join(f"| {row.threshold:g} | {row.kept:.1%} | {row.removed:.1%} |" for row in thresholds),
        default=thresholds[0].threshold,
        target=100 * settings.target_recall,
        base=settings.base,
        tokens=progress["tokens"],
        steps=progress["step"],
        minutes=progress["seconds"] / 60,
        seed=settings.seed,
        files="\n".join(f"- `{path.name}`" for path in find_files(settings.data.train)),
    )
    (folder / CARD).write_text(filled, encoding="utf-8")
