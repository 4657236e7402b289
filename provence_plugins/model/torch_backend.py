"""The model in torch: on a GPU, on the CPU, and in the middle of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock

from provence_plugins.errors import (
    BackendError,
    CheckpointError,
    CheckpointNotFoundError,
    InvalidInputError,
    needs_extra,
)
from provence_plugins.model.backend import BackendOptions, BatchScores, require_finite
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.network import ProvenceConfig, ProvenceModel
from provence_plugins.tokens.batches import TokenBatch

with needs_extra("torch"):
    import torch
    from safetensors import SafetensorError, safe_open
    from torch import Tensor

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# Batches at which throughput stops growing: a CPU is busy early, a GPU wants much more at once.
_MAX_BATCH_TOKENS_CPU = 4096
_MAX_BATCH_TOKENS_GPU = 32768

_NAMES_SHOWN = 3


class TorchBackend:
    """Runs a network where it lies and in the precision that it has.

    The network stays the caller's: parameters are not moved, cast or frozen, and a network in training is put into
    evaluation mode for the length of one pass only, so that a training loop can measure its live network. Do not train
    it from another thread during a pass. Passes take turns: one alone uses all processors or the whole GPU, and two at
    once would only take twice the memory.

    Args:
        network: In any training mode, on any device; its heads may be more precise than its encoder.
    """

    def __init__(self, network: ProvenceModel) -> None:
        self._network = network
        self._turn = Lock()

    @property
    def network(self) -> ProvenceModel:
        """The network that runs."""
        return self._network

    @property
    def description(self) -> str:
        """Runtime, device and precision in a few words."""
        return f"torch, {self._network.device}, {str(self._network.dtype).removeprefix('torch.')}"

    @property
    def max_batch_tokens(self) -> int:
        """The budget of tokens, padding included, at which batches run fastest on this device."""
        budget = _MAX_BATCH_TOKENS_CPU if self._network.device.type == "cpu" else _MAX_BATCH_TOKENS_GPU
        return max(budget, int(self._network.config.max_tokens))

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row; a batch that the GPU's memory cannot hold is halved until it fits.

        Raises:
            BackendError: Torch failed, or a single row is too large for the memory.
        """
        device = self._network.device
        # Not inference_mode: what an encoder caches during a pass (rotary tables) must stay usable in training.
        with self._turn, torch.no_grad(), _evaluating(self._network):
            try:
                inputs = [torch.tensor(array, device=device) for array in (batch.ids, batch.mask, batch.type_ids)]
                relevance, keep = _in_halves(self._network.probabilities, inputs)
            except (RuntimeError, IndexError) as error:
                raise BackendError(
                    f"torch could not score {batch.ids.shape[0]} rows of {batch.ids.shape[1]} tokens: {error}"
                ) from error
        return require_finite(BatchScores(relevance.cpu().numpy(), keep.cpu().numpy()), batch)


def load(checkpoint: Checkpoint, options: BackendOptions) -> TorchBackend:
    """Load a model folder's safetensors into torch.

    `options.threads` sets torch's own number of threads, which holds for the whole process; None leaves it alone. The
    encoder takes `options.dtype`, the small heads stay in float32.

    Raises:
        CheckpointError: The weights are missing, damaged, or do not fit the configuration.
        InvalidInputError: The precision is not one that torch runs here.
        BackendError: The device is not there.
    """
    device = choose_device(options.device)
    dtype = _choose_dtype(options.dtype, device)
    network = _build(checkpoint)
    _fill(network, checkpoint)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    network.train(False)
    network.backbone.to(dtype)
    network.to(device)  # type: ignore[arg-type]  # the stub of Transformers loses the signature
    return TorchBackend(network)


@contextmanager
def _evaluating(network: ProvenceModel) -> Iterator[None]:
    """Switch dropout off, and afterwards back on in exactly the modules that had it on."""
    in_training = [module for module in network.modules() if module.training]
    for module in in_training:
        module.training = False
    try:
        yield
    finally:
        for module in in_training:
            module.training = True


def _in_halves(score: Callable[..., tuple[Tensor, Tensor]], inputs: list[Tensor]) -> tuple[Tensor, Tensor]:
    rows = len(inputs[0])
    try:
        return score(*inputs)
    except torch.cuda.OutOfMemoryError:
        if rows == 1:
            raise
    # Outside the handler, for the error's traceback holds on to the memory of the failed pass.
    halves = [
        _in_halves(score, [array[part] for array in inputs]) for part in (slice(rows // 2), slice(rows // 2, rows))
    ]
    relevance, keep = zip(*halves, strict=True)
    return torch.cat(relevance), torch.cat(keep)


def devices() -> list[str]:
    """The devices that torch sees here, the CPU first."""
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())), *mps]


def choose_device(name: str | None) -> torch.device:
    """The device of that name; without a name the first GPU, or the CPU where there is none.

    Raises:
        BackendError: Torch sees no such device.
    """
    present = devices()
    if name is None:
        return torch.device(present[1] if len(present) > 1 else "cpu")
    if name not in present and not (name == "cuda" and "cuda:0" in present):
        raise BackendError(f"There is no device {name!r} here; torch sees {', '.join(present)}.")
    return torch.device(name)


def _choose_dtype(name: str | None, device: torch.device) -> torch.dtype:
    if name == "int8":
        raise InvalidInputError("The torch backend has no int8. Use backend='onnx' for it, or dtype='float32' here.")
    if name is not None and name not in _DTYPES:
        raise InvalidInputError(f"There is no precision {name!r} in the torch backend; choose {', '.join(_DTYPES)}.")
    if name is not None:
        return _DTYPES[name]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _build(checkpoint: Checkpoint) -> ProvenceModel:
    try:
        # First weights are drawn and at once overwritten; the caller's random numbers must not notice.
        with torch.random.fork_rng(devices=[]):
            return ProvenceModel(ProvenceConfig(**checkpoint.config))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"config.json of {checkpoint.folder} describes no network: {error}") from error


def _fill(network: ProvenceModel, checkpoint: Checkpoint) -> None:
    path = checkpoint.weights
    if not path.is_file():
        raise CheckpointNotFoundError(f"The folder {checkpoint.folder} has no {path.name}. Use backend='onnx' with it.")
    targets = network.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _require_same(
                stored, {name: tuple(tensor.shape) for name, tensor in targets.items()}, path.name, checkpoint
            )
            for name, tensor in targets.items():
                tensor.copy_(file.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged ({error}). Fetch or export the model again.") from error


Shapes = Mapping[str, tuple[int, ...]]


def _require_same(stored: Shapes, expected: Shapes, file: str, checkpoint: Checkpoint) -> None:
    faults = {
        "missing": [name for name in expected if name not in stored],
        "unexpected": [name for name in stored if name not in expected],
        "of another shape": [
            f"{name} {stored[name]} instead of {shape}"
            for name, shape in expected.items()
            if name in stored and stored[name] != shape
        ],
    }
    found = "; ".join(
        f"{len(names)} {fault}: {', '.join(names[:_NAMES_SHOWN])}" for fault, names in faults.items() if names
    )
    if found:
        raise CheckpointError(
            f"{file} in {checkpoint.folder} does not fit its config.json. Tensors {found}. Export the model again."
        )
