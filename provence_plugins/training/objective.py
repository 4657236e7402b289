"""The objective of a training step: the losses of one batch and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provence_plugins.errors import needs_extra
from provence_plugins.training.bases import find_base
from provence_plugins.training.losses import keep_loss, make_targets, mark_loss, ranking_loss
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.settings import TrainSettings
from provence_plugins.training.soft_labels import SoftLabels

with needs_extra("train"):
    import torch
    from torch import Tensor, nn

    from provence_plugins.model.network import ProvenceOutput


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of one batch, all scalars.

    Attributes:
        total: The weighted sum, which is minimised.
        keep: Loss of the keep head.
        ranking: Loss of the relevance head.
    """

    total: Tensor
    keep: Tensor
    ranking: Tensor


class Objective(nn.Module):
    """Computes the losses of a batch against its labels, softened where settings ask for it.

    Args:
        settings: The run.
        hidden_size: Size of the encoder's states.
        device: Where the network runs.
        autocast: Whether encoders run in bfloat16.
    """

    def __init__(
        self,
        settings: TrainSettings,
        hidden_size: int,
        device: torch.device,
        autocast: bool,
    ) -> None:
        super().__init__()
        self._weights = settings.optimizer
        soft = settings.soft_labels
        self._soft_labels: SoftLabels | None = None
        if soft is not None:
            self._soft_labels = SoftLabels(find_base(soft.encoder), soft, device, autocast)
        self.mark_head = nn.Linear(hidden_size, 1).to(device) if self._weights.mark_weight else None

    def forward(self, output: ProvenceOutput, items: Sequence[LabelledWindow]) -> Losses:
        """Compute the losses of a batch; `output` has a row for each of `items`."""
        assert output.keep_logits is not None
        assert output.logits is not None
        assert output.last_hidden_state is not None
        weights = self._weights
        targets = make_targets(items, output.keep_logits.shape[1], silver_weight=weights.silver_weight)
        if self._soft_labels is not None:
            targets = self._soft_labels.soften(items, targets)
        targets = targets.with_silver().to(output.keep_logits.device)
        keep = keep_loss(
            output.keep_logits,
            targets,
            token_weight=weights.token_weight,
            sentence_weight=weights.sentence_weight,
            contrast_weight=weights.contrast_weight,
        )
        ranking = ranking_loss(output.logits[:, 0], targets)
        total = keep + weights.ranking_weight * ranking
        if self.mark_head is not None:
            total = total + weights.mark_weight * mark_loss(self.mark_head(output.last_hidden_state)[..., 0], targets)
        return Losses(total, keep.detach(), ranking.detach())
