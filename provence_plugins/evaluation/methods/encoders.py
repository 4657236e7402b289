"""Sentence encoders and cross-encoders as methods, run by sentence-transformers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.evaluation.methods.method import (
    Method,
    SplitPassage,
    from_sentence_scores,
    one_by_one,
)
from provence_plugins.model.foreign_folder import require_no_code

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FloatArray = npt.NDArray[np.float32]


def embeddings(folder: str | Path) -> Method:
    """Return the cosine of the vectors of question and sentence; of passages, that of the whole.

    A passage without sentences has relevance 0. A whole passage ranks far better than its best
    sentence, and is what a bi-encoder compares in a search. Of the sentences, this is RECOMP's
    extractive compressor (arXiv 2310.04408) with any encoder.

    Args:
        folder: What `SentenceTransformer` can open; a bare encoder's token states are averaged.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
        UnsafeCheckpointError: A file of the folder names code to run.
    """
    encoder = load_encoder(folder)

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        questions = encode(encoder, [passage.example.question for passage in passages])
        vectors = encode(encoder, [text for passage in passages for text in passage.texts])
        owners = np.repeat(np.arange(len(passages)), [len(passage.sentences) for passage in passages])
        found = from_sentence_scores(passages, np.sum(vectors * questions[owners], axis=1))
        wholes = encode(encoder, [passage.example.passage.text for passage in passages])
        cosines = np.sum(wholes * questions, axis=1)
        return [
            replace(scores, relevance=float(cosine)) if len(scores.probabilities) else scores
            for scores, cosine in zip(found, cosines, strict=True)
        ]

    return score


def late_chunking(folder: str | Path) -> Method:
    """Return the cosine of the question and each sentence's mean state, in one pass.

    A sentence's vector then knows its context (arXiv 2409.04701). A passage longer than the
    encoder's limit is read in parts.

    Args:
        folder: As for `embeddings`; the encoder must average its token states and have a fast
            tokenizer.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
        UnsafeCheckpointError: A file of the folder names code to run.
    """
    encoder = load_encoder(folder)

    def score(passage: SplitPassage) -> PassageScores:
        [question] = encode(encoder, [passage.example.question])
        vectors = _vectors_in_context(encoder, passage, width=len(question))
        return from_sentence_scores([passage], vectors @ question)[0]

    return one_by_one(score)


def cross_encoder(folder: str | Path) -> Method:
    """Return a cross-encoder's score of each sentence with the question (DSLR, arXiv 2407.03627).

    Args:
        folder: What `CrossEncoder` can open, with one score for a pair.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no such model in the folder.
        UnsafeCheckpointError: A file of the folder names code to run.
    """
    with needs_extra("train"):
        from sentence_transformers import CrossEncoder
    _check_folder(folder, "cross-encoder")
    try:
        model = CrossEncoder(str(folder), device="cpu")
    except (OSError, ValueError) as error:
        raise _unusable(folder, "cross-encoder", error) from error
    if model.num_labels != 1:
        raise InvalidInputError(
            f"The cross-encoder {folder} gives {model.num_labels} scores for a pair. Name a reranker, which gives one."
        )

    def score(passages: Sequence[SplitPassage]) -> list[PassageScores]:
        pairs = [(passage.example.question, text) for passage in passages for text in passage.texts]
        scores = model.predict(pairs, show_progress_bar=False) if pairs else np.zeros(0)
        return from_sentence_scores(passages, scores)

    return score


def load_encoder(folder: str | Path, device: str = "cpu") -> "SentenceTransformer":
    """Load the sentence encoder of a folder onto a device.

    Raises:
        MissingExtraError: The package sentence-transformers is not installed.
        InvalidInputError: There is no encoder in the folder.
        UnsafeCheckpointError: A file of the folder names code to run.
    """
    with needs_extra("train"):
        from sentence_transformers import SentenceTransformer
    _check_folder(folder, "sentence encoder")
    try:
        return SentenceTransformer(str(folder), device=device)
    except (OSError, ValueError) as error:
        raise _unusable(folder, "sentence encoder", error) from error


def encode(encoder: "SentenceTransformer", texts: Sequence[str]) -> FloatArray:
    """Return vectors of length 1, of shape (texts, width)."""
    if not texts:
        return np.zeros((0, 1), dtype=np.float32)
    vectors = encoder.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32)


def _vectors_in_context(
    encoder: "SentenceTransformer",
    passage: SplitPassage,
    *,
    width: int,
) -> FloatArray:
    """Return a vector of length 1 for each sentence; zeros for one without tokens."""
    ends = np.array([sentence.end for sentence in passage.sentences])
    sums = np.zeros((len(ends), width), dtype=np.float32)
    for first, last in _parts(encoder, passage):
        start, end = passage.sentences[first].start, passage.sentences[last - 1].end
        text = passage.example.passage.text[start:end]
        states = encoder.encode(text, output_value="token_embeddings", show_progress_bar=False)
        bounds = _offsets(encoder, text)[: len(states)]
        # Special tokens cover nothing. A token belongs to the sentence that holds its last
        # character, as in the engine.
        rows = np.flatnonzero(bounds[:, 1] > bounds[:, 0])
        owners = np.searchsorted(ends, start + bounds[rows, 1] - 1, side="right")
        np.add.at(sums, owners, np.asarray(states, dtype=np.float32)[rows])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def _parts(encoder: "SentenceTransformer", passage: SplitPassage) -> Iterator[tuple[int, int]]:
    """Yield runs of whole sentences that fit the encoder; one that is too long is cut off."""
    sizes = [len(_offsets(encoder, text)) for text in passage.texts]
    first, tokens = 0, 0
    for number, size in enumerate(sizes):
        if number > first and tokens + size > (encoder.max_seq_length or np.inf):
            yield first, number
            first, tokens = number, 0
        tokens += size
    if sizes:
        yield first, len(sizes)


def _offsets(encoder: "SentenceTransformer", text: str) -> npt.NDArray[np.int64]:
    """Return start and end of each token, special tokens included, of shape (tokens, 2)."""
    encoded = encoder.tokenizer(text, return_offsets_mapping=True, verbose=False)
    return np.array(encoded["offset_mapping"], dtype=np.int64).reshape(-1, 2)


def _check_folder(folder: str | Path, kind: str) -> None:
    if not Path(folder).is_dir():
        raise _unusable(folder, kind, FileNotFoundError("there is no such folder"))
    require_no_code(Path(folder))


def _unusable(folder: str | Path, kind: str, error: Exception) -> InvalidInputError:
    return InvalidInputError(f"Cannot open {folder} as a {kind}: {error}. Name a folder that holds one.")
