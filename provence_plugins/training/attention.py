"""Attention for training on a CPU: plain products, which there are faster than torch's fused kernel."""

from typing import Any

from provence_plugins.errors import needs_extra

with needs_extra("train"):
    import torch
    from torch import Tensor, nn
    from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
    from transformers.masking_utils import sdpa_mask

_NAME = "provence_plain"


def attend_plainly(encoder: PreTrainedModel) -> None:
    """Make an encoder compute attention as two products and a softmax in the precision of its states."""
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    encoder.set_attn_implementation(_NAME)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    # Autocast would copy all scores to float32; the softmax adds up in float32 inside anyway.
    with torch.autocast(scores.device.type, enabled=False):
        weights = scores.softmax(-1)
    weights = nn.functional.dropout(weights, dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), None
