"""Hold many callers for a while, with faults, and see what breaks.

    python benchmarks/soak.py --seconds 600
    python benchmarks/soak.py --seconds 60 --callers 50 --forks 0 --model FOLDER

Callers prune small and large texts with one pruner, cancel some of the calls, and send bad input. The backend fails
now and then, the pruner is closed and opened again, and children are forked that prune too. The command prints the
number of requests, the errors by kind, the longest gap of the event loop, the longest garbage collection (which stops
the loop too), and the memory at the start and at the end. Its exit status is 1 if a call hung, was cancelled though
nobody cancelled it, or ended with an exception that is not documented.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic

from faulty_backend import FaultyBackend
from workloads import QUERIES, open_source

from provence_plugins import DirectScorer, Passage, Pruner, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.errors import BackendError, ClosedError, InvalidInputError, OverloadedError
from provence_plugins.model.backend import load_backend
from provence_plugins.model.checkpoint import open_checkpoint

SCORERS: dict[str, ScorerFactory] = {"shared": SharedScorer, "direct": DirectScorer}

_LARGE_CHARACTERS = 100_000
_FAILING_SHARE = 0.01
_HANG_SECONDS = 300
_TICK_SECONDS = 0.005

# Ways to call, and how often each is chosen.
_WAYS = {"small": 60, "large": 2, "cancelled": 15, "bad": 15}

_BAD_CALLS: list[tuple[object, object]] = [
    ("", ["text"]),
    (None, ["text"]),
    ("word " * 5_000, ["text"]),
    ("Who?", "one string"),
    ("Who?", [3]),
    ("Who?", None),
]


@dataclass(slots=True)
class Tally:
    """What happened so far.

    Attributes:
        outcomes: How many calls ended in each way: "pruned", or the name of an error.
        broken: Outcomes that must not happen.
        longest_gap: Longest time that the event loop did not come round.
        longest_collection: Longest garbage collection, during which no thread runs Python code.
        forks: How many children pruned and ended well.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    longest_gap: float = 0.0
    longest_collection: float = 0.0
    forks: int = 0


