"""Decide whether a model's vocabulary can read a text, by its script and its tokens."""

import re
from collections.abc import Sequence

from provence_plugins.tokens.encoding import TokenIds

# Measured on the development data with an English WordPiece vocabulary: of the letters of English
# passages at most 22 % are outside the Latin script, of those in Arabic, Persian, Chinese and
# Japanese at least 69 %.
_MOST_OTHER_LETTERS = 0.5
# Fewer letters are a name or a formula and tell nothing.
_FEWEST_LETTERS = 5
# Chinese and Japanese have 12 to 75 % unknown tokens there, English at most 3 %.
_MOST_UNKNOWN = 0.1
# Arabic and Persian fall apart into single letters: 0.92 to 1.09 letters for each token. A
# vocabulary that knows a language has two or more.
_FEWEST_LETTERS_PER_TOKEN = 1.5
# One sign is a word or half of one in these scripts; a vocabulary of bytes takes two or three
# tokens for it.
_FEWEST_SIGNS_PER_TOKEN = 0.6

_OTHER_LETTERS = re.compile("[\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3041-\ud7ff\uf900-\ufdff\ufe70-\ufeff]")
_SIGNS = re.compile("[\u3041-\u9fff\uac00-\ud7ff\uf900-\ufaff]")
_LETTERS = re.compile(r"[^\W\d_]")


def is_legible(text: str, sentences: Sequence[TokenIds], unknown_id: int | None) -> bool:
    """Return whether a vocabulary can read a text; Latin script always counts as legible.

    Args:
        text: The text.
        sentences: Its token ids, sentence by sentence.
        unknown_id: Id of the tokenizer's unknown token; None if it has none.
    """
    if text.isascii() or not _OTHER_LETTERS.search(text):
        return True
    found = "".join(_LETTERS.findall(text))
    letters, others = len(found), len(_OTHER_LETTERS.findall(found))
    tokens = sum(map(len, sentences))
    if others <= max(_MOST_OTHER_LETTERS * letters, _FEWEST_LETTERS) or not tokens:
        return True
    unknown = 0 if unknown_id is None else sum(ids.count(unknown_id) for ids in sentences)
    has_signs = 2 * len(_SIGNS.findall(text)) > others
    fewest = _FEWEST_SIGNS_PER_TOKEN if has_signs else _FEWEST_LETTERS_PER_TOKEN
    return unknown <= _MOST_UNKNOWN * tokens and letters >= fewest * tokens
