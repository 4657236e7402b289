"""The setting of every measurement: the model, its texts and the number of repetitions."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from workloads import Request, Source

from provence_plugins import Pruner
from provence_plugins.engine.planning import Planner
from provence_plugins.model.backend import Backend, BackendOptions, BatchScores, load_backend
from provence_plugins.model.backends import BACKENDS, BackendName
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.tokens.windows import Window

PASSAGES, WORDS = 20, 150


@dataclass(frozen=True, slots=True)
class Setting:
    """One model in one backend, and the texts that it prunes.

    Attributes:
        checkpoint: The model.
        backend: The loaded model.
        backend_name: The name of the backend, as given to the command.
        options: Precision and threads, as given to the command.
        source: The texts.
        rounds: Number of repetitions.
        scale: Share of the full amount of work; below 1.0 for a quick look.
    """

    checkpoint: Checkpoint
    backend: Backend
    backend_name: BackendName | None
    options: BackendOptions
    source: Source
    rounds: int
    scale: float = 1.0

    @property
    def planner(self) -> Planner:
        """The planner, which turns texts into windows of this model."""
        return Planner.of(self.checkpoint)

    def pruner(self, backend: Backend | None = None) -> Pruner:
        """Return a pruner on a loaded backend [default: the one of this setting]."""
        return Pruner(self.checkpoint.folder, backend=backend or self.backend)

    def load(self, options: BackendOptions, name: BackendName | None = None) -> Backend:
        """Load the same model with other options."""
        return load_backend(self.checkpoint, name or self.backend_name, options)

    def windows(self, workload: Sequence[Request]) -> list[Window]:
        """Return the windows of a workload in the order of its texts."""
        planner = self.planner
        plans = [plan for query, passages in workload for plan in planner.plan(query, passages)]
        return [window for plan in plans for window in plan.windows]

    def scaled(self, amount: int) -> int:
        """Return an amount of work at this setting's scale, at least 1."""
        return max(1, round(amount * self.scale))


class TimedBackend:
    """A backend that sums the time of its forward passes.

    Args:
        inner: The backend that runs the model.
    """

    def __init__(self, inner: Backend) -> None:
        self.description = inner.description
        self.max_batch_tokens = inner.max_batch_tokens
        self.seconds = 0.0
        self._inner = inner

    def forward(self, batch: TokenBatch) -> BatchScores:
        began = perf_counter()
        scores = self._inner.forward(batch)
        self.seconds += perf_counter() - began
        return scores


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which model is measured, how it is run, and on which texts."""
    parser.add_argument("--data", nargs="+", help="labelled JSON lines whose passages make up the text, or patterns")
    parser.add_argument("--model", help="model folder or repo id [default: the bundled model]")
    parser.add_argument("--backend", choices=tuple(BACKENDS))
    parser.add_argument("--dtype", choices=("int8", "float32", "bfloat16", "float16"))
    parser.add_argument("--threads", type=int)


def tokens_of(windows: Sequence[Window]) -> int:
    """Return how many tokens the model reads, special tokens and queries included."""
    return sum(len(window.ids) for window in windows)
