"""Selective Context: keep what a language model finds surprising, whatever the question."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one
from provence_plugins.readers.hf_reader import LanguageModel, load_language_model

# Longer parts cost much and tell little more about a sentence.
_LONGEST = 1024


def selective_context(folder: str | Path) -> Method:
    """Return the mean self-information of a sentence's tokens, in nats (arXiv 2310.06201).

    The question is not read, and every passage has relevance 0. Texts longer than the model's limit
    are read in parts.

    Args:
        folder: A causal language model with a fast tokenizer, as Transformers saves it.

    Raises:
        MissingExtraError: The packages torch and transformers are not installed.
        InvalidInputError: There is no such model in the folder.
    """
    model = load_language_model(folder)

    def score(passage: SplitPassage) -> PassageScores:
        ends = np.array([sentence.end for sentence in passage.sentences])
        sums, counts = np.zeros(len(ends)), np.zeros(len(ends))
        for last_character, information in _self_information(model, passage.example.passage.text):
            owner = np.searchsorted(ends, last_character, side="right")
            sums[owner] += information
            counts[owner] += 1
        return PassageScores(0.0, (sums / np.maximum(counts, 1)).astype(np.float32))

    return one_by_one(score)


def _self_information(model: LanguageModel, text: str) -> Iterator[tuple[int, float]]:
    """Yield the place of each token's last character, and the token's self-information.

    The first token of a text is predicted from the token that begins texts; without such a token it
    has no value.
    """
    import torch

    encoded = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    begin = model.tokenizer.bos_token_id
    start = [] if begin is None else [begin]
    step = min(model.max_tokens, _LONGEST) - len(start)
    for first in range(0, len(ids), step):
        part = [*start, *ids[first : first + step]]
        if len(part) < 2:
            continue
        with torch.inference_mode():
            logits = model.network(torch.tensor([part])).logits[0, :-1]
        nats = _cross_entropy(logits.float().numpy(), np.array(part[1:]))
        unread = 1 - len(start)
        for place, value in enumerate(nats.tolist(), start=first + unread):
            yield offsets[place][1] - 1, value


def _cross_entropy(
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    highest = logits.max(axis=1)
    normal = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return np.asarray(normal - logits[np.arange(len(targets)), targets], dtype=np.float32)
