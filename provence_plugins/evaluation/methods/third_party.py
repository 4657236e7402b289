"""Pruners with their own code: the package llmlingua, and code in an OpenProvence folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.evaluation.methods.method import Method, SplitPassage, one_by_one
from provence_plugins.model.foreign_folder import require_no_code

# The default threshold of OpenProvence's `process`.
OPEN_PROVENCE_THRESHOLD = 0.1

FloatArray = npt.NDArray[np.float64]

# Shares of words that LLMLingua-2 is asked to keep, one run for each.
_RATES = tuple(rate / 10 for rate in range(1, 10))

# The next word begins within this many characters.
_NEARBY = 20

# Separators of words and labels in its output; characters that no text holds.
_WORD_END, _LABEL_START = "\x1e", "\x1f"


def llmlingua2(folder: str | Path) -> Method:
    """Return LLMLingua-2 (arXiv 2403.12968) on the CPU; it does not read the question.

    It deletes words at a given rate. A word's score is the share of the rates from 10 to 90 % at
    which it is kept, a sentence's score the mean over its words. Whether a sentence without some of
    its words is still useful is not measured.

    Args:
        folder: A token classifier as Transformers saves it. The package chooses the tokenizer by
            the folder's name, which must hold "xlm-roberta-large" or
            "bert-base-multilingual-cased".

    Raises:
        MissingExtraError: The package llmlingua is not installed.
        InvalidInputError: The folder cannot be used.
    """
    with needs_extra("eval-llmlingua"):
        from llmlingua import PromptCompressor
    require_no_code(Path(folder))
    try:
        compressor = PromptCompressor(
            str(folder), device_map="cpu", use_llmlingua2=True, model_config={"trust_remote_code": False}
        )
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"LLMLingua-2 cannot open {folder}: {error}. Name the folder of its token classifier."
        ) from error

    def kept_words(text: str, rate: float) -> list[tuple[str, bool]]:
        answer = compressor.compress_prompt_llmlingua2(
            [text], rate=rate, return_word_label=True, word_sep=_WORD_END, label_sep=_LABEL_START
        )["fn_labeled_original_prompt"]
        pairs = [word.split(_LABEL_START) for word in answer.split(_WORD_END) if word]
        return [(word, label == "1") for word, label in pairs]

    def score(passage: SplitPassage) -> PassageScores:
        text = passage.example.passage.text
        shares = np.zeros(len(passage.sentences))
        if text.strip():
            for rate in _RATES:
                shares += _share_of_words(passage, kept_words(text, rate)) / len(_RATES)
        return PassageScores(0.0, shares.astype(np.float32))

    return one_by_one(score)


def open_provence(folder: str | Path, *, trust_remote_code: bool) -> Method:
    """Return OpenProvence's `process`, run from the module in its folder, with our sentences.

    Args:
        folder: A model folder with its code.
        trust_remote_code: Whether that code may run in this process; it must be True.

    Raises:
        MissingExtraError: The packages torch and transformers are not installed.
        InvalidInputError: The code may not run, or the folder cannot be used.
    """
    if not trust_remote_code:
        raise InvalidInputError(
            f"The method open-provence runs Python code from {folder}. Read that code, then set "
            f"trust_remote_code=True (--trust-remote-code on the command line), or use "
            f"model:{folder}, which runs none."
        )
    with needs_extra("torch"):
        from transformers import AutoModel
    try:
        model = AutoModel.from_pretrained(str(folder), trust_remote_code=True).train(False)
    except Exception as error:  # third-party code may raise anything
        raise InvalidInputError(
            f"Cannot open {folder} with its own code: {type(error).__name__}: {error}. It may need "
            f"another version of transformers, such as one before 5."
        ) from error

    def score(passage: SplitPassage) -> PassageScores:
        # Its code skips blank sentences.
        read = [bool(text.strip()) for text in passage.texts]
        probabilities = np.zeros(len(read), dtype=np.float32)
        if not any(read):
            return PassageScores(0.0, probabilities)
        title = passage.example.passage.title
        result = model.process(
            passage.example.question,
            [[text for text in passage.texts if text.strip()]],
            title=[title] if title else None,
            zero_score_when_empty=False,
            show_progress=False,
            return_sentence_metrics=True,
        )
        # The sentences of the title come first.
        probabilities[read] = result["sentence_probabilities"][0][-sum(read) :]
        return PassageScores(float(result["reranking_score"][0] or 0.0), probabilities)

    return one_by_one(score)


def _share_of_words(passage: SplitPassage, words: Sequence[tuple[str, bool]]) -> FloatArray:
    """Return the share of words that are kept of each sentence; 0 for one without words."""
    ends = [sentence.end for sentence in passage.sentences]
    kept, total = np.zeros(len(ends)), np.zeros(len(ends))
    for place, is_kept in _find_words(passage.example.passage.text.lower(), words):
        owner = min(int(np.searchsorted(ends, place, side="right")), len(ends) - 1)
        total[owner] += 1
        kept[owner] += is_kept
    return kept / np.maximum(total, 1)


def _find_words(text: str, words: Sequence[tuple[str, bool]]) -> Iterator[tuple[int, bool]]:
    """Yield the place of each word in a text in lower case, and whether it is kept.

    Words that the tokenizer spells differently from the text are skipped. The next word is searched
    nearby only, because a frequent word would otherwise be found at a later place.
    """
    read = missed = 0
    for word, is_kept in words:
        place = text.find(word.lower(), read, read + len(word) + _NEARBY * (1 + missed))
        if place < 0:
            missed += 1
        else:
            yield place, is_kept
            read, missed = place + len(word), 0
