"""Load weights of any checkpoint format, or of an encoder, into a torch network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError, needs_extra
from provence_plugins.model.checkpoint import Checkpoint, open_checkpoint
from provence_plugins.model.encoder_config import known_config, require_sizes
from provence_plugins.model.encoders import build_encoder, encoder_config
from provence_plugins.model.families import Family, family_of
from provence_plugins.model.folder import (
    CONFIG,
    WEIGHTS,
    read_json,
    require_weights,
    show_error,
    show_value,
)
from provence_plugins.model.network import ProvenceConfig, ProvenceModel
from provence_plugins.model.published import (
    PublishedConfig,
    build_published,
    is_unused,
    stored_prefix,
)
from provence_plugins.model.weights import StoredTensor, read_headers
from provence_plugins.text.visible import show_on_one_line

with needs_extra("torch"):
    import torch
    from safetensors import SafetensorError, safe_open
    from torch import Tensor, nn
    from transformers import PretrainedConfig, PreTrainedModel

logger = logging.getLogger(__name__)

_NAMES_SHOWN = 3

# Keys of a native config.json that say something of the network; the encoder's own are checked
# apart.
_NATIVE_KEYS = (
    "separator_id",
    "splitter",
    "default_threshold",
    "thresholds",
    "comparison",
    "passage_comparison",
    "max_tokens",
    "calibration",
    "format_version",
)

# What BERT's authors called the two tensors of a layer norm, and encoders from before 2020 still
# do.
_OLD_NORM_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


class Network(Protocol):
    """What backends and export need of a network, this package's own or a published one."""

    # Any: a configuration and an encoder of Transformers, whose classes differ by family.
    config: Any
    backbone: Any
    family: Family

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def probabilities(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]: ...

    def train(self, mode: bool = True) -> Any: ...

    @property
    def to(self) -> Callable[..., Any]: ...  # the stub of Transformers loses the signature

    def requires_grad_(self, requires_grad: bool = True) -> Any: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def state_dict(self) -> dict[str, Tensor]: ...


def load_network(checkpoint: Checkpoint, attention: str | None = None) -> Network:
    """Load the network of a checkpoint, on the CPU, in float32 and in evaluation mode.

    Args:
        checkpoint: The checkpoint.
        attention: How the encoder computes attention; None leaves the choice to Transformers.

    Raises:
        CheckpointError: Weights are missing, damaged, or do not fit the configuration.
    """
    stored = checkpoint.tensors
    if not stored:
        raise CheckpointNotFoundError(f"The folder {checkpoint.folder} has no {WEIGHTS}. Use backend='onnx' with it.")
    _require_sizes(checkpoint, stored)
    # On the device "meta" tensors have shapes and no memory, so a configuration that does not fit
    # costs nothing.
    with torch.device("meta"):
        network, names = _build(checkpoint, stored, attention)
    _require_fit(network, names, stored, checkpoint)
    network, names = _build(checkpoint, stored, attention)
    _fill(network.state_dict(), names, stored)
    network.train(False)
    return network


def load_native(folder: Path) -> ProvenceModel:
    """Load the network of a model folder of this package's own format, to train it further.

    Raises:
        CheckpointError: The folder holds another model, or a damaged one.
    """
    network = load_network(open_checkpoint(folder))
    if not isinstance(network, ProvenceModel):
        raise CheckpointError(f"{folder} holds a model of another format. Give a folder that this package wrote.")
    return network


def load_encoder(folder: Path) -> PreTrainedModel:
    """Load a pretrained encoder without heads, on the CPU, in float32, for evaluation.

    Args:
        folder: A folder as Transformers saves it, with safetensors. Tensors of heads in it are
            ignored.

    Raises:
        CheckpointError: The folder holds no encoder of a known family, or its weights do not fit
            its configuration.
    """
    config = known_config(read_json(folder, CONFIG))
    require_weights(folder)
    stored = read_headers(folder)
    family = family_of(config)
    prefix = f"{family.prefix}."
    if not any(name.startswith(prefix) for name in stored):
        prefix = ""
    require_sizes(config, _shapes(stored), prefix)
    with torch.device("meta"):
        encoder = _build_encoder(folder, config)
    names = {name: _stored_name(prefix + name, stored) for name in encoder.state_dict()}
    _raise_faults(_faults(encoder.state_dict(), names, stored), folder)
    encoder = _build_encoder(folder, config)
    _fill(encoder.state_dict(), names, stored)
    encoder.train(False)
    return encoder


def add_fresh_heads(folder: Path, **facts: Any) -> ProvenceModel:
    """Load a pretrained encoder and put untrained heads on it.

    Args:
        folder: A folder as Transformers saves it, with safetensors.
        facts: Fields of `ProvenceConfig` other than the encoder's own configuration.

    Raises:
        CheckpointError: The folder holds no encoder of a known family, or its weights do not fit
            its configuration.
    """
    encoder = load_encoder(folder)
    network = ProvenceModel(ProvenceConfig(backbone_config=encoder.config, **facts))
    network.backbone.load_state_dict(encoder.state_dict())
    return network


