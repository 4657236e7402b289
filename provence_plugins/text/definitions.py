"""Terms with their explanations: after a dash, indented below them, or after colons."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from provence_plugins.text.items import STOPS
from provence_plugins.text.lines import RANKS_OF_MARKS, Found, Lines, depth_of, long_prose

MOST_WORDS_OF_TERM = 4
_TERM = re.compile(r"\S.{0,30}?\ [-–—]\ \S")
_LEAST_INDENT = 2


def find_terms(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a list of terms, each with a dash and its explanation on the same line."""
    if not all(_TERM.match(lines.texts[number], lines.openings[number]) for number in range(at, end)):
        return None
    return (Found("record", number + 1, depth=depth_of(lines, number)) for number in range(at, end))


def find_definitions(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize terms with their explanations indented below them."""
    margin = lines.indents[at]
    if lines.indents[at + 1] < margin + _LEAST_INDENT:
        return None
    terms = [number for number in range(at, end) if lines.indents[number] <= margin]
    if not all(number + 1 < end and lines.indents[number + 1] >= margin + _LEAST_INDENT for number in terms):
        return None
    if not all(_is_term(lines.bares[number]) for number in terms):
        return None
    return _read_definitions(lines, terms, end)


def _is_term(bare: str) -> bool:
    return not bare.endswith(STOPS) and len(bare.split()) <= MOST_WORDS_OF_TERM


def _read_definitions(lines: Lines, terms: Sequence[int], end: int) -> Iterator[Found]:
    for begin, after in pairwise([*terms, end]):
        prose = long_prose(lines.starts[begin], lines.starts[after], lines.starts[begin + 1])
        yield Found("record", after, prose=prose, depth=depth_of(lines, begin))


def find_meanings(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a term with its meanings below it, each after a colon."""
    return _read_meanings(lines, at, end) if lines.opens_with(at + 1, ": ") else None


def _read_meanings(lines: Lines, at: int, end: int) -> Iterator[Found]:
    depth = depth_of(lines, at)
    yield Found("record", at + 1, depth=depth)
    begins = [number for number in range(at + 1, end) if lines.opens_with(number, ": ")]
    for begin, after in pairwise([*begins, end]):
        prose = long_prose(lines.starts[begin], lines.starts[after], lines.starts[begin])
        yield Found("record", after, prose=prose, depth=depth + RANKS_OF_MARKS)
