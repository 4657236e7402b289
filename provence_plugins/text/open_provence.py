"""Sentences as OpenProvence's models were trained on: Punkt between list items, long ones cut, loose lines apart."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

from provence_plugins.errors import needs_extra
from provence_plugins.text.pieces import ends_by_pieces
from provence_plugins.text.punkt import punkt_spans
from provence_plugins.text.surrogates import without_surrogates

_LONGEST = 1200
_TERMINATORS = ".?!;:\n"
_LIST_ITEM = re.compile(r"\s*(?:[-*•]+|\d{1,4}[:.)]|[A-Za-z][:.)])\s+")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u31f0-\u31ff\uff71-\uff9d]")
_CHARACTERS_PER_KANA = 500

Range = tuple[int, int]


def open_provence_spans(text: str) -> Iterator[Range]:
    """Find the sentences of a text, the white space after each included; blank lines between loose lines are in none.

    Text with a kana letter for every 500 characters is Japanese and split by fast-bunkai,
    everything else by Punkt.

    Raises:
        MissingExtraError: NLTK, or for Japanese fast-bunkai, is not installed.
        SplitterError: The data of NLTK is missing.
    """
    return loose_lines(text, japanese_spans(text) if is_japanese(text) else english_spans(text))


def is_japanese(text: str) -> bool:
    """Return whether a text has at least one kana letter for every started 500 characters."""
    needed = math.ceil(len(text) / _CHARACTERS_PER_KANA)
    return not text.isascii() and sum(1 for _ in _KANA.finditer(text)) >= needed


def loose_lines(text: str, spans: Iterable[Range]) -> Iterator[Range]:
    """Cut sentences with fewer terminators than lines, such as headings and lists, into their lines.

    Args:
        text: The text.
        spans: Its sentences.

    Yields:
        Sentences, and lines with their ends; blank lines vanish.
    """
    for start, end in spans:
        ends = accumulate(map(len, text[start:end].splitlines(keepends=True)), initial=start)
        lines = [(first, last) for first, last in pairwise(ends) if text[first:last].strip()]
        terminators = sum(text.count(sign, start, end) for sign in ".?!")
        is_loose = "\n" in text[start:end] and terminators < len(lines) > 1
        if is_loose and all(len(text[first:last].strip()) <= _LONGEST for first, last in lines):
            yield from lines
        else:
            yield start, end


def english_spans(text: str) -> Iterator[Range]:
    """Find sentences by Punkt inside stretches between list items, none of over 1200 characters."""
    for first, last in _blocks(text):
        spans = [(first + start, first + end) for start, end in punkt_spans(text[first:last])] or [(first, last)]
        # White space after a sentence belongs to it, and what is in front of the first one to the
        # first.
        starts = [first, *(start for start, _ in spans[1:]), last]
        for start, end in pairwise(starts):
            if text[start:end].strip():
                yield from _pieces(text, start, end)


def _blocks(text: str) -> Iterator[Range]:
    """Find stretches of lines; all but the first begin with a list item."""
    ends = [0, *accumulate(map(len, text.splitlines(keepends=True)))]
    starts = [start for start, end in pairwise(ends) if start == 0 or _LIST_ITEM.match(text[start:end].rstrip("\r\n"))]
    return pairwise([*starts, len(text)])


def _pieces(text: str, start: int, end: int) -> Iterator[Range]:
    """Cut a sentence of over 1200 characters into parts: up to the last line end in reach, or the last terminator."""
    if end - start <= _LONGEST:
        yield start, end
        return
    while start < end:
        reach = min(start + _LONGEST, end)
        cut = text.rfind("\n", start + 1, reach) + 1
        cut = cut or max(text.rfind(sign, start, reach) for sign in _TERMINATORS) + 1 or reach
        yield start, cut
        start = cut


def japanese_spans(text: str) -> Iterator[Range]:
    """Find sentences by fast-bunkai."""
    return pairwise([0, *ends_by_pieces(without_surrogates(text), _load_bunkai())])


@lru_cache(maxsize=1)
def _load_bunkai() -> Callable[[str], Iterable[str]]:
    with needs_extra("japanese"):
        from fast_bunkai import FastBunkai
    splitter: Callable[[str], Iterable[str]] = FastBunkai()
    return splitter
