"""JSON to units: each value with its key, long strings by sentence, and brackets and commas that go with them.

Whatever is kept of a document is JSON again: a value brings the brackets around it, and a comma
stays only between two values that do.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence

from provence_plugins.text.columns import Sentences, Ties
from provence_plugins.text.lines import LONGEST_WHOLE_ITEM
from provence_plugins.types import Kind, Span, TieKind

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]++', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
# A backslash that no other one escapes, with too few signs after it, or the first half of a pair
# of surrogates.
_CUT_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*+)\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2})?$")
_CLOSING = {"{": "}", "[": "]"}

# What lies between record separators, which may hold line breaks, and between line breaks. Those that
# JSON allows inside a string, such as U+2028, end no line.
_PIECES = (re.compile(r"[^\x1e]+"), re.compile(r"[^\n-\r\x1c-\x1e]+"))

# Keys whose value says which record of several this is, the best first.
_NAMING_KEYS = (
    "name",
    "title",
    "product",
    "product_name",
    "full_name",
    "label",
    "question",
    "user",
    "author",
    "id",
    "sku",
    "key",
)

FindStarts = Callable[[str], Sequence[int]]


def split_json(text: str, find_starts: FindStarts) -> Sentences | None:
    """Split a JSON document, or several, into units; None for any other text.

    Args:
        text: The text.
        find_starts: Returns where the sentences of a text start, the first at 0.
    """
    documents = find_documents(text)
    if not documents:
        return None
    are_lines = len(documents) > 1
    units = _Units(text, find_starts, are_lines=are_lines)
    for document in documents:
        is_whole = are_lines and document.end - document.start <= LONGEST_WHOLE_ITEM
        units.add_document(document.start, document.end, is_whole=is_whole)
    return units.sentences()


def find_documents(text: str) -> list[Span]:
    """Return where the JSON documents of a text are; nothing if it holds anything else.

    A text is one object or list, or several with line breaks or record separators between them.
    White space and a byte order mark may stand around each.
    """
    whole = _bare_span(text, 0, len(text))
    if text[whole.start : whole.start + 1] not in _CLOSING:
        return []
    if is_json_document(whole.of(text)):
        return [whole]
    for pieces in _PIECES:
        found = [_bare_span(text, *piece.span()) for piece in pieces.finditer(text)]
        documents = [span for span in found if span.start < span.end]
        if len(documents) > 1 and all(is_json_document(document.of(text)) for document in documents):
            return documents
    return []


def is_valid_json(text: str) -> bool:
    """Return whether a text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def without_space(text: str) -> str:
    """Return a text without the white space, record separators and byte order mark around it."""
    return text.strip().strip("\ufeff").strip()


def is_json_document(text: str) -> bool:
    """Return whether a text is one object or list of JSON, apart from what may stand around it."""
    bare = without_space(text)
    return bare[:1] in _CLOSING and bare[-1:] == _CLOSING[bare[0]] and is_valid_json(bare)


def _bare_span(text: str, start: int, end: int) -> Span:
    """Return where a part of a text lies without what `without_space` leaves out."""
    bare = without_space(text[start:end])
    start = text.index(bare, start)
    return Span(start, start + len(bare))


