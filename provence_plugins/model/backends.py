"""The backends by name: the one list that loader, command line, doctor and benchmarks read."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from provence_plugins.model.checkpoint import Checkpoint

BackendName = Literal["onnx", "torch"]


@dataclass(frozen=True, slots=True)
class BackendRow:
    """What is known of a backend before it is loaded.

    Attributes:
        module: Its module; it has a function `load(checkpoint, options)` that returns a `Backend`.
        packages: Distributions that it needs.
        weights: Which files of a model folder it reads.
        devices: Names of the devices that it runs on; None for all that its packages find.
    """

    module: str
    packages: tuple[str, ...]
    weights: Literal["onnx", "safetensors"]
    devices: tuple[str, ...] | None = None

    def finds_weights(self, checkpoint: "Checkpoint") -> bool:
        """Return whether a model folder has the files that this backend reads."""
        return bool(checkpoint.onnx_files if self.weights == "onnx" else checkpoint.tensors)

    def runs_on(self, device: str | None) -> bool:
        """Return whether this backend can run on a device, as far as its name says."""
        return device is None or self.devices is None or device in self.devices


# Without a name the first row that has its files and runs on the device is taken, else the last.
BACKENDS: Mapping[BackendName, BackendRow] = MappingProxyType(
    {
        "onnx": BackendRow("provence_plugins.model.onnx_backend", ("onnxruntime",), "onnx", devices=("cpu",)),
        "torch": BackendRow("provence_plugins.model.torch_backend", ("torch", "transformers"), "safetensors"),
    }
)
