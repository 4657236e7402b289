"""The model in torch: on a GPU, on the CPU, and during training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Any

from provence_plugins.errors import BackendError, CheckpointError, InvalidInputError, needs_extra
from provence_plugins.forks import renew_in_child
from provence_plugins.model.backend import Backend, BackendOptions, BatchScores
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.loading import Network, load_network
from provence_plugins.model.replicated_backend import ReplicatedBackend
from provence_plugins.tokens.batches import TokenBatch

with needs_extra("torch"):
    import torch
    from torch import Tensor

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# Packages that flash attention comes from.
_FLASH_ATTENTION = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}

# Batches at which throughput stops growing: a CPU is busy early, a GPU wants much more at once.
_MAX_BATCH_TOKENS_CPU = 4096
_MAX_BATCH_TOKENS_GPU = 32768


class TorchBackend:
    """Runs a network on the device and in the precision that it has.

    The network belongs to the caller: parameters are not moved, cast or frozen, and a network in
    training is put into evaluation mode for one pass only, so that a training loop can evaluate its
    live network. Do not train it from another thread during a pass. Passes take turns: each uses
    all processors or the whole GPU, and two at once would only need twice the memory.

    Args:
        network: In any training mode, on any device; its heads can be more precise than its
            encoder.
        compiled: Whether torch compiles the network at the first pass, for all shapes at once. That
            takes about a minute, pays off on a GPU, and needs a C++ compiler.
    """

    def __init__(self, network: Network, *, compiled: bool = False) -> None:
        self._network = network
        self._score = torch.compile(network.probabilities, dynamic=True) if compiled else network.probabilities
        self._turn = Lock()
        renew_in_child(self)

    def renew(self) -> None:
        """Run in one thread on a CPU: a pass would wait forever for the parent's threads."""
        self._turn = Lock()
        if self._network.device.type == "cpu":
            torch.set_num_threads(1)

    @property
    def network(self) -> Network:
        """The network that runs."""
        return self._network

    @property
    def description(self) -> str:
        """Backend, device and precision in a few words."""
        return f"torch, {self._network.device}, {str(self._network.dtype).removeprefix('torch.')}"

    @property
    def max_batch_tokens(self) -> int:
        """Number of tokens, padding included, at which batches run fastest on this device."""
        budget = _MAX_BATCH_TOKENS_CPU if self._network.device.type == "cpu" else _MAX_BATCH_TOKENS_GPU
        return max(budget, int(self._network.config.max_tokens))

    def forward(self, batch: TokenBatch) -> BatchScores:
        """Score every row; a batch that is too large for the GPU's memory is halved until it fits.

        Raises:
            BackendError: Torch failed, a single row is too large for the memory, or an id is
                outside the vocabulary.
        """
        self._require_known_ids(batch)
        device = self._network.device
        with self._turn, _without_gradients(self._network), _evaluating(self._network):
            try:
                inputs = [torch.tensor(array, device=device) for array in (batch.ids, batch.mask, batch.type_ids)]
                relevance, keep = _in_halves(self._score, inputs)
            except Exception as error:  # an encoder with odd sizes fails with whatever its arithmetic raises
                rows, length = batch.ids.shape
                raise BackendError(
                    f"torch could not score {rows} rows of {length} tokens: {error}. If memory is "
                    f"short, give a smaller max_batch_tokens; if every text fails, download the "
                    f"model again."
                ) from error
        return BatchScores(relevance.cpu().numpy(), keep.cpu().numpy())

    def _require_known_ids(self, batch: TokenBatch) -> None:
        # On a GPU an index outside a table ends every later use of the device in this process.
        config = self._network.config.backbone_config
        sizes = [("token", batch.ids, config.vocab_size)]
        if self._network.family.takes_type_ids:
            sizes.append(("token type", batch.type_ids, config.type_vocab_size))
        for name, ids, size in sizes:
            if ids.size and not 0 <= ids.min() <= ids.max() < size:
                rows, length = ids.shape
                raise BackendError(
                    f"torch could not score {rows} rows of {length} tokens: the highest "
                    f"{name} id is {ids.max()}, but the model has only {size}. The tokenizer belongs to another "
                    f"model; download the folder again."
                )