class _Units:
    """The units of a text of JSON, in the order in which they are added."""

    def __init__(self, text: str, find_starts: FindStarts, *, are_lines: bool = False) -> None:
        self._text = text
        self._find_starts = find_starts
        self._are_lines = are_lines
        self._lists: set[int] = set()
        # The values of the objects that are open and of which there are several, each with its key.
        self._members: dict[int, list[tuple[int, str]]] = {}
        self._starts: list[int] = []
        self._kinds: list[Kind] = []
        self._ties = Ties()

    def sentences(self) -> Sentences:
        """Return the units as sentences that tile the text."""
        bounds = [0, *self._starts[1:], len(self._text)]
        return Sentences(bounds, self._kinds, links=self._ties.by_sentence())

    def add_document(self, start: int, end: int, *, is_whole: bool) -> None:
        """Add the units of one document, or the document as a single one."""
        tokens = list(_TOKEN.finditer(self._text, start, end))
        if is_whole or len(tokens) <= 2:
            self._add(start, "record")
            return
        closings = _match_brackets(tokens)
        openers: list[int] = []  # units of the brackets that are open, outermost first
        at = 0
        while at < len(tokens):
            at = self._add_token(tokens, at, closings, openers)

    def _add_token(
        self,
        tokens: Sequence[re.Match[str]],
        at: int,
        closings: dict[int, int],
        openers: list[int],
    ) -> int:
        """Add what begins at a token; returns the number of the first token after it."""
        token = tokens[at]
        if token[0] in "]}":
            opener = openers.pop()
            self._tie_to_name(opener)
            self._tie(opener, "closing", self._add(token.start(), "structure"))
            return self._add_comma(tokens, at + 1, opener, openers)
        value = at + 2 if tokens[min(at + 1, len(tokens) - 1)][0] == ":" else at
        if value not in closings:
            return self._add_comma(tokens, value + 1, self._add_scalar(token, tokens[value], openers), openers)
        closing = closings[value]
        is_small = closing == value + 1 or tokens[closing].end() - token.start() <= LONGEST_WHOLE_ITEM
        if is_small and openers:
            return self._add_comma(tokens, closing + 1, self._add_member(token, "record", openers), openers)
        is_element = openers[-1] in self._lists if openers else self._are_lines
        openers.append(self._add_member(token, "structure", openers))
        if tokens[value][0] == "[":
            self._lists.add(openers[-1])
        elif is_element:
            self._members[openers[-1]] = []
        return value + 1

    def _add_scalar(
        self,
        first: re.Match[str],
        value: re.Match[str],
        openers: Sequence[int],
    ) -> int:
        """Add a value with its key, a long string as its quotes and the sentences between them."""
        starts = self._sentences_of(value[0][1:-1]) if len(value[0]) > LONGEST_WHOLE_ITEM else ()
        if len(starts) < 2:
            return self._add_member(first, "record", openers)
        opener = self._add_member(first, "structure", openers)
        for start in starts:
            self._tie(self._add(value.start() + 1 + start, "sentence"), "inside", opener)
        self._tie(opener, "closing", self._add(value.end() - 1, "structure"))
        return opener

    def _sentences_of(self, string: str) -> Sequence[int]:
        """Return where the sentences of a string start, none of them inside an escape sequence."""
        inside = {place for escape in _ESCAPE.finditer(string) for place in range(escape.start() + 1, escape.end())}
        read = _ESCAPE.sub(lambda escape: _read_escape(escape[0]), string)
        return [start for start in self._find_starts(read) if start not in inside]

    def _add_comma(
        self,
        tokens: Sequence[re.Match[str]],
        at: int,
        owner: int,
        openers: Sequence[int],
    ) -> int:
        if at < len(tokens) and tokens[at][0] == ",":
            self._tie(owner, "separator", self._add_inside(tokens[at].start(), "structure", openers))
            return at + 1
        return at

    def _tie_to_name(self, opener: int) -> None:
        """Tie the values of an object among others of its kind to the one that tells which of them it is."""
        members = self._members.pop(opener, [])
        ranks = {number: _NAMING_KEYS.index(key) for number, key in members if key in _NAMING_KEYS}
        ranks = {number: rank for number, rank in ranks.items() if self._kinds[number] == "record"}
        if ranks:
            name = min(ranks, key=ranks.__getitem__)
            for number, _ in members:
                if number != name:
                    self._tie(number, "title", name)

    def _add_member(self, first: re.Match[str], kind: Kind, openers: Sequence[int]) -> int:
        """Add a value, or the key in front of it."""
        number = self._add_inside(first.start(), kind, openers)
        if openers and openers[-1] in self._members:
            self._members[openers[-1]].append((number, first[0].strip('"').lower()))
        return number

    def _add_inside(self, start: int, kind: Kind, openers: Sequence[int]) -> int:
        number = self._add(start, kind)
        if openers:
            self._tie(number, "inside", openers[-1])
        return number

    def _add(self, start: int, kind: Kind) -> int:
        self._starts.append(start)
        self._kinds.append(kind)
        return len(self._kinds) - 1

    def _tie(self, number: int, kind: TieKind, to: int) -> None:
        self._ties.add([number], kind, to)


def _match_brackets(tokens: Iterable[re.Match[str]]) -> dict[int, int]:
    """Return the number of the closing bracket for each opening one."""
    closings: dict[int, int] = {}
    openings: list[int] = []
    for number, token in enumerate(tokens):
        if token[0] in _CLOSING:
            openings.append(number)
        elif token[0] in "]}":
            closings[openings.pop()] = number
    return closings


def _read_escape(escape: str) -> str:
    """Return as many characters as an escape sequence has, to replace it while sentences are found."""
    if escape in (r"\n", r"\r", r"\t"):
        return " \n"
    return '""' if escape == r"\"" else "x" * len(escape)


def without_cut_escape(string: str) -> str:
    """Return the beginning of a string of JSON without the escape sequence that is cut at its end, if one is."""
    return _CUT_ESCAPE.sub(r"\1", string)
