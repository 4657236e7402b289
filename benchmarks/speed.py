"""Measure how fast passages are pruned, and compare with other ways and packages.

    python benchmarks/speed.py --data "data/dev/[!m]*.jsonl.gz" --output benchmarks/results/speed.json
    python benchmarks/speed.py --only passages stages --rounds 5
    python benchmarks/speed.py --only peers --open-provence-python PYTHON --open-provence-model FOLDER

Every measurement is a table; variants that are compared take turns in every round. `runtimes`, `naive` and `peers` need
the extras export and train; `same-model` is taken when a model of OpenProvence's is named.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import engine_speed
from peer_speed import OpenProvence, naive, peers, runtimes, same_model
from record import publish
from setting import Setting, add_model_arguments
from workloads import open_source

from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.checkpoint import open_checkpoint

Measurement = Callable[[Setting], Table]

MEASUREMENTS: dict[str, Measurement] = {
    "passages": engine_speed.passages,
    "lengths": engine_speed.lengths,
    "documents": engine_speed.documents,
    "stages": engine_speed.stages,
    "preparation": engine_speed.preparation,
    "threads": engine_speed.threads,
    "callers": engine_speed.callers,
    "neighbours": engine_speed.neighbours,
    "cache": engine_speed.cache,
    "runtimes": runtimes,
    "naive": naive,
    "peers": peers,
}


def main() -> None:
    options = _parse()
    setting = _setting(options)
    chosen = dict(MEASUREMENTS)
    if options.open_provence_model:
        other = OpenProvence(options.open_provence_python, options.open_provence_model)
        chosen["peers"] = partial(peers, open_provence=other)
        chosen["same-model"] = partial(same_model, open_provence=other)
    tables = {name: chosen[name](setting) for name in options.only or chosen}
    data = {name: [dict(zip(table.columns, row, strict=True)) for row in table.rows] for name, table in tables.items()}
    title = options.title or f"Speed ({setting.backend.description})"
    publish(title, list(tables.values()), {"measurements": data, "rounds": setting.rounds}, options.output)


def _setting(options: argparse.Namespace) -> Setting:
    checkpoint = open_checkpoint(options.model)
    how = BackendOptions(dtype=options.dtype, threads=options.threads)
    return Setting(
        checkpoint=checkpoint,
        backend=load_backend(checkpoint, options.backend, how),
        backend_name=options.backend,
        options=how,
        source=open_source(options.data),
        rounds=options.rounds,
        scale=options.scale,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=[*MEASUREMENTS, "same-model"], help="measurements to take [default: all]"
    )
    add_model_arguments(parser)
    parser.add_argument("--rounds", type=int, default=20, help="how often everything is repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the work, for a quick look")
    parser.add_argument("--open-provence-python", default="python", help="interpreter with OpenProvence's packages")
    parser.add_argument("--open-provence-model", help="model folder with OpenProvence's code, which is run")
    parser.add_argument("--title", help="what the result file is called")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
