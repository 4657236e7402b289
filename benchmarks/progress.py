"""How far a model had come after how many tokens, from the logs that training writes at every evaluation.

python benchmarks/progress.py runs/minilm-v3/log.jsonl --output benchmarks/results/progress.json
"""

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure as Canvas
from record import publish

from provence_plugins.evaluation.judging import REMOVED_SHARES
from provence_plugins.evaluation.reporting.result_files import Figure, Table

_FIGURE = "progress.svg"
# Text stays text, and the same figures give the same file.
_STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "provence", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--figures", type=Path, default=Path("docs/figures"), help="folder of the picture")
    options = parser.parse_args()
    notes = [json.loads(line) for line in options.log.read_text(encoding="utf-8").splitlines()]
    _draw(notes, options.figures / _FIGURE)
    figures = [Figure(_FIGURE, "Figures on dev against tokens read")]
    publish("Progress of training", [_table(notes)], {"notes": notes}, options.output, figures)


# Any: the values of a log line, here and below.
def _draw(notes: list[dict[str, Any]], path: Path) -> None:
    lines = {
        f"kept at {share:.0%} removed": [note["kept"][place] for note in notes]
        for place, share in enumerate(REMOVED_SHARES)
    }
    lines["average precision"] = [note["average_precision"] for note in notes]
    lines["MRR"] = [note["reciprocal_rank"] for note in notes]
    with rc_context(_STYLE):
        canvas = Canvas(figsize=(6.0, 3.6), layout="constrained")
        plot = canvas.subplots()
        for name, values in lines.items():
            plot.plot([note["tokens"] / 1e6 for note in notes], values, marker=".", label=name)
        plot.set(xlabel="million tokens read", ylabel="share", ylim=(0.6, 1.0))
        plot.legend(loc="lower right")
        canvas.savefig(path, metadata={"Date": None})


def _table(notes: list[dict[str, Any]]) -> Table:
    rows = [
        [
            f"{note['tokens'] / 1e6:.2f}",
            note["step"],
            " / ".join(f"{100 * share:.1f}" for share in note["kept"]),
            " / ".join(f"{100 * share:.1f}" for share in note["kept_within"]),
            f"{note['average_precision']:.3f}",
            f"{note['reciprocal_rank']:.3f}",
            f"{note['keep_loss']:.3f}",
        ]
        for note in notes
    ]
    columns = [
        "million tokens",
        "steps",
        "kept at 60 / 70 / 80 % removed",
        "within passages",
        "average precision",
        "MRR",
    ]
    few = (
        f"Each line judges {notes[0]['questions']} dev questions in training's own precision; single figures are noisy."
    )
    return Table("What was reached when", [*columns, "keep loss"], rows, few)


if __name__ == "__main__":
    main()
