"""Collect facts about this installation, and find out whether it prunes without a network."""

import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from huggingface_hub import constants

from provence_plugins import __version__
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import ProvenceError
from provence_plugins.installation import count_processors, installed_version
from provence_plugins.integrations.versions import FRAMEWORKS
from provence_plugins.model.backends import BACKENDS, BackendRow
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.model_packages import model_packages
from provence_plugins.model.onnx_backend import telemetry_is_off

logger = logging.getLogger(__name__)

_OWN_PACKAGES = ("numpy", "onnxruntime", "tokenizers", "sentencex")


@dataclass(frozen=True, slots=True)
class ThresholdFacts:
    """A threshold of a model, and what it did on the data that it was measured on.

    Attributes:
        threshold: The threshold.
        kept: Share of the answers that it kept; None if the model does not say.
        removed: Share of the characters that it removed; None if the model does not say.
    """

    threshold: float
    kept: float | None
    removed: float | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about a model folder.

    Attributes:
        name: Model as the caller named it: "bundled", a folder, an installed model or a repo id.
        folder: Path of the folder.
        files: Sizes of its files in bytes, by name.
        format: Name of its format.
        format_version: Version of that format; None for a format without versions.
        threshold: Threshold of policies that name none.
        thresholds: Thresholds with a name.
        window_tokens: Length of a window.
        backends: Those that can run it here.
    """

    name: str
    folder: str
    files: Mapping[str, int]
    format: str
    format_version: int | None
    threshold: float
    thresholds: Mapping[str, ThresholdFacts]
    window_tokens: int
    backends: Sequence[str]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of an installation.

    Attributes:
        versions: Versions of Python, of this package and of those that it works with; None for a
            missing one.
        processors: Number of processors that this process may use.
        devices: Devices that a model can run on.
        telemetry: Whether ONNX Runtime may send telemetry. This package switches it off, unless the
            environment says otherwise or another package loaded ONNX Runtime first.
        installed_models: Installed packages that provide a model, by its name.
        model: Facts about the model folder; None when it cannot be opened.
        problem: Why the model did not prune a passage without a network; None when it did.
    """

    versions: Mapping[str, str | None]
    processors: int
    devices: list[str]
    telemetry: bool
    installed_models: Mapping[str, str]
    model: ModelFacts | None
    problem: str | None

    @property
    def ready(self) -> bool:
        """Return whether the model was opened and pruned a passage, all without a network."""
        return self.problem is None

    # Any: nested plain values, ready for json.dumps.
    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain values that JSON can hold, `ready` among them."""
        return {**asdict(self), "ready": self.ready}


def diagnose(model: str | None = None) -> Diagnosis:
    """Examine the installation, open a model and prune one passage with it, all without a network.

    Args:
        model: A folder, the name of an installed model, or a repo id; None takes the bundled model.
    """
    versions = _versions()
    facts, problem = None, None
    with _offline():
        try:
            facts = _model_facts(open_checkpoint(model), versions)
            with Pruner(model) as pruner:
                pruner.prune("Is it ready?", ["It is ready. Nothing else is known."])
        except ProvenceError as error:
            problem = str(error)
    return Diagnosis(
        versions=versions,
        processors=count_processors(),
        devices=_devices(versions),
        telemetry=not telemetry_is_off(),
        installed_models={package.model: package.distribution for package in model_packages()},
        model=facts,
        problem=problem,
    )


def _versions() -> dict[str, str | None]:
    """Return the versions of what every installation has, of what backends need, and of the frameworks."""
    packages = [*_OWN_PACKAGES]
    for backend in BACKENDS.values():
        packages += backend.packages
    packages.append("nltk")
    packages += [framework.distribution for framework in FRAMEWORKS.values()]
    versions: dict[str, str | None] = {"python": platform.python_version(), "provence-plugins": __version__}
    for package in packages:
        versions[package] = installed_version(package)
    return versions


def _devices(versions: Mapping[str, str | None]) -> list[str]:
    if not _installed(BACKENDS["torch"], versions):
        return ["cpu"]
    try:
        from provence_plugins.model.torch_backend import devices
    except (ImportError, OSError) as error:  # installed in part, or for another system
        logger.warning("torch is installed but cannot be loaded (%s). Install it again.", error)
        return ["cpu"]
    return devices()


def _model_facts(checkpoint: Checkpoint, versions: Mapping[str, str | None]) -> ModelFacts:
    backends = [name for name, row in BACKENDS.items() if row.finds_weights(checkpoint) and _installed(row, versions)]
    files = [path for path in sorted(checkpoint.folder.iterdir()) if path.is_file()]
    thresholds: dict[str, ThresholdFacts] = {}
    for name, threshold in checkpoint.thresholds.named.items():
        thresholds[name] = _threshold_facts(checkpoint, threshold)
    return ModelFacts(
        name=checkpoint.name,
        folder=str(checkpoint.folder.resolve()),
        files={path.name: path.stat().st_size for path in files},
        format=checkpoint.format.name,
        format_version=checkpoint.format.version,
        threshold=checkpoint.default_threshold,
        thresholds=thresholds,
        window_tokens=checkpoint.max_tokens,
        backends=backends,
    )


def _threshold_facts(checkpoint: Checkpoint, threshold: float) -> ThresholdFacts:
    rows = checkpoint.config.get("calibration")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("threshold") == threshold:
            return ThresholdFacts(threshold, _number(row.get("kept")), _number(row.get("removed")))
    return ThresholdFacts(threshold, None, None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _installed(backend: BackendRow, versions: Mapping[str, str | None]) -> bool:
    return all(versions[package] for package in backend.packages)


@contextmanager
def _offline() -> Iterator[None]:
    """Restrict the client of the hub, the only code that uses a network, to files on disk."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
