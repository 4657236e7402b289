"""How fast passages are pruned, what the engine adds to the model's own time, and what its batches save.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --model FOLDER --backend torch --rounds 5

The workload mixes passages of 20 to 900 words, cut from the topics of Python's own help or from labelled data. Each
round prunes all of it and, for comparison, runs the same windows in input order in padded batches of 32.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from random import Random
from statistics import median
from time import perf_counter

from machine import describe_machine
from tqdm import tqdm

from provence_plugins import Passage, Pruner
from provence_plugins.engine.planning import PassagePlan, Planner
from provence_plugins.evaluation.examples import read_examples
from provence_plugins.model.backend import Backend, BackendOptions, BatchScores, load_backend
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.text.sentences import split_sentences
from provence_plugins.tokens.batches import TokenBatch, pad_windows
from provence_plugins.tokens.windows import Window
from provence_plugins.training.settings import find_files

_SHORTEST, _LONGEST = 20, 900
_NAIVE_ROWS = 32
_STAGES = ("splitting", "tokenising", "windows")
_QUERIES = (
    "How are exceptions raised and handled?",
    "What does the with statement do?",
    "When is an object garbage collected?",
    "How does attribute lookup work on instances and classes?",
    "Which operators bind most tightly?",
    "What is the difference between a list and a tuple?",
    "How can a module be imported from a package?",
    "What are decorators good for?",
)


@dataclass(slots=True)
class TimedBackend:
    """A backend that adds up the time of its forward passes."""

    inner: Backend
    seconds: float = 0.0

    @property
    def description(self) -> str:
        return self.inner.description

    @property
    def max_batch_tokens(self) -> int:
        return self.inner.max_batch_tokens

    def forward(self, batch: TokenBatch) -> BatchScores:
        began = perf_counter()
        scores = self.inner.forward(batch)
        self.seconds += perf_counter() - began
        return scores


@dataclass(frozen=True, slots=True)
class Request:
    """One query with its passages."""

    query: str
    passages: list[Passage]


class Bench:
    """The engine and its stages over one workload; every method runs one of them once and says how long it took."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend, workload: Sequence[Request]) -> None:
        self.backend = TimedBackend(backend)
        self.workload = workload
        self._encoder, self._splitter = checkpoint.encoder, checkpoint.splitter
        self._pad_id = checkpoint.encoder.template.pad_id
        self._planner = Planner(checkpoint.encoder, checkpoint.format, checkpoint.splitter, checkpoint.max_tokens)
        self._pruner = Pruner(checkpoint.folder, backend=self.backend)
        self.tokens = sum(len(window.ids) for window in self._windows())
        self.passages = sum(len(item.passages) for item in workload)

    def prune(self) -> dict[str, float]:
        """The whole road, and the part of it outside the forward passes."""
        before = self.backend.seconds
        seconds = _seconds(lambda: [self._pruner.prune(item.query, item.passages) for item in self.workload])
        return {"prune": seconds, "forward": self.backend.seconds - before}

    def naive(self) -> dict[str, float]:
        """The same planning, then windows in input order in padded batches of a fixed number of rows."""

        def run() -> None:
            windows = self._windows()
            for first in range(0, len(windows), _NAIVE_ROWS):
                self.backend.inner.forward(pad_windows(windows[first : first + _NAIVE_ROWS], pad_id=self._pad_id))

        return {"naive": _seconds(run)}

    def stages(self) -> dict[str, float]:
        """The stages in front of the model, each on its own."""
        texts = [passage.text for item in self.workload for passage in item.passages]
        pieces = [text[s.start : s.end] for text in texts for s in split_sentences(text, self._splitter)]
        splitting = _seconds(lambda: [split_sentences(text, self._splitter) for text in texts])
        tokenising = _seconds(lambda: self._encoder.encode(pieces))
        planning = _seconds(lambda: [self._plan(item) for item in self.workload])
        return {"splitting": splitting, "tokenising": tokenising, "windows": planning - splitting - tokenising}

    def _windows(self) -> list[Window]:
        return [window for item in self.workload for plan in self._plan(item) for window in plan.windows]

    def _plan(self, item: Request) -> list[PassagePlan]:
        return self._planner.plan(item.query, item.passages)


def main() -> None:
    options = _parse()
    checkpoint = open_checkpoint(options.model)
    backend = load_backend(checkpoint, options.backend, BackendOptions(dtype=options.dtype, threads=options.threads))
    bench = Bench(checkpoint, backend, _workload(_source_text(options.data), options.passages))
    runs: list[Callable[[], dict[str, float]]] = [bench.prune, bench.naive, bench.stages]
    rounds: list[dict[str, float]] = []
    for run in runs:
        run()  # the first pass of a runtime plans its memory
    for number in tqdm(range(options.rounds), unit="round"):
        # What comes first in a round changes, so that a slow moment of the machine hits all alike.
        turned = runs[number % len(runs) :] + runs[: number % len(runs)]
        rounds.append({name: seconds for run in turned for name, seconds in run().items()})
    print(_report(bench, rounds), f"\n{backend.description}; {describe_machine()}", sep="\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", help="labelled JSON lines whose passages make up the text, or patterns")
    parser.add_argument("--model", help="model folder or hub id; the bundled model when left out")
    parser.add_argument("--backend", choices=("onnx", "torch"))
    parser.add_argument("--dtype", choices=("int8", "float32", "bfloat16", "float16"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passages", type=int, default=20, help="passages of each query")
    return parser.parse_args()


def _source_text(patterns: Sequence[str] | None) -> str:
    if patterns:
        return "\n\n".join(example.passage.text for path in find_files(patterns) for example in read_examples(path))
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    return "\n\n".join(topics[name] for name in sorted(topics))


def _workload(text: str, passages: int) -> list[Request]:
    words = list(re.finditer(r"\S+", text))
    random = Random(13)

    def cut() -> Passage:
        # Even on a scale of ratios: as many passages of 20 to 40 words as of 400 to 800.
        size = int(_SHORTEST * (_LONGEST / _SHORTEST) ** random.random())
        first = random.randrange(len(words) - size)
        return Passage(text[words[first].start() : words[first + size - 1].end()])

    return [Request(query, [cut() for _ in range(passages)]) for query in _QUERIES]


def _seconds(run: Callable[[], object]) -> float:
    began = perf_counter()
    run()
    return perf_counter() - began


def _report(bench: Bench, rounds: Sequence[dict[str, float]]) -> str:
    ratios = [item["naive"] / item["prune"] for item in rounds]
    for item in rounds:
        item["outside the forward pass"] = item["prune"] - item["forward"]
        item["batching and deciding"] = item["outside the forward pass"] - sum(item[name] for name in _STAGES)
    rows = [
        ("passages per second", [bench.passages / item["prune"] for item in rounds], "{:.1f}"),
        ("tokens per second", [bench.tokens / item["prune"] for item in rounds], "{:,.0f}"),
        (f"time of padded batches of {_NAIVE_ROWS} / time of prune", ratios, "{:.2f}"),
    ]
    for name in ("outside the forward pass", *_STAGES, "batching and deciding"):
        rows.append((f"{name} / forward pass", [item[name] / item["forward"] for item in rounds], "{:.1%}"))
    lines = [
        f"{bench.passages} passages, {len(bench.workload)} queries, {bench.tokens:,} tokens, {len(rounds)} rounds",
        "",
        "| figure | median | least | most |",
        "|---|---|---|---|",
    ]
    for name, values, form in rows:
        lines.append(f"| {name} | " + " | ".join(map(form.format, (median(values), min(values), max(values)))) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
