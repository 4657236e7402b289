"""Checkpoints that others have published, as one network: an encoder, a head on the whole text, a head on each token.

Our own classes read their safetensors; no code of theirs is run. Where each tensor lies is a row in `formats.py` and
`families.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import CheckpointError, needs_extra
from provence_plugins.model.families import Family, RankingHead, family_of
from provence_plugins.model.formats import Format, Layout

with needs_extra("torch"):
    import torch
    from torch import Tensor, nn
    from transformers import AutoConfig, AutoModel
    from transformers.activations import ACT2FN

Shapes = Mapping[str, tuple[int, ...]]

# Tables that older releases of Transformers stored although they can be counted up.
_COUNTED = ("position_ids", "token_type_ids")


@dataclass(frozen=True, slots=True)
class PublishedConfig:
    """What backends and export ask of a network's configuration.

    Attributes:
        backbone_config: The encoder's own, as Transformers has it.
        max_tokens: Longest window.
        separator_id: Id of a token that parts query from text.
    """

    backbone_config: Any
    max_tokens: int
    separator_id: int


class DenseHead(nn.Module):
    """Score of a text: its first token, or its mean, through dense layer, activation and output layer."""

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
        """Scores of shape (rows,) for states (rows, length, hidden) under a mask (rows, length)."""
        pooled = states[:, 0]
        if self.takes_mean:
            weights = mask.to(states.dtype).unsqueeze(-1)
            pooled = (states * weights).sum(1) / weights.sum(1)
        scores: Tensor = self.out(self.norm(self.activation(self.dense(pooled))))[:, 0]
        return scores


class PublishedModel(nn.Module):
    """An encoder with the two heads of a published layout.

    Args:
        layout: The layout, one with a `Layout`.
        config: Facts of the checkpoint.
        shapes: Names and shapes of its tensors, without the layout's prefix.

    Raises:
        CheckpointError: A head is missing, or is of another form.
    """

    def __init__(self, layout: Format, config: PublishedConfig, shapes: Shapes) -> None:
        super().__init__()
        assert layout.layout is not None
        self.config = config
        self.family = family_of(config.backbone_config.to_dict())
        self.scoring = layout.scoring
        options = {"add_pooling_layer": False} if self.family.has_pooler else {}
        self.backbone = AutoModel.from_config(config.backbone_config, **options)
        self.final_norm: nn.Module = nn.Identity()
        self._reads_before_norm = layout.layout.states == "before_norm" and self.family.final_norm is not None
        if self._reads_before_norm:
            # Taken out of the encoder, which then ends in the states that the keep head reads.
            self.final_norm = getattr(self.backbone, str(self.family.final_norm))
            setattr(self.backbone, str(self.family.final_norm), nn.Identity())
        names = layout.layout.ranking or self.family.ranking
        self.relevance_head = DenseHead(names, config.backbone_config, shapes)
        self.keep_head = _linear(layout.layout.keep, shapes)
        if self.keep_head.out_features != 2:
            raise CheckpointError(
                f"The keep head {layout.layout.keep!r} has {self.keep_head.out_features} outputs; expected 2, "
                f"for removing and keeping."
            )

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.keep_head.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the encoder."""
        dtype: torch.dtype = self.backbone.dtype
        return dtype

    def probabilities(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Relevance of shape (rows,), as the layout says it, and keep in [0, 1] of shape (rows, length), in float32."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.family.takes_type_ids and token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        states = self.backbone(**inputs).last_hidden_state
        # The encoder may run in half precision; the heads are small, and float32 keeps close probabilities apart.
        precise = self.keep_head.weight.dtype
        relevance = self.relevance_head(self.final_norm(states).to(precise), attention_mask).float()
        keep = self.keep_head(states.to(precise)).float().softmax(-1)[..., 1]
        return relevance.sigmoid() if self.scoring.relevance == "probability" else relevance, keep

    def stored_names(self, layout: Layout, prefix: str) -> dict[str, str]:
        """For each tensor of this network the name that it has in a checkpoint of a layout.

        Args:
            layout: The layout.
            prefix: In front of encoder and ranking head; an old checkpoint may lack the layout's own.
        """
        ranking = layout.ranking or self.family.ranking
        homes = {
            "backbone": f"{prefix}{self.family.prefix}",
            "final_norm": f"{prefix}{self.family.prefix}.{self.family.final_norm}",
            "relevance_head.dense": f"{prefix}{ranking.dense}",
            "relevance_head.norm": f"{prefix}{ranking.norm}",
            "relevance_head.out": f"{prefix}{ranking.out}",
            "keep_head": layout.keep,
        }
        names = {}
        for name in self.state_dict():
            part = next(part for part in homes if name.startswith(f"{part}."))
            names[name] = homes[part] + name.removeprefix(part)
        return names


def build_published(layout: Format, config: PublishedConfig, shapes: Shapes) -> tuple[PublishedModel, dict[str, str]]:
    """The network of a published checkpoint, its weights still to be filled in.

    Args:
        layout: The layout that its tensors have.
        config: Facts of the checkpoint.
        shapes: Names and shapes of its tensors.

    Returns:
        The network, and for each of its tensors the name in the checkpoint.

    Raises:
        CheckpointError: A head is missing, or is of another form.
    """
    assert layout.layout is not None
    # Early OpenProvence checkpoints were written without the prefix.
    prefix = layout.layout.prefix if any(name.startswith(layout.layout.prefix) for name in shapes) else ""
    bare = {name.removeprefix(prefix): shape for name, shape in shapes.items()}
    network = PublishedModel(layout, config, bare)
    return network, network.stored_names(layout.layout, prefix)


def plays_no_part(name: str, layout: Layout, family: Family) -> bool:
    """Whether a stored tensor is known to be of no use in inference."""
    return name.endswith(_COUNTED) or name.startswith(layout.ignored) or f"{family.prefix}.pooler." in name


def _linear(name: str, shapes: Shapes) -> nn.Linear:
    shape = shapes.get(f"{name}.weight")
    if shape is None or len(shape) != 2:
        raise CheckpointError(
            f"The checkpoint has no linear layer {name!r}, so one of its heads is missing. It was cut short when it "
            f"was saved, or a stock class dropped its heads: fetch it again."
        )
    return nn.Linear(shape[1], shape[0], bias=f"{name}.bias" in shapes)


def backbone_config(values: Mapping[str, Any]) -> Any:
    """The configuration of an encoder as Transformers has it."""
    facts = dict(values)
    return AutoConfig.for_model(facts.pop("model_type"), **facts)
