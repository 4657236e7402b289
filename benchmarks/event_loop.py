"""Measure how long the event loop stands still while large passages of every shape are pruned.

    python benchmarks/event_loop.py
    python benchmarks/event_loop.py --scorer direct --shapes "short lines" "list items" --freeze

Two passages of one shape are pruned at once, beside small calls. Scores follow from token ids, so that all the work is
that of this package and of Python's garbage collector. A row tells the longest time between two turns of a task that
sleeps for two milliseconds (`gap`), how much of it the process worked (`processor`), and the longest garbage
collection. On a machine that has other work too, a gap is mostly waiting for a processor: compare `processor`.
"""

import argparse
import asyncio
import gc
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any

from record import publish
from splitting import SHAPES
from timing import milliseconds

from provence_plugins import DirectScorer, Pruner, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.testing import WordBackend

SCORERS: dict[str, ScorerFactory] = {"shared": SharedScorer, "direct": DirectScorer}
COLUMNS = ("shape", "gap ms", "processor ms", "garbage collection ms")

_TICK_SECONDS = 0.002
_QUERY = "Where does the river go?"
_SMALL = "The river goes to the sea. Sheep graze."


@dataclass(slots=True)
class Longest:
    """The longest times so far, in seconds; see the command's help."""

    gap: float = 0.0
    processor: float = 0.0
    collection: float = 0.0

    def cells(self) -> list[str]:
        """Return the times as cells of a table."""
        return [milliseconds(self.gap), milliseconds(self.processor), milliseconds(self.collection)]


class Watch:
    """Watches the event loop and the garbage collector."""

    def __init__(self) -> None:
        self.longest = Longest()
        self._collection_began = 0.0

    async def run(self, work: Awaitable[Any]) -> Longest:
        """Return the longest times while some work is done."""
        self.longest = Longest()
        gc.callbacks.append(self._time_collection)
        beat = asyncio.create_task(self._beat())
        await work
        beat.cancel()
        gc.callbacks.remove(self._time_collection)
        return self.longest

    async def _beat(self) -> None:
        last, worked = perf_counter(), process_time()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now, work = perf_counter(), process_time()
            self.longest.gap = max(self.longest.gap, now - last - _TICK_SECONDS)
            self.longest.processor = max(self.longest.processor, work - worked)
            last, worked = now, work

    def _time_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = thread_time()
        else:
            self.longest.collection = max(self.longest.collection, thread_time() - self._collection_began)


async def measure(options: argparse.Namespace) -> list[list[str]]:
    """Return a row for each shape."""
    rows = []
    with Pruner(backend=WordBackend(), scorer=SCORERS[options.scorer]) as pruner:
        await pruner.aprune(_QUERY, [_SMALL])
        if options.freeze:
            gc.collect()
            gc.freeze()
        watch = Watch()
        for shape in options.shapes or SHAPES:
            text = (SHAPES[shape] * (options.characters // len(SHAPES[shape]) + 1))[: options.characters]
            rows.append([shape, *(await watch.run(_prune(pruner, text, options.rounds))).cells()])
    return rows


async def _prune(pruner: Pruner, text: str, rounds: int) -> None:
    for _ in range(rounds):
        large = asyncio.gather(*(pruner.aprune(_QUERY, [text]) for _ in range(2)))
        while not large.done():
            await pruner.aprune(_QUERY, [_SMALL])
            await asyncio.sleep(_TICK_SECONDS)
        await large


def main() -> None:
    options = _parse()
    rows = asyncio.run(measure(options))
    rows.sort(key=lambda row: float(row[2].replace(",", "")), reverse=True)
    frozen = ", after gc.freeze()" if options.freeze else ""
    title = f"Longest gaps of the event loop, passages of {options.characters:,} characters{frozen}"
    data = {"rows": [dict(zip(COLUMNS, row, strict=True)) for row in rows]}
    publish("The event loop", [Table(title, COLUMNS, rows)], data, options.output)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=100_000, help="length of a large passage")
    parser.add_argument("--rounds", type=int, default=1, help="how often the passages of each shape are pruned")
    parser.add_argument("--scorer", choices=[*SCORERS], default="shared")
    parser.add_argument("--shapes", nargs="+", choices=[*SHAPES], help="shapes to measure [default: all]")
    parser.add_argument("--freeze", action="store_true", help="call gc.freeze() before, as a server should")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
