"""Losses of the keep head and of the relevance head, and their targets."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from provence_plugins.errors import needs_extra
from provence_plugins.training.sampling import LabelledWindow

with needs_extra("train"):
    import torch
    from torch import Tensor
    from torch.nn import functional

    from provence_plugins.training.acceleration import send


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels of one padded batch.

    Attributes:
        tokens: Positions, counted through the rows of the padded batch, of the tokens with a label, of
            shape (tokens,). They are found before the labels go to a GPU, which would have to be
            waited for to learn how many there are.
        sentence: Number, counted through the batch, of the sentence of each of these tokens.
        row: Row of the batch that holds each sentence, of shape (sentences,).
        keep: Probability that each sentence should stay, of shape (sentences,); 0 or 1 as the data
            says, or softened.
        relevance: Probability that the row answers the question, or the teacher's raw score, of
            shape (rows,).
        from_teacher: Which rows hold a teacher's score, of shape (rows,).
        marked: 1 for those of these tokens that people annotated as answer or evidence, 0 for others.
        silver: Probability with which a teacher keeps each sentence, of shape (sentences,); 0 where
            it was not asked.
        silver_share: Share of the teacher in the label of each sentence, from 0 to 1, of shape
            (sentences,).
    """

    tokens: Tensor
    sentence: Tensor
    row: Tensor
    keep: Tensor
    relevance: Tensor
    from_teacher: Tensor
    marked: Tensor
    silver: Tensor
    silver_share: Tensor

    def with_silver(self) -> "Targets":
        """Return the targets whose labels of sentences are mixed with those of the teacher.

        Cross-entropy is linear in the label, so this is the loss on both with the two shares as
        weights.
        """
        return replace(self, keep=torch.lerp(self.keep, self.silver, self.silver_share))

    def to(self, device: torch.device) -> "Targets":
        """Return the same labels on a device."""
        return Targets(*(send(getattr(self, entry.name), device) for entry in fields(self)))

    def of_tokens(self, scores: Tensor) -> Tensor:
        """Return the scores of the tokens with a label, of shape (tokens,).

        Args:
            scores: Of shape (rows, length).
        """
        # Their gradients are added up without sorting the positions, unlike those of indexing by brackets.
        return scores.flatten().index_select(0, self.tokens).float()


def make_targets(
    items: Sequence[LabelledWindow],
    length: int | None = None,
    *,
    silver_weight: float = 0.0,
) -> Targets:
    """Lay the labels of windows out as the batch lays out their tokens.

    Args:
        items: The windows.
        length: Length of the rows; None for that of the longest window.
        silver_weight: Share of the teacher where people labelled the sentences too.
    """
    length = length or max(len(item.window.ids) for item in items)
    sentence = np.full((len(items), length), -1, dtype=np.int64)
    marked = np.zeros((len(items), length), dtype=np.float32)
    keep: list[float] = []
    silver: list[float] = []
    shares: list[float] = []
    rows: list[int] = []
    for row, item in enumerate(items):
        marked[row, list(item.marked)] = 1.0
        if not item.has_labels:
            continue
        size = len(item.window.sentences)
        labels, given = item.keep or (False,) * size, item.silver or (0.0,) * size
        share = _silver_share(item, silver_weight)
        for (_, start, end), label, probability in zip(item.window.sentences, labels, given, strict=True):
            sentence[row, start:end] = len(keep)
            keep.append(float(label))
            silver.append(probability)
            shares.append(share)
            rows.append(row)
    tokens = np.flatnonzero(sentence >= 0)
    return Targets(
        tokens=torch.from_numpy(tokens),
        sentence=torch.from_numpy(sentence.ravel()[tokens]),
        row=torch.tensor(rows, dtype=torch.long),
        keep=torch.tensor(keep),
        relevance=torch.tensor([item.relevance for item in items]),
        from_teacher=torch.tensor([item.teacher is not None for item in items]),
        marked=torch.from_numpy(marked.ravel()[tokens]),
        silver=torch.tensor(silver),
        silver_share=torch.tensor(shares),
    )


