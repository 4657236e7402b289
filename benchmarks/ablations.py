"""Compare the short training runs of recipes/ablations, which differ from one of them in one thing each.

    provence train recipes/ablations/*.toml
    python benchmarks/ablations.py "data/dev/[!m]*.jsonl.gz" "data/dev/m[!u]*.jsonl.gz" --limit 8 --threads 1

The comment in the first line of a recipe says what it changes. Runs that are not finished are named, and left out.
"""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from record import publish
from tqdm import tqdm

from provence_plugins.data.examples import first_questions, read_all_examples
from provence_plugins.data.files import find_files
from provence_plugins.evaluation.experiment import Experiment, run_experiment
from provence_plugins.evaluation.measure import prepare
from provence_plugins.evaluation.methods.catalogue import MethodOptions, open_method
from provence_plugins.evaluation.metrics.catalogue import METRICS
from provence_plugins.evaluation.metrics.significance import Comparison
from provence_plugins.evaluation.reporting.result_files import Cell, Table

UNIFIED = "unified"

GROUPS: Mapping[str, Sequence[str]] = {
    "Pruning and reranking in one model, or apart": ("pruning-alone", "ranking-alone"),
    "The loss on sentences and the loss on tokens": ("sentences-alone", "tokens-alone", "marks", "contrast"),
    "The weight of the ranking loss": ("ranking-weight-0.05", "ranking-weight-2"),
    "The data": ("prose-alone", "no-rewriting", "three-negatives", "far-negatives", "soft-labels"),
    "Chance": ("another-seed",),
}

COLUMNS = ("average_precision", "kept_at_70", "removed_inside_at_97", "reciprocal_rank")


class Run(NamedTuple):
    """A finished run: what its recipe says about it, and its model."""

    what: str
    model: Path


def main() -> None:
    options = _parse()
    runs = _finished(options.recipes)
    examples = first_questions(read_all_examples(find_files(options.data)), options.limit)
    opened = {
        name: open_method(f"model:{run.model}", MethodOptions({"threads": options.threads}))
        for name, run in runs.items()
    }
    dataset = prepare(examples, "sentencex", needles=0)
    experiment = run_experiment(opened, dataset, tqdm, against=UNIFIED)
    tables = [
        Table(title, ["run", *_titles()], [row(name, runs[name].what, experiment) for name in chosen])
        for title, names in GROUPS.items()
        if len(chosen := [UNIFIED, *(name for name in names if name in runs)]) > 1
    ]
    data = {
        "questions": experiment.summaries[0].questions,
        "metrics": {
            each.name: {name: value.value for name, value in each.metrics.items()} for each in experiment.summaries
        },
        "comparisons": [asdict(each) for each in experiment.comparisons],
    }
    publish("Training, varied", tables, data, options.output)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", help="labelled JSON lines, or patterns")
    parser.add_argument("--recipes", type=Path, default=Path("recipes/ablations"), help="[default: %(default)s]")
    parser.add_argument("--limit", type=int, default=8, help="questions of each source [default: %(default)s]")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--output", type=Path, help="result file [default: none]")
    return parser.parse_args()


def _finished(recipes: Path) -> dict[str, Run]:
    """Return the finished runs by the names of their recipes, and print which are missing."""
    found = {}
    for path in sorted(recipes.glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        model = Path(tomllib.loads(text)["output"]) / "model"
        if model.is_dir():
            what = text.splitlines()[0].removeprefix("# ").removesuffix(".")
            found[path.stem] = Run("The recipe itself" if path.stem == UNIFIED else what, model)
        else:
            print(f"{model} is missing. Run: provence train {path}")
    return found


def _titles() -> list[str]:
    titles = {metric.name: metric.title for metric in METRICS}
    return [titles[name] for name in COLUMNS]


def row(name: str, what: str, experiment: Experiment) -> list[Cell]:
    """Return the row of a run: its metrics, and how far they are from those of the unified run."""
    [summary] = [summary for summary in experiment.summaries if summary.name == name]
    # A comparison says how far the unified run is ahead.
    ahead = {each.metric: each.comparison for each in experiment.comparisons if each.second == name}
    cells: list[Cell] = [f"{what} (`{name}`)"]
    for metric, title in zip(COLUMNS, _titles(), strict=True):
        value = summary.metrics.get(metric)
        cells.append("–" if value is None else _show(value.value, ahead.get(title)))
    return cells


def _show(value: float, ahead: Comparison | None) -> str:
    if ahead is None:
        return f"{value:.3f}"
    low, high = -ahead.interval.high, -ahead.interval.low
    return f"{value:.3f} ({-ahead.difference:+.3f} [{low:+.3f}, {high:+.3f}])"


if __name__ == "__main__":
    main()
