"""What the network is asked to learn: which tokens stay, which sentences stay, and how relevant the text is."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from provence_plugins.errors import needs_extra
from provence_plugins.training.sampling import LabelledWindow

with needs_extra("train"):
    import torch
    from torch import Tensor
    from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of one padded batch.

    Attributes:
        sentence: Number, counted through the batch, of the sentence that each token belongs to; -1 for tokens without
            a label. Shape (rows, length).
        keep: Probability that each sentence should stay, of shape (sentences,); 0 or 1 as the data says, or softened.
        relevance: Probability that the row answers the question, or the teacher's raw score, of shape (rows,).
        from_teacher: Which rows hold a teacher's score, of shape (rows,).
    """

    sentence: Tensor
    keep: Tensor
    relevance: Tensor
    from_teacher: Tensor

    def to(self, device: torch.device) -> "Targets":
        """The same labels on a device."""
        return Targets(*(getattr(self, entry.name).to(device) for entry in fields(self)))


def make_targets(items: Sequence[LabelledWindow]) -> Targets:
    """Lay the labels of windows out as the batch lays out their tokens."""
    length = max(len(item.window.ids) for item in items)
    sentence = torch.full((len(items), length), -1, dtype=torch.long)
    keep: list[float] = []
    for row, item in enumerate(items):
        for part, label in zip(item.window.sentences, item.keep or (), strict=item.keep is not None):
            sentence[row, part.start : part.end] = len(keep)
            keep.append(float(label))
    return Targets(
        sentence=sentence,
        keep=torch.tensor(keep),
        relevance=torch.tensor([float(i.positive) if i.teacher is None else i.teacher for i in items]),
        from_teacher=torch.tensor([item.teacher is not None for item in items]),
    )


def keep_loss(keep_logits: Tensor, targets: Targets, *, sentence_weight: float) -> Tensor:
    """Cross-entropy of token probabilities, plus that of their means over sentences, which are what decides.

    Returns:
        A scalar; 0 when no token of the batch has a label.
    """
    labelled = targets.sentence >= 0
    if not labelled.any():
        return keep_logits.sum() * 0.0
    logits, numbers = keep_logits[labelled].float(), targets.sentence[labelled]
    token_loss = functional.binary_cross_entropy_with_logits(logits, targets.keep[numbers])
    sums = torch.zeros_like(targets.keep).index_add(0, numbers, torch.sigmoid(logits))
    counts = torch.zeros_like(targets.keep).index_add(0, numbers, torch.ones_like(logits))
    means = (sums / counts).clamp(1e-6, 1 - 1e-6)
    return token_loss + sentence_weight * functional.binary_cross_entropy(means, targets.keep)


def ranking_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Squared distance to the teacher's raw score where there is one, cross-entropy with the flag elsewhere.

    Args:
        logits: Raw relevance, of shape (rows,).
        targets: Labels of the batch.
    """
    logits = logits.float()
    squared = (logits - targets.relevance) ** 2
    flags = torch.where(targets.from_teacher, 0.0, targets.relevance)
    crossed = functional.binary_cross_entropy_with_logits(logits, flags, reduction="none")
    return torch.where(targets.from_teacher, squared, crossed).mean()
