"""Measure a server: the share of HTTP in a request, throughput, and the slowest answers under double load.

    python benchmarks/serving.py --rounds 10 --output benchmarks/results/serving.json
    python benchmarks/serving.py --only overhead --rounds 4 --threads 1

The server is a process of its own, as `provence serve` starts it. `benchmarks/serving_faults.py` breaks things.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from http_client import Connection
from record import publish
from setting import PASSAGES, WORDS
from timing import milliseconds, percentile, ratio, spread, time_in_turns
from workloads import QUERIES, Request, open_source

from provence_plugins import Pruner, SharedScorer
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.evaluation.reporting.result_files import Table

_CLIENTS = 32
_REQUESTS_PER_CLIENT = 2
_PASSAGES_UNDER_LOAD = 5

# Small, so that it is full under double load, and its bound on the wait is short.
_QUEUE = 6
_LOAD_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured: a running server, an engine of its own with the same model, and the texts."""

    port: int
    pruner: Pruner
    requests: Sequence[Request]
    rounds: int

    def ask(self, requests: Sequence[Request], clients: int) -> None:
        """Send requests from so many clients at once, and wait for all answers."""
        asyncio.run(ask_all(self.port, requests, clients))


def measure_overhead(bench: Bench) -> tuple[Table, object]:
    """Compare a request over HTTP with the same call of the engine."""
    [request] = bench.requests
    times = time_in_turns(
        {
            "engine": lambda: bench.pruner.prune(request.query, request.passages),
            "HTTP": lambda: bench.ask([request], 1),
        },
        bench.rounds,
    )
    rows = [[name, *spread(of_name), ratio(of_name, times["engine"])] for name, of_name in times.items()]
    title = f"One request of {PASSAGES} passages of {WORDS} words"
    return Table(title, ["", "median ms", "least", "most", "times the engine"], rows), times


def measure_throughput(bench: Bench) -> tuple[Table, object]:
    """Compare many clients with `prune_many` on the same requests."""
    times = time_in_turns(
        {
            "prune_many": lambda: list(bench.pruner.prune_many(bench.requests)),
            f"HTTP, {_CLIENTS} clients": lambda: bench.ask(bench.requests, _CLIENTS),
        },
        bench.rounds,
    )
    rows = [
        [name, f"{len(bench.requests) / median(of_name):.1f}", *spread(of_name), ratio(of_name, times["prune_many"])]
        for name, of_name in times.items()
    ]
    title = f"{len(bench.requests)} requests of {_PASSAGES_UNDER_LOAD} passages of {WORDS} words"
    columns = ["", "requests a second", "median ms", "least", "most", "times prune_many"]
    return Table(title, columns, rows), times


def measure_double_load(bench: Bench, seconds: float) -> tuple[Table, object]:
    """Send requests at twice the rate that the server manages, whatever becomes of them."""
    began = perf_counter()
    bench.ask(bench.requests[: 2 * _QUEUE], _QUEUE)
    rate = 2 * _QUEUE / (perf_counter() - began)
    began = perf_counter()
    outcomes = asyncio.run(send_at(bench.port, bench.requests, rate=2 * rate, seconds=seconds))
    took = perf_counter() - began
    answered = [wait for status, wait in outcomes if status == 200]
    refused = [wait for status, wait in outcomes if status == 429]
    row = [
        f"{2 * rate:.1f}",
        str(len(outcomes)),
        str(len(answered)),
        str(len(refused)),
        str(len(outcomes) - len(answered) - len(refused)),
        f"{len(answered) / took:.1f}",
        *(milliseconds(percentile(answered, share)) for share in (0.5, 0.99)),
        milliseconds(1.0 * _QUEUE / rate),
        milliseconds(percentile(refused, 0.99)) if refused else "",
    ]
    columns = ["sent a second", "sent", "answered", "refused", "other", "answered a second"]
    columns += ["median ms", "p99 ms", "queue / rate, ms", "p99 of a refusal, ms"]
    return Table(f"Double load on a queue of {_QUEUE} requests", columns, [row]), outcomes


