"""Published checkpoints of other projects as one network: an encoder with two heads.

Classes of this package read their safetensors; none of their code is run. The names of the tensors
are rows in `formats.py` and `families.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import CheckpointError, needs_extra
from provence_plugins.model.encoders import build_encoder
from provence_plugins.model.families import Family, RankingHead, family_of
from provence_plugins.model.formats import Format, Scoring, TensorNames

with needs_extra("torch"):
    import torch
    from torch import Tensor, nn
    from transformers.activations import ACT2FN

Shapes = Mapping[str, tuple[int, ...]]

# Buffers that older releases of Transformers stored although their content is fixed.
_FIXED_BUFFERS = ("position_ids", "token_type_ids")


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """The part of a network's configuration that backends and export read.

    Attributes:
        backbone_config: The encoder's own configuration, an object of Transformers.
        max_tokens: Longest window.
        separator_id: Id of a token between query and text.
    """

    backbone_config: Any
    max_tokens: int
    separator_id: int


class DenseHead(nn.Module):
    """Score of a text: its first token or mean, then dense layer and output layer."""

    def __init__(self, names: RankingHead, config: Any, shapes: Shapes) -> None:
        super().__init__()
        self.dense = _linear(names.dense, shapes)
        self.out = _linear(names.out, shapes)
        self.norm: nn.Module = nn.Identity()
        if names.norm is not None:
            has_bias = f"{names.norm}.bias" in shapes
            self.norm = nn.LayerNorm(self.dense.out_features, eps=config.norm_eps, bias=has_bias)
        self.activation = ACT2FN[getattr(config, names.activation_key or "", names.activation)]
        self.takes_mean = getattr(config, names.pooling_key or "", "cls") == "mean"

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return scores (rows,) of states (rows, length, hidden) under a mask (rows, length)."""
        pooled = states[:, 0]
        if self.takes_mean:
            weights = mask.to(states.dtype).unsqueeze(-1)
            pooled = (states * weights).sum(1) / weights.sum(1)
        scores: Tensor = self.out(self.norm(self.activation(self.dense(pooled))))[:, 0]
        return scores


class PublishedModel(nn.Module):
    """An encoder with the two heads of a published format.

    Args:
        names: Names of the tensors in that format.
        scoring: How the numbers of that format are read.
        config: Facts of the checkpoint.
        shapes: Names and shapes of its tensors, without the format's prefix.

    Raises:
        CheckpointError: A head is missing or has another form.
    """

    def __init__(
        self,
        names: TensorNames,
        scoring: Scoring,
        config: PublishedConfig,
        shapes: Shapes,
    ) -> None:
        super().__init__()
        self.config = config
        self.family = family_of(config.backbone_config.to_dict())
        self.scoring = scoring
        self.backbone = build_encoder(config.backbone_config)
        self.final_norm: nn.Module = nn.Identity()
        norm = self.family.final_norm
        if names.states == "before_norm" and norm is not None:
            # Taken out of the encoder, which then ends in the states that the keep head reads.
            self.final_norm = getattr(self.backbone, norm)
            setattr(self.backbone, norm, nn.Identity())
        self.relevance_head = DenseHead(names.ranking or self.family.ranking, config.backbone_config, shapes)
        self.keep_head = _linear(names.keep, shapes)
        if self.keep_head.out_features != 2:
            raise CheckpointError(
                f"The keep head {names.keep!r} has {self.keep_head.out_features} outputs; expected "
                f"2, for removing and keeping. Download the model again."
            )

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.keep_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the encoder."""
        dtype: torch.dtype = self.backbone.dtype
        return dtype

    def probabilities(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return relevance (rows,) as the format defines it, and keep (rows, length) in [0, 1]."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.family.takes_type_ids and token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        states = self.backbone(**inputs).last_hidden_state
        # The encoder may run in half precision; the heads are small, and float32 keeps close
        # probabilities apart.
        precise = self.keep_head.weight.dtype
        relevance = self.relevance_head(self.final_norm(states).to(precise), attention_mask).float()
        keep = self.keep_head(states.to(precise)).float().softmax(-1)[..., 1]
        return relevance.sigmoid() if self.scoring.relevance == "probability" else relevance, keep

    def stored_names(self, names: TensorNames, prefix: str) -> dict[str, str]:
        """Return for each tensor of this network its name in a checkpoint.

        Args:
            names: Names of the tensors in the checkpoint's format.
            prefix: Prefix of encoder and ranking head; an early checkpoint can lack the format's
                own.
        """
        ranking = names.ranking or self.family.ranking
        prefixes = {
            "backbone": f"{prefix}{self.family.prefix}",
            "final_norm": f"{prefix}{self.family.prefix}.{self.family.final_norm}",
            "relevance_head.dense": f"{prefix}{ranking.dense}",
            "relevance_head.norm": f"{prefix}{ranking.norm}",
            "relevance_head.out": f"{prefix}{ranking.out}",
            "keep_head": names.keep,
        }
        stored = {}
        for name in self.state_dict():
            part = next(part for part in prefixes if name.startswith(f"{part}."))
            stored[name] = prefixes[part] + name.removeprefix(part)
        return stored


def build_published(
    format_: Format,
    config: PublishedConfig,
    shapes: Shapes,
) -> tuple[PublishedModel, dict[str, str]]:
    """Build the network of a published checkpoint, without its weights.

    Args:
        format_: The format of the checkpoint, not this package's own.
        config: Facts of the checkpoint.
        shapes: Names and shapes of its tensors.

    Returns:
        The network, and for each of its tensors the name in the checkpoint.

    Raises:
        CheckpointError: A head is missing or has another form.
    """
    assert format_.tensors is not None
    prefix = stored_prefix(format_.tensors, shapes)
    bare = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    network = PublishedModel(format_.tensors, format_.scoring, config, bare)
    return network, network.stored_names(format_.tensors, prefix)


def stored_prefix(names: TensorNames, stored: Iterable[str]) -> str:
    """Return the prefix of encoder and ranking head in a checkpoint; some have none."""
    return names.prefix if any(name.startswith(names.prefix) for name in stored) else ""


def is_unused(name: str, names: TensorNames, family: Family) -> bool:
    """Return whether a stored tensor is known to be unused in inference."""
    return name.endswith(_FIXED_BUFFERS) or name.startswith(names.ignored) or f"{family.prefix}.pooler." in name


def _linear(name: str, shapes: Shapes) -> nn.Linear:
    shape = shapes.get(f"{name}.weight")
    if shape is None or len(shape) != 2:
        raise CheckpointError(
            f"The checkpoint has no linear layer {name!r}, so one of its heads is missing. It was "
            f"not saved in full, or a stock class dropped its heads: download it again."
        )
    return nn.Linear(shape[1], shape[0], bias=f"{name}.bias" in shapes)
