"""Measure the peak of the memory that pruning takes.

    python benchmarks/memory.py --output benchmarks/results/memory.json

Every line is a process of its own, for a peak cannot be taken back. Needs a system with `resource`: Linux or macOS.
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from record import publish
from setting import PASSAGES, WORDS, add_model_arguments
from workloads import QUERIES, Request, Source, open_source

from provence_plugins import Pruner
from provence_plugins.evaluation.reporting.result_files import Table

_STREAMED = (100, 1000, 5000)
_DOCUMENT_CHARACTERS = (100_000, 1_000_000)
_LONG_WORDS = 1200
_MEGABYTE = 1_000_000

# Linux counts in kibibytes, macOS in bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024

Case = Callable[[argparse.Namespace, Source], None]


def nothing(options: argparse.Namespace, source: Source) -> None:
    """Measure the interpreter with everything that the package imports."""


def opened(options: argparse.Namespace, source: Source) -> None:
    """Measure a pruner that has pruned one passage."""
    with _open(options) as pruner:
        pruner.prune(QUERIES[0], source.passages(1, WORDS))


def one_call(words: int) -> Case:
    """Measure a call of twenty passages."""

    def run(options: argparse.Namespace, source: Source) -> None:
        with _open(options) as pruner:
            pruner.prune(QUERIES[0], source.passages(PASSAGES, words))

    return run


def document(characters: int) -> Case:
    """Measure one long document."""

    def run(options: argparse.Namespace, source: Source) -> None:
        with _open(options) as pruner:
            pruner.prune(QUERIES[0], [source.document(characters)])

    return run


def streamed(passages: int) -> Case:
    """Measure a stream of passages through `prune_many`, five a query."""

    def run(options: argparse.Namespace, source: Source) -> None:
        def requests() -> Iterator[Request]:
            for number in range(passages // 5):
                yield Request(QUERIES[number % len(QUERIES)], source.passages(5, WORDS, seed=number))

        with _open(options) as pruner:
            for _ in pruner.prune_many(requests()):
                pass

    return run


CASES: dict[str, Case] = {
    "imports and texts": nothing,
    "model opened, one passage": opened,
    **{f"{PASSAGES} passages of {words:,} words": one_call(words) for words in (WORDS, _LONG_WORDS)},
    **{f"one document of {characters:,} characters": document(characters) for characters in _DOCUMENT_CHARACTERS},
    **{f"{passages:,} passages of {WORDS} words, streamed": streamed(passages) for passages in _STREAMED},
}


def main() -> None:
    options = _parse()
    if options.case:
        CASES[options.case](options, open_source(options.data))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)
        return
    peaks = {name: [_peak(name) for _ in range(options.rounds)] for name in options.only or CASES}
    rows = [(name, *(f"{value / _MEGABYTE:.0f}" for value in _spread(taken))) for name, taken in peaks.items()]
    note = "Peak of resident memory, each time in a process of its own; the texts are part of it."
    table = Table("Peak memory", ("case", "median MB", "least", "most"), rows, note)
    publish("Memory", [table], {"peaks": peaks}, options.output)


def _open(options: argparse.Namespace) -> Pruner:
    return Pruner(options.model, backend=options.backend, dtype=options.dtype, threads=options.threads)


def _peak(name: str) -> int:
    done = subprocess.run([sys.executable, *sys.argv, "--case", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(json.loads(done.stdout))


def _spread(values: list[int]) -> tuple[int, int, int]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[0], ordered[-1]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, help="cases to measure [default: all]")
    parser.add_argument("--case", choices=CASES, help="run one case in this process and print its peak in bytes")
    add_model_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each case")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