def _require_sizes(checkpoint: Checkpoint, stored: Mapping[str, StoredTensor]) -> None:
    prefix = "backbone."
    if checkpoint.format.tensors is not None:
        family = family_of(checkpoint.backbone_config)
        prefix = f"{stored_prefix(checkpoint.format.tensors, stored)}{family.prefix}."
    require_sizes(checkpoint.backbone_config, _shapes(stored), prefix)


def _build(
    checkpoint: Checkpoint, stored: Mapping[str, StoredTensor], attention: str | None
) -> tuple[Network, dict[str, str]]:
    """Return the network, and for each of its tensors the checkpoint's name of it."""
    try:
        # First weights are drawn and immediately overwritten; the caller's random numbers must not
        # change.
        with torch.random.fork_rng(devices=[]):
            encoder = encoder_config(checkpoint.backbone_config)
            if checkpoint.format.is_native:
                facts = {key: checkpoint.config[key] for key in _NATIVE_KEYS if key in checkpoint.config}
                if type(facts.get("separator_id", 0)) is not int:
                    raise ValueError(f"separator_id is {show_value(facts['separator_id'])} instead of a number")
                native = ProvenceConfig(backbone_config=encoder, **facts)
                _set_attention(encoder, attention)  # not before, because a configuration resets those inside it
                network = ProvenceModel(native)
                return network, {name: name for name in network.state_dict()}
            _set_attention(encoder, attention)
            config = PublishedConfig(encoder, checkpoint.max_tokens, checkpoint.encoder.template.between[0])
            return build_published(checkpoint.format, config, _shapes(stored))
    except CheckpointError:
        raise
    except Exception as error:  # Transformers raises whatever its arithmetic on a wrong size does
        raise _no_network(checkpoint.folder, error) from error


def _set_attention(encoder: PretrainedConfig, attention: str | None) -> None:
    if attention is not None:
        encoder._attn_implementation = attention


def _build_encoder(folder: Path, config: Mapping[str, Any]) -> PreTrainedModel:
    try:
        with torch.random.fork_rng(devices=[]):
            return build_encoder(encoder_config(config))
    except Exception as error:  # as above
        raise _no_network(folder, error) from error


def _no_network(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"config.json of {folder} does not describe a network ({show_error(error)}). Download the model again."
    )


def _require_fit(
    network: Network,
    names: Mapping[str, str],
    stored: Mapping[str, StoredTensor],
    checkpoint: Checkpoint,
) -> None:
    known = set(names.values())
    unknown = [name for name in stored if name not in known]
    faults = _faults(network.state_dict(), names, stored)
    if checkpoint.format.tensors is None:
        faults["unexpected"] = unknown
    else:
        unknown = [name for name in unknown if not is_unused(name, checkpoint.format.tensors, network.family)]
        if unknown:
            logger.warning("%s holds tensors that are not read: %s", checkpoint.folder, _listed(unknown))
    _raise_faults(faults, checkpoint.folder)


def _faults(
    tensors: Mapping[str, Tensor], names: Mapping[str, str], stored: Mapping[str, StoredTensor]
) -> dict[str, list[str]]:
    """Return the tensors that are missing or of another shape, described."""
    missing, wrong = [], []
    for name, tensor in tensors.items():
        found = stored.get(names[name])
        if found is None:
            missing.append(names[name])
        elif found.shape != tuple(tensor.shape):
            wrong.append(f"{names[name]} {found.shape} instead of {tuple(tensor.shape)}")
    return {"missing": missing, "of another shape": wrong}


def _raise_faults(faults: Mapping[str, list[str]], folder: Path) -> None:
    found = "; ".join(f"{len(rows)} {fault}: {_listed(rows)}" for fault, rows in faults.items() if rows)
    if found:
        raise CheckpointError(
            f"The weights in {folder} do not fit its config.json. Tensors {found}. Download or export the model again."
        )


def _fill(
    targets: Mapping[str, Tensor],
    names: Mapping[str, str],
    stored: Mapping[str, StoredTensor],
) -> None:
    for path in sorted({tensor.path for tensor in stored.values()}):
        try:
            with safe_open(path, framework="pt") as file:
                for name, target in targets.items():
                    if stored[names[name]].path == path:
                        target.copy_(file.get_tensor(names[name]))
        except (SafetensorError, OSError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} is damaged ({show_error(error)}). Download or export the model again."
            ) from error


def _stored_name(name: str, stored: Mapping[str, StoredTensor]) -> str:
    """Return the name of a tensor in a file, which may be older than 2020."""
    for old, new in _OLD_NORM_NAMES.items():
        former = name.replace(new, old)
        if name not in stored and former in stored:
            return former
    return name


def _shapes(stored: Mapping[str, StoredTensor]) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in stored.items()}


def _listed(names: Sequence[str] | Iterable[str]) -> str:
    return show_on_one_line(", ".join(list(names)[:_NAMES_SHOWN]))
