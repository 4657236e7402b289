"""Measure texts in the unit of a budget, and cut a text so that it fits."""

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from numbers import Real
from pathlib import Path

from provence_plugins.engine.planning import PassagePlan
from provence_plugins.errors import InvalidInputError, needs_extra
from provence_plugins.model.tokenizer_file import read_tokenizer
from provence_plugins.text.columns import Sentences
from provence_plugins.tokens.encoding import TextEncoder, count_tokens

CountTokens = Callable[[str], int]
"""Returns the length of a text in the unit of the budget."""

_PLAIN_COUNTERS: dict[str, CountTokens] = {"characters": len, "words": lambda text: len(text.split())}

# A table's header is padded with blanks and underlined with dashes, each of which many tokenizers
# make a token.
_PADDING = re.compile(r"([ \t=:-])[ \t=:-]+")

# Places where a text may be cut, the best first: lines, clauses, words, characters.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (r"\n+", r"[.,;:!?…)\]]+[ \t]+|[،。，；：！？、]+[ \t]*|[ \t]+[–—-][ \t]+", r"\s+", r"")
)

# Every token counter gives at least one token for this many characters of text; only white space
# may be shorter.
_CHARACTERS_PER_TOKEN = 100


def count_sentences(plan: PassagePlan, encoder: TextEncoder) -> list[int]:
    """Return the cost of each sentence of a passage in the unit of a budget.

    That is its number of tokens, except that padding and dashes of a table's header do not count,
    and characters that the model's vocabulary does not know count one by one.
    """
    counts = list(plan.token_counts)
    text, sentences = plan.passage.text, Sentences.of(plan.sentences)
    for number, kind in enumerate(sentences.kinds):
        if kind == "table_header":
            counts[number] = count_text(_PADDING.sub(r"\1", sentences.text_of(number, text)), encoder)
    unknown = _with_unknown_tokens(plan, encoder.unknown_id)
    texts = sentences.model_texts(text) if unknown else []
    for number in unknown:
        counts[number] = count_text(texts[number], encoder)
    return counts


def count_text(text: str, encoder: TextEncoder) -> int:
    """Return the number of tokens of a text, with one for each character of an unknown token."""
    [ids] = encoder.encode([text])
    if encoder.unknown_id is None or encoder.unknown_id not in ids:
        return len(ids)
    [spans] = encoder.token_spans([text])
    total = 0
    for token, span in zip(ids, spans, strict=True):
        total += max(1, span.end - span.start) if token == encoder.unknown_id else 1
    return total


def find_counter(counter: str | CountTokens) -> CountTokens:
    """Return the function that a policy's `token_counter` stands for.

    Raises:
        InvalidInputError: There is no counter of that name.
        CheckpointError: The file of that name is not a tokenizer, or one that could end or block
            the process.
        MissingExtraError: The name is that of an encoding, and tiktoken is not installed.
    """
    return _named_counter(counter) if isinstance(counter, str) else partial(_count_by, counter)


def _count_by(counter: CountTokens, text: str) -> int:
    """Return the length of a text by a counter of the caller, which may return anything."""
    length = counter(text)
    if not isinstance(length, Real) or not 0 <= length < math.inf:  # NaN fails as well
        raise InvalidInputError(
            f"token_counter must return the length of a text, a number of at least 0; got "
            f"{length!r} ({type(length).__name__})."
        )
    return length


def cut_to_fit(text: str, room: float, count: CountTokens) -> str:
    """Return the beginning of a text that fits, cut after a line, a clause, a word or a character.

    Returns:
        "" if not even the first character fits.
    """
    # Text beyond this cannot fit, and counting it would take time.
    text = text[: int((room + 1) * _CHARACTERS_PER_TOKEN)]
    for cut in _CUTS:
        ends = [match.end() for match in cut.finditer(text) if match.end()]
        beginning = text[: _last_that_fits(text, ends, room, count)]
        if beginning.strip():
            return beginning
    return ""


def _last_that_fits(text: str, ends: Sequence[int], room: float, count: CountTokens) -> int:
    """Return the last end whose beginning fits, by bisection; 0 if none does."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if count(text[: ends[middle]]) <= room:
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else 0


def _with_unknown_tokens(plan: PassagePlan, unknown: int | None) -> set[int]:
    """Return the numbers of sentences with characters that the vocabulary may not know."""
    if not plan.is_legible:
        return set(range(len(plan.sentences)))  # such a plan has no windows to look into
    found = set()
    for window in plan.windows:
        if unknown is None or unknown not in window.ids:
            continue
        for sentence, start, end in window.sentences:
            if unknown in window.ids[start:end]:
                found.add(sentence)
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long, or in a folder that must not be read
        return False


@lru_cache(maxsize=8)
def _named_counter(name: str) -> CountTokens:
    if name in _PLAIN_COUNTERS:
        return _PLAIN_COUNTERS[name]
    if name.endswith(".json") and _is_file(Path(name)):
        return _tokenizer_counter(Path(name))
    with needs_extra("tiktoken"):
        import tiktoken
    try:
        encoding = tiktoken.get_encoding(name)
    except (ValueError, OSError) as error:
        raise InvalidInputError(
            f"token_counter must be 'characters', 'words', an encoding of tiktoken such as "
            f"'o200k_base', the path of a tokenizer.json, or a function; got {name!r} ({error})."
        ) from error
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def _tokenizer_counter(path: Path) -> CountTokens:
    tokenizer = read_tokenizer(path.parent, path.name)
    return lambda text: count_tokens(tokenizer, text)