def load(checkpoint: Checkpoint, options: BackendOptions) -> Backend:
    """Load a model folder's safetensors into torch.

    `options.threads` sets torch's own number of threads, which applies to the whole process; None
    leaves it alone. The encoder is converted to `options.dtype`, and the small heads stay in
    float32.

    Raises:
        CheckpointError: The weights are missing, damaged, or do not fit the configuration.
        InvalidInputError: Torch does not run this precision here, or the encoder does not support
            this attention.
        BackendError: A device is not available.
    """
    devices = [choose_device(name) for name in (options.device or "").split(",")]
    dtypes = [_choose_dtype(options.dtype, device) for device in devices]
    network = _load_with_attention(checkpoint, options.attention)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    backends = []
    for device, dtype in zip(devices, dtypes, strict=True):
        twin = copy.deepcopy(network) if len(devices) > 1 else network
        twin.requires_grad_(False)
        twin.backbone.to(dtype)
        twin.to(device)
        backends.append(TorchBackend(twin, compiled=options.compiled))
    if len(backends) == 1:
        return backends[0]
    return ReplicatedBackend(backends)


@contextmanager
def _without_gradients(network: Network) -> Iterator[None]:
    # Tables that an encoder caches in inference mode (rotary positions) are unusable in later
    # training.
    trainable = any(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad() if trainable else torch.inference_mode():
        yield


@contextmanager
def _evaluating(network: Network) -> Iterator[None]:
    """Switch dropout off, and later back on in exactly the modules that had it on."""
    in_training = [module for module in network.modules() if module.training]
    for module in in_training:
        module.training = False
    try:
        yield
    finally:
        for module in in_training:
            module.training = True


def _in_halves(
    score: Callable[..., tuple[Tensor, Tensor]],
    inputs: list[Tensor],
) -> tuple[Tensor, Tensor]:
    rows = len(inputs[0])
    try:
        return score(*inputs)
    except RuntimeError as error:
        if rows == 1 or not _is_out_of_memory(error):
            raise
    # Outside the handler, because the error's traceback keeps the memory of the failed pass.
    if inputs[0].is_cuda:
        torch.cuda.empty_cache()
    middle = rows // 2
    first = _in_halves(score, [array[:middle] for array in inputs])
    second = _in_halves(score, [array[middle:] for array in inputs])
    return torch.cat([first[0], second[0]]), torch.cat([first[1], second[1]])


def _is_out_of_memory(error: RuntimeError) -> bool:
    # Only CUDA has its own exception for it.
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in str(error)


def devices() -> list[str]:
    """Return the devices that torch finds here, the CPU first."""
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())), *mps]


def choose_device(name: str | None) -> torch.device:
    """Return the device of a name; without a name the first GPU, or the CPU if there is none.

    Raises:
        BackendError: Torch finds no such device.
    """
    present = devices()
    if not name:
        return torch.device(present[1] if len(present) > 1 else "cpu")
    if name not in present and not (name == "cuda" and "cuda:0" in present):
        raise BackendError(f"There is no device {name!r} here; torch finds {', '.join(present)}.")
    return torch.device(name)


def _choose_dtype(name: str | None, device: torch.device) -> torch.dtype:
    if name == "int8":
        raise InvalidInputError("dtype='int8' needs backend='onnx'. The torch backend runs 'float32' instead.")
    if name is not None and name not in _DTYPES:
        raise InvalidInputError(f"dtype must be one of {', '.join(_DTYPES)} with the torch backend; got {name!r}.")
    if name is not None:
        return _DTYPES[name]
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _is_download(attention: str) -> bool:
    # Transformers takes a name with a slash for a repository of the hub, and a kernel of the hub in
    # place of a package for flash attention that is not installed.
    if "/" in attention:
        return True
    package = _FLASH_ATTENTION.get(attention)
    return "flash_attention" in attention and (package is None or find_spec(package) is None)


def _load_with_attention(checkpoint: Checkpoint, name: str | None) -> Network:
    if name is None:
        return load_network(checkpoint)
    if _is_download(name):
        raise InvalidInputError(
            f"attention={name!r} would download code and run it, which this package never does. "
            f"Use 'eager' or 'sdpa', or install flash-attn for 'flash_attention_2'."
        )
    network = load_network(checkpoint)
    try:
        if not _can_change_attention(network.backbone):
            network = load_network(checkpoint, name)
        network.backbone.set_attn_implementation(name)
        if network.backbone.config._attn_implementation != name:
            raise ValueError("this version of Transformers has no such implementation")
    except (CheckpointError, ValueError, ImportError, RuntimeError, AttributeError) as error:
        raise InvalidInputError(
            f"attention={name!r} is not available here for the encoder "
            f"{network.family.model_type!r}: {error}. Leave it out, or use 'eager'."
        ) from error
    return network


def _can_change_attention(encoder: Any) -> bool:
    # Some encoders of Transformers 4 choose it when they are built, and only log a warning when it
    # is set later.
    can_change = getattr(encoder, "_can_set_attn_implementation", None)
    return can_change is None or bool(can_change())