class Soak:
    """One run.

    Args:
        options: See the command's help.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._random = Random(options.seed)
        self._until = self._collection_began = 0.0
        checkpoint = open_checkpoint(options.model)
        self._folder = checkpoint.folder
        self._backend = FaultyBackend(load_backend(checkpoint), self._random, _FAILING_SHARE)
        self._source = open_source(None)
        self._large = _large_texts(self._source.document(_LARGE_CHARACTERS).text)
        self._pruner = self._open()
        self.tally = Tally()

    async def run(self) -> None:
        """Run until the time is over."""
        await self._pruner.aprune(QUERIES[0], ["The model is warm now."])
        # As a server should: what lives as long as the process is not searched by every full collection.
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self._time_collection)
        self._until = monotonic() + self._options.seconds
        tasks = [self._call_again_and_again() for _ in range(self._options.callers)]
        await asyncio.gather(self._watch_the_loop(), self._close_and_open(), self._fork(), *tasks)

    def _open(self) -> Pruner:
        return Pruner(self._folder, backend=self._backend, scorer=SCORERS[self._options.scorer], cache_tokens=20_000)

    def _time_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = monotonic()
        else:
            self.tally.longest_collection = max(self.tally.longest_collection, monotonic() - self._collection_began)

    def _is_over(self) -> bool:
        return monotonic() >= self._until

    async def _call_again_and_again(self) -> None:
        while not self._is_over():
            way = self._random.choices(list(_WAYS), list(_WAYS.values()))[0]
            query, passages = self._arguments(way)
            call = asyncio.ensure_future(self._pruner.aprune(query, passages))  # type: ignore[arg-type]
            if way == "cancelled":
                asyncio.get_running_loop().call_later(self._random.random() * 0.2, call.cancel)
            done, _ = await asyncio.wait([call], timeout=_HANG_SECONDS)
            if not done:
                self.tally.broken["hung"] += 1
                call.cancel()
            else:
                self._count(way, call)
            await asyncio.sleep(self._random.random() * 0.1)

    def _arguments(self, way: str) -> tuple[object, object]:
        if way == "bad":
            return self._random.choice(_BAD_CALLS)
        query = self._random.choice(QUERIES)
        if way == "large":
            return query, [self._random.choice(self._large)]
        return query, self._source.passages(self._random.randint(1, 5), 100, seed=self._random.randrange(1000))

    def _count(self, way: str, call: "asyncio.Future[object]") -> None:
        if call.cancelled():
            self.tally.outcomes["CancelledError"] += 1
            if way != "cancelled":
                self.tally.broken["cancelled by nobody"] += 1
            return
        error = call.exception()
        name = "pruned" if error is None else type(error).__name__
        self.tally.outcomes[name] += 1
        if way == "bad" and not isinstance(error, InvalidInputError | ClosedError | OverloadedError):
            self.tally.broken[f"bad input: {name}"] += 1
        elif way != "bad" and not isinstance(error, BackendError | ClosedError | OverloadedError | None):
            self.tally.broken[f"{name}: {error}"] += 1

    async def _watch_the_loop(self) -> None:
        last = monotonic()
        while not self._is_over():
            await asyncio.sleep(_TICK_SECONDS)
            now = monotonic()
            self.tally.longest_gap = max(self.tally.longest_gap, now - last - _TICK_SECONDS)
            last = now

    async def _close_and_open(self) -> None:
        while not await self._over_within(self._options.reopen):
            closed, self._pruner = self._pruner, await asyncio.to_thread(self._open)
            await asyncio.to_thread(closed.close)
        # Calls that are still under way fail now; all of them would take minutes.
        await asyncio.to_thread(self._pruner.close)

    async def _fork(self) -> None:
        for number in count():
            if number == self._options.forks or await self._over_within(self._options.seconds / 10):
                return
            status = await asyncio.to_thread(_prune_in_child, self._pruner)
            if status == 0:
                self.tally.forks += 1
            else:
                self.tally.broken[f"child ended with {status}"] += 1

    async def _over_within(self, seconds: float) -> bool:
        """Wait, but no longer than the run; tell whether the run is over."""
        await asyncio.sleep(max(0.0, min(seconds, self._until - monotonic())))
        return self._is_over()


def _prune_in_child(pruner: Pruner) -> int:
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            pruner.prune(QUERIES[0], ["A forked child prunes this. Sheep graze."])
            asyncio.run(pruner.aprune(QUERIES[0], ["A forked child prunes that."]))
        except (BackendError, ClosedError):  # faults that the run brings about itself
            os._exit(0)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _large_texts(prose: str) -> list[Passage]:
    """Texts of one size and many kinds, those among them that splitters and tokenizers find hard."""
    patterns = [
        "“", "字", "a", "a ", ".", "A. ", "\n", "这是一个普通的中文句子，没有空格。",
        "# h\n\n", "| a | b |\n", "> ", "😀", "[", "- x\n",
    ]  # fmt: skip
    texts = [prose, *(pattern * (_LARGE_CHARACTERS // len(pattern)) for pattern in patterns)]
    return [Passage(text) for text in texts]


def _resident_megabytes() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    soak = Soak(options)
    before = _resident_megabytes()
    asyncio.run(soak.run())
    gc.collect()
    tally = soak.tally
    print(
        f"{tally.outcomes.total()} requests in {options.seconds:g} s by {options.callers} callers, {tally.forks} forks"
    )
    for name, number in tally.outcomes.most_common():
        print(f"  {name}: {number}")
    print(f"longest gap of the event loop: {1000 * tally.longest_gap:.0f} ms")
    print(f"longest garbage collection: {1000 * tally.longest_collection:.0f} ms")
    print(f"memory: {before:.0f} MB at the start, {_resident_megabytes():.0f} MB at the end")
    for name, number in tally.broken.most_common():
        print(f"BROKEN {name}: {number}")
    return 1 if tally.broken else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the run [default: 60]")
    parser.add_argument("--callers", type=int, default=200, help="number of concurrent callers [default: 200]")
    parser.add_argument("--scorer", choices=SCORERS, default="shared", help="[default: shared]")
    parser.add_argument("--reopen", type=float, default=15.0, help="seconds until the pruner is replaced [default: 15]")
    parser.add_argument("--forks", type=int, default=5, help="number of children to fork [default: 5]")
    parser.add_argument("--seed", type=int, default=13, help="[default: 13]")
    parser.add_argument("--model", help="model folder or repo id [default: the bundled model]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
