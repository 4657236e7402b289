"""Measure the same work in other backends, with plain use of the same weights, and in other packages."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shutil import copyfile

from setting import PASSAGES, WORDS, Setting, tokens_of
from timing import SPREAD_COLUMNS, ratio, spread, time_in_turns
from workloads import QUERIES, Request

from provence_plugins import Pruner
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.backends import BackendName
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.folder import ONNX_FILES
from provence_plugins.model.onnx_graph import INPUTS, OUTPUTS
from provence_plugins.tokens.batches import TokenBatch, pad_windows

_NAIVE_ROWS = 32
_MIXED_QUERIES = 4
# Padded batches are slow; a quarter of the rounds says enough.
_FEWER_ROUNDS = 4
_RUNTIMES: tuple[tuple[BackendName, str], ...] = (
    ("onnx", "int8"),
    ("onnx", "float32"),
    ("torch", "float32"),
    ("torch", "bfloat16"),
)


@dataclass(frozen=True, slots=True)
class OpenProvence:
    """Where OpenProvence's own code runs.

    Attributes:
        python: Interpreter of an environment with the packages that it asks for.
        model: Model folder with its modelling code.
    """

    python: str
    model: str


def runtimes(setting: Setting) -> Table:
    """Measure the same model in every backend and precision."""
    request = Request(QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), WORDS))
    with _complete(setting.checkpoint) as checkpoint:
        pruners = {}
        for name, dtype in _RUNTIMES:
            backend = load_backend(checkpoint, name, replace(setting.options, dtype=dtype))
            pruners[f"{name}, {dtype}"] = Pruner(checkpoint.folder, backend=backend)
        runs = {name: partial(pruner.prune, *request) for name, pruner in pruners.items()}
        times = time_in_turns(runs, setting.rounds)
        for pruner in pruners.values():
            pruner.close()
    first = times["onnx, int8"]
    rows = [(name, *spread(taken), ratio(taken, first)) for name, taken in times.items()]
    title = f"Runtimes, {len(request.passages)} passages of {WORDS} words"
    return Table(title, ("runtime", *SPREAD_COLUMNS, "times the first"), rows, "From text to text.")


def naive(setting: Setting) -> Table:
    """Measure a mixed workload through the engine, and in padded batches in the order of the texts."""
    workload = setting.source.mixed(setting.scaled(_MIXED_QUERIES), setting.scaled(PASSAGES))
    windows = setting.windows(workload)
    with _complete(setting.checkpoint) as checkpoint, setting.pruner() as pruner:
        torch = load_backend(checkpoint, "torch", BackendOptions(dtype="float32", threads=setting.options.threads))
        ways: dict[str, Callable[[TokenBatch], object]] = {
            "padded batches, ONNX Runtime, int8": _plain_session(checkpoint.onnx_files["int8"]),
            "padded batches, ONNX Runtime, float32": _plain_session(checkpoint.onnx_files["float32"]),
            "padded batches, torch, float32": torch.forward,
        }
        engine = f"prune, {setting.backend.description}"
        runs: dict[str, Callable[[], object]] = {engine: lambda: [pruner.prune(*request) for request in workload]}
        runs |= {name: partial(_in_padded_batches, setting, workload, forward) for name, forward in ways.items()}
        times = time_in_turns(runs, max(1, setting.rounds // _FEWER_ROUNDS))
    rows = [(name, *spread(taken), ratio(taken, times[engine])) for name, taken in times.items()]
    count = sum(len(request.passages) for request in workload)
    note = (
        f"{count} passages of 20 to 900 words under {len(workload)} queries, {tokens_of(windows):,} tokens. Padded "
        f"batches are the same windows in the order of the texts, {_NAIVE_ROWS} at a time, padded to the longest, with "
        f"the session's defaults; splitting and tokenising are counted everywhere."
    )
    return Table("A mixed workload against padded batches", ("way", *SPREAD_COLUMNS, "times the first"), rows, note)


def peers(setting: Setting, open_provence: OpenProvence | None = None) -> Table:
    """Measure other packages on the same passages."""
    request = Request(QUERIES[0], setting.source.passages(setting.scaled(PASSAGES), WORDS))
    with setting.pruner() as pruner, _worker(open_provence, setting.options.threads) as worker:
        runs: dict[str, Callable[[], object]] = {
            f"prune, {setting.backend.description}": partial(pruner.prune, *request),
            "sentence-transformers CrossEncoder, same weights (scores passages only)": _cross_encoder(setting, request),
        }
        if worker is not None:
            runs["OpenProvence's own process()"] = partial(worker, request)
        times = time_in_turns(runs, setting.rounds)
    first = next(iter(times.values()))
    rows = [(name, *spread(taken), ratio(taken, first)) for name, taken in times.items()]
    title = f"Other packages, {len(request.passages)} passages of {WORDS} words"
    return Table(title, ("package", *SPREAD_COLUMNS, "times the first"), rows, "From text to text.")


def same_model(setting: Setting, open_provence: OpenProvence) -> Table:
    """Measure a mixed workload through OpenProvence's code, and the same weights in every backend of the engine."""
    workload = setting.source.mixed(setting.scaled(_MIXED_QUERIES), setting.scaled(PASSAGES))

    def through(prune: Callable[[Request], object]) -> Callable[[], object]:
        return lambda: [prune(request) for request in workload]

    runs: dict[str, Callable[[], object]] = {}
    with (
        _complete(open_checkpoint(open_provence.model)) as checkpoint,
        _worker(open_provence, setting.options.threads) as worker,
    ):
        assert worker is not None
        runs["OpenProvence's own process()"] = through(worker)
        for name, dtype in _RUNTIMES:
            backend = load_backend(checkpoint, name, replace(setting.options, dtype=dtype))
            pruner = Pruner(checkpoint.folder, backend=backend)
            runs[f"prune, {name}, {dtype}"] = through(lambda request, pruner=pruner: pruner.prune(*request))
        times = time_in_turns(runs, max(1, setting.rounds // _FEWER_ROUNDS))
    first = next(iter(times.values()))
    rows = [(name, *spread(taken), ratio(first, taken)) for name, taken in times.items()]
    count = sum(len(request.passages) for request in workload)
    note = f"{count} passages of 20 to 900 words under {len(workload)} queries, from text to text; the same weights."
    return Table("One checkpoint, its publisher's code and ours", ("way", *SPREAD_COLUMNS, "times as fast"), rows, note)


@contextmanager
def _complete(checkpoint: Checkpoint) -> Iterator[Checkpoint]:
    """Return a copy of the model folder with both ONNX files; existing ones are not changed."""
    if set(checkpoint.onnx_files) == set(ONNX_FILES):
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in checkpoint.folder.iterdir():
            if file.is_file():
                copyfile(file, folder / file.name)
        missing = [f"--precision={name}" for name in ONNX_FILES if name not in checkpoint.onnx_files]
        command = [sys.executable, "-m", "provence_plugins", "export", str(folder), *missing]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield open_checkpoint(folder)


def _plain_session(path: Path) -> Callable[[TokenBatch], object]:
    import onnxruntime as ort  # not before this package, which switches telemetry off

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    def forward(batch: TokenBatch) -> object:
        arrays = dict(zip(INPUTS, (batch.ids, batch.mask, batch.type_ids), strict=True))
        return session.run(OUTPUTS, {name: arrays[name] for name in names})

    return forward


def _in_padded_batches(setting: Setting, workload: Sequence[Request], forward: Callable[[TokenBatch], object]) -> None:
    windows = setting.windows(workload)
    for first in range(0, len(windows), _NAIVE_ROWS):
        rows = windows[first : first + _NAIVE_ROWS]
        forward(pad_windows(rows, pad_id=setting.checkpoint.encoder.template.pad_id))


def _cross_encoder(setting: Setting, request: Request) -> Callable[[], object]:
    with needs_extra("train"):
        from sentence_transformers import CrossEncoder

        import provence_plugins.model.network  # noqa: F401  # tells Transformers of our model type
    model = CrossEncoder(str(setting.checkpoint.folder), device="cpu")
    pairs = [(request.query, passage.text) for passage in request.passages]
    return lambda: model.predict(pairs, show_progress_bar=False)


@contextmanager
def _worker(found: OpenProvence | None, threads: int | None) -> Iterator[Callable[[Request], object] | None]:
    """Return a function that lets OpenProvence prune a request in its own interpreter; None when there is none."""
    if found is None:
        yield None
        return
    script = Path(__file__).with_name("open_provence_worker.py")
    command = [found.python, str(script), found.model, *([str(threads)] if threads else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        read, write = process.stdout, process.stdin

        def prune(request: Request) -> object:
            texts = [passage.text for passage in request.passages]
            write.write(json.dumps({"query": request.query, "texts": texts}) + "\n")
            write.flush()
            answer = read.readline()
            if not answer:
                raise RuntimeError(f"OpenProvence ended with exit code {process.wait()}; its error stands above.")
            return json.loads(answer)

        yield prune
        write.close()