def _silver_share(item: LabelledWindow, weight: float) -> float:
    if item.silver is None:
        return 0.0
    if item.keep is None:
        return 1.0
    return weight


def keep_loss(
    keep_logits: Tensor,
    targets: Targets,
    *,
    token_weight: float = 1.0,
    sentence_weight: float,
    contrast_weight: float = 0.0,
) -> Tensor:
    """Compute the cross-entropy of token probabilities plus that of their sentence means.

    Args:
        keep_logits: Keep scores, of shape (rows, length).
        targets: Labels of the batch.
        token_weight: Weight of the loss on tokens.
        sentence_weight: Weight of the loss on sentence means.
        contrast_weight: Weight of `_contrast`, the loss on how the sentences of a passage compare.

    Returns:
        A scalar; 0 when no token of the batch has a label.
    """
    if not len(targets.tokens):
        return keep_logits.sum() * 0.0
    logits, numbers = targets.of_tokens(keep_logits), targets.sentence
    token_loss = functional.binary_cross_entropy_with_logits(logits, targets.keep[numbers])
    sums = torch.zeros_like(targets.keep).index_add(0, numbers, torch.sigmoid(logits))
    counts = torch.zeros_like(targets.keep).index_add(0, numbers, torch.ones_like(logits))
    means = (sums / counts).clamp(1e-6, 1 - 1e-6)
    sentence_loss = functional.binary_cross_entropy(means, targets.keep)
    loss = token_weight * token_loss + sentence_weight * sentence_loss
    if contrast_weight:
        loss = loss + contrast_weight * _contrast(means, targets)
    return loss


def _contrast(means: Tensor, targets: Targets) -> Tensor:
    """Compute the cross-entropy of each sentence's share of probability and of labels.

    It compares the sentences of one passage only; cross-entropy sentence by sentence mostly learns
    to tell answers from negatives. Both have their minimum where probabilities equal the labels.
    Passages without an answer are skipped, because the similarity of their sentences to the
    question gives an order that is not worth learning.
    """
    zeros = torch.zeros(len(targets.from_teacher), device=means.device)
    best = zeros.scatter_reduce(0, targets.row, targets.keep, "amax")
    answering = (best > 0.5)[targets.row]

    def shares(values: Tensor) -> Tensor:
        sums = zeros.index_add(0, targets.row, values).index_select(0, targets.row)
        # Shares of nothing would be NaN, and so would their gradients.
        return values / torch.where(answering, sums, 1.0)

    crossed = shares(targets.keep) * shares(means).log()
    answered: Tensor = (best > 0.5).sum().clamp(min=1)
    return -torch.where(answering, crossed, 0.0).sum() / answered


def mark_loss(mark_logits: Tensor, targets: Targets) -> Tensor:
    """Compute the cross-entropy of the annotated tokens of labelled sentences.

    A sentence label is one bit; the annotated words tell why the sentence holds the answer. A head
    that predicts them from the encoder's states teaches the encoder to look for them, and is
    discarded after training.

    Args:
        mark_logits: Scores of shape (rows, length).
        targets: Labels of the batch.

    Returns:
        A scalar; 0 when no token of the batch has a label.
    """
    if not len(targets.tokens):
        return mark_logits.sum() * 0.0
    return functional.binary_cross_entropy_with_logits(targets.of_tokens(mark_logits), targets.marked)


def ranking_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Compute the squared distance to the teacher's score, else cross-entropy with the label.

    Args:
        logits: Raw relevance, of shape (rows,).
        targets: Labels of the batch.
    """
    logits = logits.float()
    squared = (logits - targets.relevance) ** 2
    flags = torch.where(targets.from_teacher, 0.0, targets.relevance)
    crossed = functional.binary_cross_entropy_with_logits(logits, flags, reduction="none")
    return torch.where(targets.from_teacher, squared, crossed).mean()
