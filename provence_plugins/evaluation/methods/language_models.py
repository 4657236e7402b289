"""Selective Context: keep what a language model finds surprising, whatever the question."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one
from provence_plugins.model.foreign_folder import require_no_code

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Longer parts cost much and tell little more about a sentence.
_LONGEST = 1024


class _LanguageModel(NamedTuple):
    tokenizer: "PreTrainedTokenizerBase"
    network: "PreTrainedModel"
    max_tokens: int


def selective_context(folder: str | Path) -> Method:
    """Return the mean self-information, in nats, of a sentence's tokens under a language model (arXiv 2310.06201).

    The question is not read, and every passage has relevance 0. Texts longer than the model's limit are read in parts.

    Args:
        folder: A causal language model with a fast tokenizer, in the layout of Transformers.

    Raises:
        MissingExtraError: The packages torch and transformers are not installed.
        InvalidInputError: There is no such model in the folder.
    """
    model = _load(folder)

    def score(passage: SplitPassage) -> PassageScores:
        ends = np.array([sentence.end for sentence in passage.sentences])
        sums, counts = np.zeros(len(ends)), np.zeros(len(ends))
        for last_character, information in _self_information(model, passage.example.passage.text):
            owner = np.searchsorted(ends, last_character, side="right")
            sums[owner] += information
            counts[owner] += 1
        return PassageScores(0.0, (sums / np.maximum(counts, 1)).astype(np.float32))

    return one_by_one(score)


def _load(folder: str | Path) -> _LanguageModel:
    with needs_extra("torch"):
        from transformers import AutoModelForCausalLM, AutoTokenizer
    try:
        if not Path(folder).is_dir():
            raise FileNotFoundError("there is no such folder")
        require_no_code(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        network = AutoModelForCausalLM.from_pretrained(str(folder), dtype="float32").train(False)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"Cannot open {folder} as a causal language model: {error}. Name a folder that holds one."
        ) from error
    if not tokenizer.is_fast:
        raise InvalidInputError(
            f"The tokenizer of {folder} is not a fast one, which tells the offsets of its tokens. Add a tokenizer.json."
        )
    return _LanguageModel(
        tokenizer, network, min(getattr(network.config, "max_position_embeddings", _LONGEST), _LONGEST)
    )


def _self_information(model: _LanguageModel, text: str) -> Iterator[tuple[int, float]]:
    """Yield the place of each token's last character, and the token's self-information.

    The first token of a text is predicted from the token that begins texts; without such a token it has no value.
    """
    import torch

    encoded = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    begin = model.tokenizer.bos_token_id
    start = [] if begin is None else [begin]
    step = model.max_tokens - len(start)
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


def _cross_entropy(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    highest = logits.max(axis=1)
    normal = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return np.asarray(normal - logits[np.arange(len(targets)), targets], dtype=np.float32)
