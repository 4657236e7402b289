"""Labels softened by what a sentence encoder already knows.

An answer span says which sentence holds the answer; it does not say which other sentences are about
the question, and a network that is trained on spans alone forgets what its encoder knew of that.
Here the log-odds of a label and the cosine of question and sentence, from the encoder as it was
before training, are added up, and their sigmoid is what the network learns. After knowledge
distillation (arXiv 1503.02531), with the labels inside the teacher.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

from provence_plugins.errors import needs_extra
from provence_plugins.model.tokenizer_file import read_tokenizer
from provence_plugins.tokens.batches import iter_batches
from provence_plugins.training.acceleration import use_plain_attention
from provence_plugins.training.losses import Targets
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.settings import SoftLabelSettings

with needs_extra("train"):
    import torch
    from torch import Tensor
    from torch.nn import functional

    from provence_plugins.model.loading import load_encoder

_MAX_TOKENS = 256
_MAX_BATCH_TOKENS = 4096


class SoftLabels:
    """Mixes labels with the cosines of a sentence encoder.

    Args:
        folder: The encoder's folder, with its `tokenizer.json`; its token states are averaged.
        settings: How label and cosine are weighed.
        device: Where the encoder runs.
        autocast: Whether it runs in bfloat16.
    """

    def __init__(
        self,
        folder: Path,
        settings: SoftLabelSettings,
        device: torch.device,
        autocast: bool,
    ) -> None:
        self._settings = settings
        self._autocast = autocast
        self._tokenizer = read_tokenizer(folder)
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.no_padding()
        self._encoder = load_encoder(folder).to(device)  # type: ignore[arg-type]  # the stub of Transformers loses the signature
        if device.type == "cpu":
            use_plain_attention(self._encoder)
        # Passages come back with other questions and in later epochs; in half precision a sentence
        # takes under 1 kB.
        self._vectors: dict[str, Tensor] = {}

    def soften(self, items: Sequence[LabelledWindow], targets: Targets) -> Targets:
        """Replace hard labels by soft ones; a window takes the similarity of its best sentence.

        Args:
            items: The windows of a batch.
            targets: Their hard labels. Relevance from a teacher is mixed with the similarity by
                `similarity_share`; a window without an answer keeps its label where only those
                with one are softened.
        """
        settings = self._settings
        soft = torch.tensor([item.positive or not settings.answers_only for item in items])
        mixed = targets.from_teacher & (settings.similarity_share > 0)
        is_read = (soft | mixed).tolist()
        texts: list[str] = []
        for item in compress(items, is_read):
            texts += [item.question, *item.sentences]
        self._remember(texts)
        cosines = []
        for item, read in zip(items, is_read, strict=True):
            cosines.append(self._cosines(item) if read else torch.zeros(len(item.sentences)))
        labelled = [row for row, item in zip(cosines, items, strict=True) if item.has_labels]
        of_sentences = self._mix(targets.keep, torch.cat([torch.empty(0), *labelled]).to(targets.keep))
        nearest = torch.stack([row.max() for row in cosines]).to(targets.relevance)
        of_windows = self._mix(targets.relevance, nearest)
        of_teacher = torch.lerp(targets.relevance, self._log_odds(nearest), settings.similarity_share)
        relevance = torch.where(soft & ~targets.from_teacher, of_windows, targets.relevance)
        if settings.passage_weight:
            relevance = torch.where(targets.from_teacher, relevance, self._of_passages(items, targets.relevance))
        return replace(
            targets,
            keep=torch.where(soft[targets.row], of_sentences, targets.keep),
            relevance=torch.where(mixed, of_teacher, relevance),
        )

    def _of_passages(self, items: Sequence[LabelledWindow], labels: Tensor) -> Tensor:
        """Return relevance softened by the cosines of question and whole passage.

        A passage is more than its sentences: over web pages the cosine of the whole ranks far
        better than that of the nearest sentence.
        """
        questions = [item.question for item in items]
        passages = [" ".join(item.sentences) for item in items]
        self._remember(questions)
        of_passages = self._read(passages)
        cosines = [
            (self._vectors[question] @ vector).float() for question, vector in zip(questions, of_passages, strict=True)
        ]
        return self._mix(labels, torch.stack(cosines).to(labels), self._settings.passage_weight)

    def _mix(self, labels: Tensor, cosines: Tensor, weight: float | None = None) -> Tensor:
        sided = (2.0 * labels - 1.0) * self._settings.confidence
        return torch.sigmoid(sided + self._log_odds(cosines, weight))

    def _log_odds(self, cosines: Tensor, weight: float | None = None) -> Tensor:
        return (self._settings.weight if weight is None else weight) * (cosines - self._settings.neutral)

    def _cosines(self, item: LabelledWindow) -> Tensor:
        sentences = torch.stack([self._vectors[text] for text in item.sentences])
        return (sentences @ self._vectors[item.question]).float()

    def _remember(self, texts: Iterable[str]) -> None:
        new = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        self._vectors.update(zip(new, self._read(new), strict=True))

    def _read(self, texts: Sequence[str]) -> list[Tensor]:
        """Return the vector of each text."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        vectors: dict[int, Tensor] = {}
        for rows in iter_batches([len(row) for row in ids], max_batch_tokens=_MAX_BATCH_TOKENS):
            vectors.update(zip(rows, self._encode([ids[row] for row in rows]), strict=True))
        return [vectors[row] for row in range(len(texts))]

    def _encode(self, rows: Sequence[Sequence[int]]) -> Iterator[Tensor]:
        device = self._encoder.device
        length = max(map(len, rows))
        ids = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows], device=device)
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=device)
        with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._autocast):
            states = self._encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        means = (states * weights).sum(1) / weights.sum(1)
        return iter(functional.normalize(means, dim=-1).half().cpu())
