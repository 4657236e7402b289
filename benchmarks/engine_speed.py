"""Measure how the engine's time grows with passages, their length, threads and callers, and which stage takes it."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter, process_time

from setting import PASSAGES, WORDS, Setting, TimedBackend, tokens_of
from timing import SPREAD_COLUMNS, milliseconds, percentile, seconds_of, spread, time_in_turns
from workloads import QUERIES, Request

from provence_plugins import DirectScorer, Pruner, SharedScorer
from provence_plugins.engine.scoring import ScorerFactory
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.text.sentences import split_sentences

_PASSAGE_COUNTS = (1, 5, 10, 20, 50, 100)
_PASSAGE_WORDS = (50, 150, 300, 600, 1200)
_STAGE_WORDS = 300
_DOCUMENT_CHARACTERS = (125_000, 250_000, 500_000, 1_000_000)
_CALLERS = (1, 8, 32, 128)
_CALLER_PASSAGES = 5
_NEIGHBOURS = (0, 1, 8, 64)
_NEIGHBOUR_CHARACTERS = 1_000_000
_PAUSE_SECONDS = 0.05


def passages(setting: Setting) -> Table:
    """Measure one query over more and more passages."""
    requests = {k: Request(QUERIES[0], setting.source.passages(setting.scaled(k), WORDS)) for k in _PASSAGE_COUNTS}
    with setting.pruner() as pruner:
        runs = {k: partial(pruner.prune, *request) for k, request in requests.items()}
        times = time_in_turns(runs, setting.rounds)
    rows = []
    for k, request in requests.items():
        taken, count = times[k], len(request.passages)
        rows.append(
            (
                count,
                tokens_of(setting.windows([request])),
                milliseconds(median(taken)),
                milliseconds(percentile(taken, 0.95)),
                milliseconds(median(taken) / count),
                f"{count / median(taken):.0f}",
            )
        )
    columns = ("passages", "tokens", "p50 ms", "p95 ms", "ms a passage", "passages a second")
    note = f"From text to text, {setting.rounds} calls of each."
    return Table(f"One query, passages of {WORDS} words", columns, rows, note)


def lengths(setting: Setting) -> Table:
    """Measure a fixed number of passages of growing length."""
    requests = {
        words: Request(QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), words)) for words in _PASSAGE_WORDS
    }
    with setting.pruner() as pruner:
        runs = {words: partial(pruner.prune, *request) for words, request in requests.items()}
        times = time_in_turns(runs, setting.rounds)
    rows = []
    for words, request in requests.items():
        tokens = tokens_of(setting.windows([request]))
        per_token = f"{1e6 * median(times[words]) / tokens:.1f}"
        rows.append((words, tokens, *spread(times[words]), per_token))
    title = f"One query, {setting.scaled(PASSAGES)} passages of growing length"
    return Table(title, ("words", "tokens", *SPREAD_COLUMNS, "µs a token"), rows)


def documents(setting: Setting) -> Table:
    """Measure one document of growing length."""
    rows = []
    with setting.pruner() as pruner:
        pruner.prune(QUERIES[0], setting.source.passages(1, WORDS))
        for characters in _DOCUMENT_CHARACTERS:
            document = setting.source.document(setting.scaled(characters))
            seconds = seconds_of(partial(pruner.prune, QUERIES[0], [document]))
            tokens = tokens_of(setting.windows([Request(QUERIES[0], [document])]))
            size = len(document.text.encode())
            rows.append((f"{size:,}", f"{tokens:,}", f"{seconds:.2f}", f"{1e6 * seconds / tokens:.1f}"))
    return Table("One long document", ("bytes", "tokens", "seconds", "µs a token"), rows, "Each once.")


def stages(setting: Setting) -> Table:
    """Measure what the engine adds to the time of the model, stage by stage."""
    request = Request(QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), _STAGE_WORDS))
    times = _time_stages(setting, request)
    forward = times["forward pass"]
    outside = [whole - inside for whole, inside in zip(times["all"], forward, strict=True)]
    parts = {name: median(taken) for name, taken in times.items()}
    figures = {
        "forward pass": parts["forward pass"],
        "splitting": parts["splitting"],
        "tokenising": parts["tokenising"],
        "packing windows": parts["planning"] - parts["splitting"] - parts["tokenising"],
        "batching, combining, deciding": median(outside) - parts["planning"],
        "all but the forward pass": median(outside),
    }
    rows = [(name, milliseconds(seconds), f"{seconds / median(forward):.1%}") for name, seconds in figures.items()]
    shares = sorted(one / other for one, other in zip(outside, forward, strict=True))
    note = (
        f"{len(request.passages)} passages; all but the forward pass takes {shares[0]:.1%} to {shares[-1]:.1%} of it "
        f"over {setting.rounds} rounds."
    )
    columns = ("stage", "median ms", "share of the forward pass")
    return Table(f"Stages, passages of {_STAGE_WORDS} words", columns, rows, note)


def _time_stages(setting: Setting, request: Request) -> dict[str, list[float]]:
    planner, splitter, encoder = setting.planner, setting.checkpoint.splitter, setting.checkpoint.encoder
    texts = [passage.text for passage in request.passages]
    pieces = [s.of(text) for text in texts for s in split_sentences(text, splitter)]
    timed = TimedBackend(setting.backend)
    forward: list[float] = []
    with setting.pruner(timed) as pruner:

        def prune() -> None:
            before = timed.seconds
            pruner.prune(*request)
            forward.append(timed.seconds - before)

        runs = {
            "all": prune,
            "splitting": lambda: [split_sentences(text, splitter) for text in texts],
            "tokenising": lambda: encoder.encode(pieces),
            "planning": lambda: planner.plan(*request),
        }
        times = time_in_turns(runs, setting.rounds)
    return {**times, "forward pass": forward[1:]}  # without the round that does not count


def preparation(setting: Setting) -> Table:
    """Measure how much text is split and tokenised in a second of one processor."""
    document = setting.source.document(setting.scaled(2_000_000))
    splitter = setting.checkpoint.splitter
    pieces = [s.of(document.text) for s in split_sentences(document.text, splitter)]
    runs = {
        "splitting": lambda: split_sentences(document.text, splitter),
        "tokenising": lambda: setting.checkpoint.encoder.encode(pieces),
    }
    megabytes = len(document.text.encode()) / 1e6
    rows = []
    for name, run in runs.items():
        speeds = []
        for _ in range(setting.rounds):
            began = process_time()  # of all threads together
            run()
            speeds.append(megabytes / (process_time() - began))
        rows.append((name, *(f"{value:.1f}" for value in (median(speeds), min(speeds), max(speeds)))))
    note = f"{megabytes:.1f} MB; by the processor time of the process."
    return Table("Preparation, per processor", ("stage", "median MB/s", "least", "most"), rows, note)


def threads(setting: Setting) -> Table:
    """Measure the same call with more and more threads."""
    counts = sorted({1, *(2**n for n in range(1, 7) if 2**n < (os.cpu_count() or 1)), os.cpu_count() or 1})
    many = Request(QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), WORDS))
    one = Request(QUERIES[0], many.passages[:1])
    pruners = {n: setting.pruner(setting.load(replace(setting.options, threads=n))) for n in counts}
    runs = {(n, request is one): partial(pruners[n].prune, *request) for n in counts for request in (many, one)}
    times = time_in_turns(runs, setting.rounds)
    for pruner in pruners.values():
        pruner.close()
    rows = [(n, *spread(times[n, False]), milliseconds(median(times[n, True]))) for n in counts]
    columns = ("threads", *SPREAD_COLUMNS, "median ms of one passage alone")
    return Table(f"Threads, {len(many.passages)} passages of {WORDS} words", columns, rows)


def callers(setting: Setting) -> Table:
    """Measure many asyncio tasks at once over one pruner."""
    rows = []
    for count in _CALLERS:
        workload = setting.source.mixed(setting.scaled(count), _CALLER_PASSAGES, seed=count)
        for name, scorer in {"DirectScorer": DirectScorer, "SharedScorer": SharedScorer}.items():
            waves = [_wave(setting, scorer, workload) for _ in range(max(1, setting.rounds // 10))]
            taken = [seconds for wave in waves for seconds in wave]
            whole = sum(max(wave) for wave in waves)
            speed = f"{len(waves) * len(workload) / whole:.1f}"
            waits = [milliseconds(percentile(taken, share)) for share in (0.5, 0.95)]
            rows.append((len(workload), name, speed, *waits))
    columns = ("tasks at once", "scorer", "requests a second", "p50 ms", "p95 ms")
    note = f"Every task asks one query over {_CALLER_PASSAGES} passages of 20 to 900 words; all start together."
    return Table("Many callers", columns, rows, note)


def neighbours(setting: Setting) -> Table:
    """Measure a short call beside more and more long ones."""
    rows = []
    for name, scorer in {"DirectScorer": DirectScorer, "SharedScorer": SharedScorer}.items():
        times = asyncio.run(_beside_long_calls(setting, scorer))
        alone = median(times[0])
        for count, taken in times.items():
            worst = max(taken)
            rows.append((count, name, milliseconds(median(taken)), milliseconds(worst), f"{worst / alone:.1f}"))
    columns = ("long calls", "scorer", "p50 ms", "worst ms", "worst, times the median alone")
    words = f"{setting.scaled(_NEIGHBOUR_CHARACTERS):,}"
    note = f"One passage of {WORDS} words at a time, while calls over documents of {words} characters are under way."
    return Table("A short call beside long ones", columns, rows, note)


async def _beside_long_calls(setting: Setting, scorer: ScorerFactory) -> dict[int, list[float]]:
    short = Request(QUERIES[0], setting.source.passages(1, WORDS))
    document = setting.source.document(setting.scaled(_NEIGHBOUR_CHARACTERS))
    times = {}
    with Pruner(setting.checkpoint.folder, backend=setting.backend, scorer=scorer) as pruner:
        await pruner.aprune(*short)
        for count in _NEIGHBOURS:
            long = [asyncio.create_task(pruner.aprune(QUERIES[1], [document])) for _ in range(count)]
            taken = []
            for _ in range(setting.rounds):
                await asyncio.sleep(_PAUSE_SECONDS)  # so that the calls meet batches at different points
                began = perf_counter()
                await pruner.aprune(*short)
                taken.append(perf_counter() - began)
            times[count] = taken
            for task in long:
                task.cancel()
            await asyncio.gather(*long, return_exceptions=True)
    return times


def _wave(setting: Setting, scorer: ScorerFactory, workload: Sequence[Request]) -> list[float]:
    async def wait_for(pruner: Pruner, request: Request, began: float) -> float:
        await pruner.aprune(*request)
        return perf_counter() - began

    async def run() -> list[float]:
        with Pruner(setting.checkpoint.folder, backend=setting.backend, scorer=scorer) as pruner:
            await pruner.aprune(*workload[0])
            began = perf_counter()
            return await asyncio.gather(*(wait_for(pruner, request, began) for request in workload))

    return asyncio.run(run())


def cache(setting: Setting) -> Table:
    """Measure what is not scored twice: passages repeated in a call, and repeated calls."""
    query, texts = QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), WORDS)
    with (
        setting.pruner() as plain,
        Pruner(setting.checkpoint.folder, backend=setting.backend, cache_tokens=1_000_000) as caching,
    ):
        runs = {
            "different passages": partial(plain.prune, query, texts),
            "each of them four times": partial(plain.prune, query, texts * 4),
            "the same call again, with a cache": partial(caching.prune, query, texts),
        }
        times = time_in_turns(runs, setting.rounds)
    rows = [(name, *spread(taken)) for name, taken in times.items()]
    return Table(f"Repetition, {len(texts)} passages of {WORDS} words", ("call", *SPREAD_COLUMNS), rows)
