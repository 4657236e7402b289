"""Show the metrics of a model against the tokens that it was trained on, from the log of the training run.

python benchmarks/progress.py runs/minilm-v3/log.jsonl --output benchmarks/results/progress.json
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas
from record import publish

from provence_plugins.evaluation.metrics.catalogue import METRICS
from provence_plugins.evaluation.reporting.result_files import Cell, Figure, Table

_FIGURE = "progress.svg"

_DRAWN = ("kept_at_60", "kept_at_70", "kept_at_80", "average_precision", "reciprocal_rank")
# Text stays text, and the same numbers give the same file.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "provence", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--figures", type=Path, default=Path("docs/figures"), help="folder of the picture")
    options = parser.parse_args()
    notes = [json.loads(line) for line in options.log.read_text(encoding="utf-8").splitlines()]
    _draw(notes, options.figures / _FIGURE)
    figures = [Figure(_FIGURE, "Metrics on dev against tokens read")]
    publish("Progress of training", [_table(notes)], {"notes": notes}, options.output, figures)


# Any: the values of a log line, here and below.
def _draw(notes: list[dict[str, Any]], path: Path) -> None:
    with rc_context(_STYLE):
        canvas = Canvas(figsize=(6.0, 3.6), layout="constrained")
        plot = canvas.subplots()
        for metric in METRICS:
            if metric.name in _DRAWN:
                values = [note[metric.name] for note in notes]
                plot.plot([note["tokens"] / 1e6 for note in notes], values, marker=".", label=metric.title)
        plot.set(xlabel="million tokens read", ylabel="share", ylim=(0.6, 1.0))
        plot.legend(loc="lower right")
        canvas.savefig(path, metadata={"Date": None})


def _table(notes: list[dict[str, Any]]) -> Table:
    shown = [metric for metric in METRICS if notes[0].get(metric.name) is not None]
    rows: list[list[Cell]] = []
    for line in notes:
        values = [metric.show(line[metric.name]) for metric in shown]
        rows.append([f"{line['tokens'] / 1e6:.2f}", line["step"], *values, f"{line['keep_loss']:.3f}"])
    columns = ["million tokens", "steps", *(metric.heading for metric in shown), "keep loss"]
    note = f"Each line judges {notes[0]['questions']} dev questions in the precision of training; the values are noisy."
    return Table("What was reached when", columns, rows, note)


if __name__ == "__main__":
    main()
