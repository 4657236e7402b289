"""Facts about this installation, and whether it prunes without a network."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from huggingface_hub import constants

from provence_plugins import __version__
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import ProvenceError
from provence_plugins.installation import count_processors, installed_version
from provence_plugins.model.backends import BACKENDS, BackendRow
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.onnx_backend import telemetry_is_off

_PACKAGES = (
    "numpy",
    "onnxruntime",
    "tokenizers",
    "sentencex",
    "torch",
    "transformers",
    "nltk",
    "langchain-core",
    "llama-index-core",
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model folder holds.

    Attributes:
        name: What was asked for: "bundled", a folder or a hub id.
        folder: Where it lies on disk.
        files: Sizes of its files in bytes, by name.
        format: Name of its layout.
        format_version: Version of that layout; None for one that has none.
        threshold: Keep threshold when a policy names none.
        max_tokens: Longest window.
        backends: Those that can run it here.
    """

    name: str
    folder: str
    files: Mapping[str, int]
    format: str
    format_version: int | None
    threshold: float
    max_tokens: int
    backends: list[str]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of an installation.

    Attributes:
        versions: Of Python, this package and those that it works with; None for one that is not installed.
        processors: How many this process may use.
        devices: Where a model can run.
        telemetry: Whether ONNX Runtime may send telemetry. This package switches it off, unless the environment says
            otherwise or another package loaded ONNX Runtime first.
        model: The model folder; None when it cannot be opened.
        problem: What keeps the model from pruning a passage without a network; None when it did.
    """

    versions: Mapping[str, str | None]
    processors: int
    devices: list[str]
    telemetry: bool
    model: ModelFacts | None
    problem: str | None

    @property
    def ready(self) -> bool:
        """Whether the model was opened and pruned a passage, all without a network."""
        return self.problem is None

    # Any: nested plain values, ready for json.dumps.
    def to_dict(self) -> dict[str, Any]:
        """The facts as plain values that JSON can hold, `ready` among them."""
        return {**asdict(self), "ready": self.ready}


def diagnose(model: str | None = None) -> Diagnosis:
    """Look at the installation, open a model and prune one passage with it, all without a network.

    Args:
        model: A folder or hub id; None takes the bundled model.
    """
    versions = _versions()
    facts, problem = None, None
    with _offline():
        try:
            facts = _model_facts(open_checkpoint(model))
            with Pruner(model) as pruner:
                pruner.prune("Is it ready?", ["It is ready. Nothing else is known."])
        except ProvenceError as error:
            problem = str(error)
    return Diagnosis(versions, count_processors(), _devices(), not telemetry_is_off(), facts, problem)


def _versions() -> dict[str, str | None]:
    own = {"python": platform.python_version(), "provence-plugins": __version__}
    return {**own, **{package: installed_version(package) for package in _PACKAGES}}


def _devices() -> list[str]:
    if not _installed(BACKENDS["torch"]):
        return ["cpu"]
    from provence_plugins.model.torch_backend import devices

    return devices()


def _model_facts(checkpoint: Checkpoint) -> ModelFacts:
    usable: list[str] = [name for name, row in BACKENDS.items() if _installed(row) and row.finds_weights(checkpoint)]
    return ModelFacts(
        name=checkpoint.name,
        folder=str(checkpoint.folder.resolve()),
        files={path.name: path.stat().st_size for path in sorted(checkpoint.folder.iterdir()) if path.is_file()},
        format=checkpoint.format.name,
        format_version=checkpoint.format.version,
        threshold=checkpoint.default_threshold,
        max_tokens=checkpoint.max_tokens,
        backends=usable,
    )


def _installed(backend: BackendRow) -> bool:
    return all(installed_version(package) for package in backend.packages)


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub's client, which alone can ask for a network, to what is on disk."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
