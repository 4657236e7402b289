"""Pack whole sentences into windows that a model can read at once, each with the query in front."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from provence_plugins.errors import InvalidInputError, QueryTooLongError
from provence_plugins.tokens.encoding import PairTemplate, TokenIds

# With fewer tokens beside the query a window could not hold even a short sentence.
MIN_TEXT_TOKENS = 16

# A title is context, not the subject: it may take this share of the room beside the query, and no
# more.
_TITLE_SHARE = 4


SentenceTokens = tuple[int, int, int]
"""Where the tokens of one sentence, or of a part of it, lie in a window.

Number of the sentence in its passage, position in the window of its first token, one past the
position of its last one. A plain tuple, because the garbage collector passes over it.
"""


@dataclass(frozen=True, slots=True)
class Window:
    """One model input: the query, the title if any, then whole sentences of one passage.

    Attributes:
        ids: Token ids, special tokens included.
        text_start: Position of the first token after the query and the separator.
        query_type: Token type of all that is in front of `text_start`.
        text_type: Token type of the rest.
        sentences: Where each sentence lies, in reading order; sentences without tokens are left
            out.
    """

    ids: TokenIds
    text_start: int
    query_type: int
    text_type: int
    sentences: tuple[SentenceTokens, ...]


@dataclass(frozen=True, slots=True)
class Packing:
    """How sentences are put into windows.

    Attributes:
        evenly: As few windows as possible, of about equal size; otherwise each is filled
            completely.
        piece_tokens: Sentences are cut into pieces of at most this many tokens; None cuts only
            those that are longer than a window.
        is_read: Whether a piece is worth reading; None reads all. When none is, the first is read.
        cut_off: Whether the rest of a piece that does not fit into a window is left out instead of
            read in another window.
    """

    evenly: bool = True
    piece_tokens: int | None = None
    is_read: Callable[[TokenIds], bool] | None = None
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class WindowHead:
    """What every window of a passage begins with, and the room that it leaves for sentences."""

    query: TokenIds
    title: TokenIds
    room: int
    title_cut: bool


def plan_head(
    query: TokenIds,
    title: TokenIds,
    template: PairTemplate,
    *,
    max_tokens: int,
    least: int = MIN_TEXT_TOKENS,
) -> WindowHead:
    """Share a window out among query, title and text.

    A title may take a quarter of what the query leaves of the window. A longer one is cut, and
    `title_cut` is True.

    Raises:
        QueryTooLongError: The query leaves less than `least` tokens for text.
    """
    room = max_tokens - template.special_tokens - len(query)
    if room < least:
        raise QueryTooLongError(
            f"The query has {len(query)} tokens, which leaves {max(room, 0)} of a window's {max_tokens} "
            f"for text; at least {least} are needed. Shorten the query, or use a model with longer "
            f"windows."
        )
    kept_title = title[: room // _TITLE_SHARE]
    return WindowHead(query, kept_title, room - len(kept_title), len(kept_title) < len(title))


def plan_windows(
    head: WindowHead,
    sentences: Sequence[TokenIds],
    template: PairTemplate,
    packing: Packing | None = None,
) -> list[Window]:
    """Pack whole sentences into windows, in reading order.

    Args:
        head: Query, title and the room that they leave.
        sentences: Token ids of each sentence of the passage.
        template: Special tokens around query and text.
        packing: How windows are filled; None fills them evenly.

    Returns:
        As few windows as whole sentences allow, which together hold every token of every sentence
        exactly once. A sentence that is cut is cut between tokens, and its parts carry the same
        sentence number. None when there are no tokens.
    """
    front = [*template.before, *head.query, *template.between]
    windows = []
    for run in _pack(sentences, head.room, packing or Packing()):
        ids = [*front, *head.title]
        parts = []
        for sentence, start, end in run:
            parts.append((sentence, len(ids), len(ids) + end - start))
            ids += _ids(sentences, (sentence, start, end))
        ids += template.after
        windows.append(Window(tuple(ids), len(front), template.query_type, template.text_type, tuple(parts)))
    return windows


Piece = tuple[int, int, int]  # number of the sentence, its first token, one past its last


def _pack(sentences: Sequence[TokenIds], room: int, packing: Packing) -> Iterator[list[Piece]]:
    """Fill as few windows as possible, evenly: a short last one would lack context."""
    if room < 1:
        raise InvalidInputError(f"A window needs room for at least one token of text; got {room}.")
    longest = packing.piece_tokens or room
    pieces = list(_pieces([len(ids) for ids in sentences], longest if packing.cut_off else min(room, longest)))
    if packing.is_read is not None:
        pieces = [piece for piece in pieces if packing.is_read(_ids(sentences, piece))] or pieces[:1]
    pieces = [(sentence, start, min(end, start + room)) for sentence, start, end in pieces]
    if not packing.evenly:
        return _fill(pieces, room)
    return _fill(pieces, _lowest_height(pieces, room))


def _lowest_height(pieces: Sequence[Piece], room: int) -> int:
    """Return the lowest limit with which the pieces fit into as few windows as possible."""
    fewest = _count(_fill(pieces, room))
    low, high = max((end - start for _, start, end in pieces), default=room), room
    while low < high:
        middle = (low + high) // 2
        if _count(_fill(pieces, middle)) == fewest:
            high = middle
        else:
            low = middle + 1
    return high


def _ids(sentences: Sequence[TokenIds], piece: Piece) -> TokenIds:
    sentence, start, end = piece
    return sentences[sentence][start:end]


def _fill(pieces: Sequence[Piece], height: int) -> Iterator[list[Piece]]:
    run: list[Piece] = []
    used = 0
    for piece in pieces:
        size = piece[2] - piece[1]
        if run and used + size > height:
            yield run
            run, used = [], 0
        run.append(piece)
        used += size
    if run:
        yield run


def _count(runs: Iterator[list[Piece]]) -> int:
    return sum(1 for _ in runs)


def _pieces(lengths: Sequence[int], longest: int) -> Iterator[Piece]:
    for sentence, length in enumerate(lengths):
        for start in range(0, length, longest):
            yield sentence, start, min(start + longest, length)
