"""Hand a long text to a sentence library piece by piece, so that no call is long and the time stays linear.

Some libraries take quadratic time on a few inputs (opening quotes, scripts without spaces) and hold
the interpreter meanwhile. A short piece bounds both.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

PIECE_CHARACTERS = 2_000
"""Longest piece. The worst input known takes about a millisecond at this length, and few paragraphs
are longer."""

# A piece is shortened by at most this much, to end with a word.
_LONGEST_WORD = 200


def ends_by_pieces(
    text: str,
    find: Callable[[str], Iterable[str]],
    longest: int = PIECE_CHARACTERS,
) -> Iterator[int]:
    """Find the ends of all sentences of a text with calls that see at most `longest` characters each.

    A piece ends where its text was cut, not where a sentence does. So its last sentence is looked
    at again, as the first of the next piece. A sentence longer than half a piece is not, which
    bounds the work: every call gets ahead by half a piece or more.

    Args:
        text: The text.
        find: Cuts a text into sentences that together are the text.
        longest: Longest text for one call.
    """
    if len(text) <= longest:
        return accumulate(map(len, filter(None, find(text))))
    return _ends_of_long_text(text, find, longest)


def _ends_of_long_text(
    text: str,
    find: Callable[[str], Iterable[str]],
    longest: int,
) -> Iterator[int]:
    start = 0
    while start < len(text):
        end = _piece_end(text, start, longest)
        ends = list(accumulate(map(len, filter(None, find(text[start:end]))), initial=start))
        before = ends[-2:][0]  # where the last sentence of the piece starts
        yield from ends[1:-1]
        if end == len(text):
            yield end
            return
        start = before if before - start >= longest // 2 else end


def _piece_end(text: str, start: int, longest: int) -> int:
    end = start + longest
    if end >= len(text):
        return len(text)
    shortest = end - min(_LONGEST_WORD, longest // 2)
    after_space = 1 + max(text.rfind(" ", shortest, end), text.rfind("\n", shortest, end))
    return after_space or end