async def ask_all(port: int, requests: Sequence[Request], clients: int) -> None:
    """Let clients take requests one by one until none is left."""
    waiting = iter(requests)

    async def work() -> None:
        connection = await Connection.open(port)
        for request in waiting:
            answer = await connection.post(encode(request))
            if answer.status != 200:
                raise RuntimeError(f"status {answer.status}: {answer.body!r}")
        connection.writer.close()

    await asyncio.gather(*(work() for _ in range(clients)))


async def send_at(port: int, requests: Sequence[Request], *, rate: float, seconds: float) -> list[tuple[int, float]]:
    """Send requests at a rate; return the status of each and how long its client waited."""

    async def send(request: Request) -> tuple[int, float]:
        began = perf_counter()
        connection = await Connection.open(port)
        answer = await connection.post(encode(request))
        connection.writer.close()
        return answer.status, perf_counter() - began

    tasks = []
    for number in range(max(1, round(rate * seconds))):
        tasks.append(asyncio.ensure_future(send(requests[number % len(requests)])))
        await asyncio.sleep(1 / rate)
    return list(await asyncio.gather(*tasks))


def encode(request: Request) -> bytes:
    """Return a request as JSON."""
    return json.dumps({"query": request.query, "passages": [each.text for each in request.passages]}).encode()


@contextmanager
def server(*options: object) -> Iterator[int]:
    """Run `provence serve` on a free port, and return that port."""
    command = [sys.executable, "-m", "provence_plugins", "serve", "--port", "0", "--log-level", "info"]
    process = subprocess.Popen([*command, *map(str, options)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise RuntimeError("the server did not start")
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        yield int(found[1])
        process.terminate()
        process.wait()
        drain.wait()
    finally:
        process.kill()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder or repo id [default: the bundled model]")
    parser.add_argument("--threads", type=int, help="threads of engine and server [default: one for each processor]")
    cache_help = "remember scores, so that later rounds measure everything except the model"
    parser.add_argument("--cache-tokens", type=int, default=0, help=cache_help)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full amount of work under load")
    parser.add_argument("--only", nargs="*", choices=("overhead", "throughput", "double-load"))
    parser.add_argument("--output", type=Path, help="result file")
    options = parser.parse_args()
    source = open_source([])
    one = [Request(QUERIES[0], source.passages(PASSAGES, WORDS))]
    count = max(2 * _QUEUE, round(_CLIENTS * _REQUESTS_PER_CLIENT * options.scale))
    many = [
        Request(QUERIES[number % len(QUERIES)], source.passages(_PASSAGES_UNDER_LOAD, WORDS, seed=number))
        for number in range(count)
    ]
    flags = ["--timeout-seconds", 600, "--cache-tokens", options.cache_tokens]
    flags += [*(("--model", options.model) if options.model else ())]
    flags += [*(("--threads", options.threads) if options.threads else ())]
    measurements: dict[str, tuple[Sequence[Request], Sequence[object], Callable[[Bench], tuple[Table, object]]]] = {
        "overhead": (one, (), measure_overhead),
        "throughput": (many, (), measure_throughput),
        "double-load": (
            many,
            ("--max-requests", _QUEUE),
            lambda bench: measure_double_load(bench, _LOAD_SECONDS * options.scale),
        ),
    }
    tables, data = [], {}
    engine: PrunerOptions = {"threads": options.threads, "cache_tokens": options.cache_tokens, "scorer": SharedScorer}
    with Pruner(options.model, **engine) as pruner:
        for name in options.only or measurements:
            requests, own_flags, measure = measurements[name]
            with server(*flags, *own_flags) as port:
                table, data[name] = measure(Bench(port, pruner, requests, options.rounds))
            tables.append(table)
    publish("Serving", tables, {"measurements": data}, options.output)


if __name__ == "__main__":
    main()
