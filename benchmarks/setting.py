"""What every measurement is given: the model, its texts and how often to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from workloads import Request, Source

from provence_plugins import Pruner
from provence_plugins.engine.planning import Planner
from provence_plugins.model.backend import Backend, BackendOptions, BatchScores, load_backend
from provence_plugins.model.backends import BackendName
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.tokens.batches import TokenBatch
from provence_plugins.tokens.windows import Window

PASSAGES, WORDS = 20, 150


@dataclass(frozen=True, slots=True)
class Setting:
    """One model in one runtime, and the texts that it prunes.

    Attributes:
        checkpoint: The model.
        backend: The loaded model.
        backend_name: As the command named it.
        options: Precision and threads, as the command named them.
        source: The texts.
        rounds: How often everything is repeated.
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
        """What turns the texts into windows of this model."""
        return Planner.of(self.checkpoint)

    def pruner(self, backend: Backend | None = None) -> Pruner:
        """A pruner on a backend that is already loaded, this setting's own unless another is given."""
        return Pruner(self.checkpoint.folder, backend=backend or self.backend)

    def load(self, options: BackendOptions, name: BackendName | None = None) -> Backend:
        """The same model loaded otherwise."""
        return load_backend(self.checkpoint, name or self.backend_name, options)

    def windows(self, workload: Sequence[Request]) -> list[Window]:
        """The windows of a workload in the order of its texts."""
        planner = self.planner
        plans = [plan for query, passages in workload for plan in planner.plan(query, passages)]
        return [window for plan in plans for window in plan.windows]

    def scaled(self, amount: int) -> int:
        """An amount of work at this setting's scale, at least 1."""
        return max(1, round(amount * self.scale))


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


def tokens_of(windows: Sequence[Window]) -> int:
    """How many tokens the model reads, special tokens and queries included."""
    return sum(len(window.ids) for window in windows)
