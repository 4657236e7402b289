"""The similarity of question and passage, as a second opinion on a teacher's relevance.

A pruner is trained on passages that a search found for one question, so it knows little about how
passages of any origin compare. A sentence encoder was trained on that: over web pages the mean of
both ranks better than either.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from provence_plugins.data.silver import raw_score
from provence_plugins.errors import needs_extra
from provence_plugins.evaluation.methods.encoders import encode, load_encoder
from provence_plugins.labelling.pairs import Pair

NEUTRAL = 0.4
"""Cosine that speaks neither for nor against a passage."""

_DECIMALS = 5


class SimilarityMixer:
    """Mixes a teacher's relevance with the cosine of question and whole passage.

    Args:
        folder: What `SentenceTransformer` can open; a bare encoder's token states are averaged.
        weight: Log-odds that a cosine of 1 adds to one of 0.
        device: Where the encoder runs, as for a teacher: of several devices the first; None takes
            the first GPU, or the CPU if there is none.

    Raises:
        BackendError: Torch finds no such device.
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
        UnsafeCheckpointError: A file of the folder names code to run.
    """

    def __init__(self, folder: str | Path, weight: float, device: str | None = None) -> None:
        with needs_extra("train"):
            from provence_plugins.model.torch_backend import choose_device
        first = device.split(",")[0] if device else None
        self._encoder = load_encoder(folder, str(choose_device(first)))
        self._weight = weight

    def mix(self, pairs: Sequence[Pair], probabilities: Sequence[float]) -> list[float]:
        """Return for each pair the mean of the teacher's log-odds and those of the cosine.

        Args:
            pairs: Questions and passages. The title is not read.
            probabilities: The teacher's relevance of each pair, from 0 to 1.
        """
        questions = encode(self._encoder, [pair.question for pair in pairs])
        passages = encode(self._encoder, [pair.passage.text for pair in pairs])
        cosines = np.sum(questions * passages, axis=1)
        mixed = []
        for probability, cosine in zip(probabilities, cosines, strict=True):
            of_cosine = self._weight * (float(cosine) - NEUTRAL)
            mixed.append(round((raw_score(probability) + of_cosine) / 2.0, _DECIMALS))
        return mixed
