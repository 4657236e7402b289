"""Measure `provence bulk` with one process, with several, and on a Ray cluster that is started for each run.

    python benchmarks/scaling.py --lines 2048 --workers 1 2 4 --ray 1 2

Every run prunes the same file from nothing, and its output must be, to the byte, that of the first run. A row is one
run: `lines a second` is what the command says at its end, which leaves out loading the model except on Ray, whose
actors load it when the first lines come; `seconds` is everything. On a machine that has other work too, compare
`processor seconds`, which leave out waiting; those of Ray's processes are not known to the command.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from workloads import QUERIES, open_source

from provence_plugins.installation import count_processors

_WORDS = 150


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2048)
    parser.add_argument("--passages", type=int, default=5, help="passages of 150 words in each line")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--ray", type=int, nargs="*", default=[], help="numbers of actors on a local cluster")
    parser.add_argument("--model", default=None)
    given = parser.parse_args(arguments)
    runs = [("processes", number, ["--workers", number]) for number in given.workers]
    runs += [("actors of Ray", number, ["--ray", "local", "--workers", number]) for number in given.ray]
    # One thread each, so that only the number of processes differs.
    options = ["--threads", 1, *(["--model", given.model] if given.model else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_requests(folder / "in.jsonl", given.lines, given.passages)
        print(f"{count_processors()} processors, load {os.getloadavg()[0]:.1f} before the first run\n")
        print(
            "| pruned by | number | lines a second | seconds | processor seconds |\n|---|---|---|---|---|", flush=True
        )
        outputs = set()
        for kind, number, more in runs:
            target = folder / "out.jsonl"
            began, worked = perf_counter(), processor_seconds()
            summary = prune(folder / "in.jsonl", target, [*more, *options])
            seconds = perf_counter() - began
            work = "" if "--ray" in more else f"{processor_seconds() - worked:.1f}"
            outputs.add(target.read_bytes())
            [speed] = re.findall(r"([\d.]+) lines a second", summary)
            print(f"| {kind} | {number} | {speed} | {seconds:.1f} | {work} |", flush=True)
    if len(outputs) > 1:
        sys.exit("The runs wrote different outputs.")


def write_requests(path: Path, lines: int, passages: int) -> None:
    """Write requests of passages of equal length."""
    source = open_source(None)
    texts = [passage.text for passage in source.passages(lines * passages, words=_WORDS)]
    with open(path, "w", encoding="utf-8") as file:
        for line in range(lines):
            own = texts[line * passages : (line + 1) * passages]
            file.write(json.dumps({"query": QUERIES[line % len(QUERIES)], "passages": own}) + "\n")


def processor_seconds() -> float:
    """Return the time that processors have spent on commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prune(source: Path, target: Path, options: Sequence[object]) -> str:
    """Run the command and return what it says at its end."""
    command = [sys.executable, "-m", "provence_plugins", "bulk", source, target, "--overwrite", *options]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stderr


if __name__ == "__main__":
    main()
