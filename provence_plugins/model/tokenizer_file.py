"""The tokenizer of a model folder, checked before the library that runs it sees it.

That library is written in Rust. Some descriptions make it recurse until the process ends, take time
that grows with the cube of a word's length, or turn one letter into a million; none of that can be
stopped once it runs.
"""

import math
from base64 import b64decode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from provence_plugins.errors import CheckpointError
from provence_plugins.model.folder import (
    SPECIAL_TOKENS,
    TOKENIZER,
    TOKENIZER_CONFIG,
    locate,
    read_json,
    require_file,
    show_error,
    show_value,
)
from provence_plugins.tokens.encoding import is_failure_of_rust

# Parts of a tokenizer that are made of steps. Tokenizers in use nest two deep, and have up to ten
# steps.
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_MAX_DEPTH = 12
_MAX_VALUES = 2000

# A replacement may make a text longer; several in a row multiply. NFKC, the strongest in use, turns
# one letter into 18.
_MAX_GROWTH = 128

# WordPiece compares all parts of a word with the vocabulary. Its default is 100.
_MAX_WORD = 1000

# Texts that show what a tokenizer cannot read: an unknown letter, several bytes, a digit, white
# space.
_PROBES = ("Is it so?", "\u4f60\u597d \U0001f600 \u00e9\u0301", "\ue000\u0007\n\t 42")


def read_tokenizer(folder: Path, name: str = TOKENIZER) -> Tokenizer:
    """Load a folder's tokenizer.

    Raises:
        CheckpointNotFoundError: There is no such file.
        CheckpointError: It is damaged, or asks for what could end or block the process.
    """
    path = require_file(folder, name)
    _require_harmless(path, read_json(folder, name))
    try:
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_batch(list(_PROBES))
        return tokenizer
    except BaseException as error:
        if not is_failure_of_rust(error):
            raise
        raise CheckpointError(
            f"{path} is not a readable tokenizer ({show_error(error)}). Download or export the model again."
        ) from error


def special_names(folder: Path) -> dict[str, str]:
    """Return the special tokens that a folder names, for example {"cls_token": "[CLS]"}."""
    names: dict[str, str] = {}
    for file in (TOKENIZER_CONFIG, SPECIAL_TOKENS):
        if not locate(folder, file):
            continue
        for key, value in read_json(folder, file).items():
            token = value.get("content") if isinstance(value, dict) else value
            if key.endswith("_token") and isinstance(token, str) and token:
                names[key] = token
    return names


def _require_harmless(path: Path, values: Mapping[str, Any]) -> None:
    parts = [values.get(part) for part in _PARTS]
    growth = 1
    for count, (value, depth) in enumerate(_walk(parts)):
        if depth > _MAX_DEPTH or count > _MAX_VALUES:
            raise CheckpointError(
                f"{path} nests its steps more than {_MAX_DEPTH} deep or has more than "
                f"{_MAX_VALUES} values in them, which no tokenizer needs. Download the model again "
                f"from a source that you trust."
            )
        growth *= _growth(value)
    if growth > _MAX_GROWTH:
        raise CheckpointError(
            f"{path} makes a text up to {growth} times longer, where at most {_MAX_GROWTH} times "
            f"is allowed. Download the model again from a source that you trust."
        )
    model = values.get("model")
    longest = model.get("max_input_chars_per_word", 0) if isinstance(model, dict) else 0
    if not isinstance(longest, int) or longest > _MAX_WORD:
        raise CheckpointError(
            f"{path} gives max_input_chars_per_word={show_value(longest)}; at most {_MAX_WORD} are "
            f"allowed, because the time for a word grows with the cube of its length. Lower it, or "
            f"choose another model."
        )


def _walk(values: Any) -> Iterator[tuple[Any, int]]:
    """Yield every value inside nested lists and objects with its depth, without recursion."""
    waiting = [(values, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]


def _growth(value: Any) -> int:
    """Return by what factor a step can make a text longer."""
    match value:
        case {"type": "Replace", "pattern": {"String": str(pattern)}, "content": str(content)} if pattern:
            return max(1, math.ceil(len(content) / len(pattern)))
        case {"type": "Replace", "content": str(content)}:  # its pattern may match an empty text, and so insert
            return 1 + len(content)
        case {"type": "Prepend", "prepend": str(content)}:
            return max(1, len(content))
        case {"type": "Precompiled", "precompiled_charsmap": str(table)}:
            return _longest_replacement(table)
    return 1


def _longest_replacement(table: str) -> int:
    """Return the longest text in SentencePiece's table of replacements."""
    try:
        content = b64decode(table)
    except ValueError:  # the library refuses it with a message of its own
        return 1
    trie = int.from_bytes(content[:4], "little")
    return max(1, *(len(text.decode(errors="replace")) for text in content[4 + trie :].split(b"\0")))
