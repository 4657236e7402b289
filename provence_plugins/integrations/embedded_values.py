"""JSON, JSON lines and printed Python values, whose long strings are texts."""

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from provence_plugins.integrations.labelled_records import read_records
from provence_plugins.integrations.prose import count_words, is_prose
from provence_plugins.integrations.tool_results import Block, Part, ResultText
from provence_plugins.text.json_text import find_documents, is_valid_json, without_space
from provence_plugins.types import Passage

# Shorter strings are names, labels and short answers. They stay.
_MIN_WORDS = 12

# Keys whose string is the title of the texts beside it.
_TITLE_KEYS = ("title", "name", "heading")

_JSON_STRING = r'"(?:[^"\\]|\\.)*+"'
_PYTHON_STRING = "|".join(
    (
        r"'''(?:[^\\]|\\.)*?'''",
        r'"""(?:[^\\]|\\.)*?"""',
        r"'(?:[^'\\]|\\.)*+'",
        r'"(?:[^"\\]|\\.)*+"',
    )
)

_SPACE = re.compile(r"\s*+")


class _String(NamedTuple):
    """A string in a content, with its place, its key and the title of its object."""

    start: int
    end: int
    text: str
    title: str | None


@dataclass(frozen=True, slots=True)
class _Notation:
    """A way of writing values.

    Attributes:
        tokens: Matches strings, in the group "string", and the brackets of objects and lists. A
            string that is written as several literals is one token.
        read: Reads one string.
        quote: The quotation mark around a string that is written again.
        escape: Writes the characters between the quotes; the second argument tells whether only
            ASCII may be used. The parts of a text can be escaped one by one.
        is_valid: Tells whether a content is written in this notation.
    """

    tokens: re.Pattern[str]
    read: Callable[[str], str]
    quote: str
    escape: Callable[[str, bool], str]
    is_valid: Callable[[str], bool]


def read_values(content: str) -> ResultText | None:
    """Read a content as values.

    The strings are found in the characters of the content, and nothing else is touched: numbers,
    the order of keys, repeated keys and white space stay as they are. A string that itself holds
    JSON or labelled records is read as such.

    Returns:
        The content with a text for each long string; None if it is not written in a known notation.
    """
    notation = next((each for each in _NOTATIONS if each.is_valid(content)), None)
    if notation is None:
        return None
    blocks: list[Block] = []
    position = 0
    for string in _strings(content, notation):
        written = _string_blocks(content[string.start : string.end], string, notation, len(blocks) + 1)
        if written:
            blocks += [_fixed(content[position : string.start]), *written]
            position = string.end
    return ResultText("values", (*blocks, _fixed(content[position:])))


def _string_blocks(token: str, string: _String, notation: _Notation, first: int) -> Sequence[Block]:
    """Return the blocks of one string, numbered from `first`; none for a string that stays."""

    def escape(text: str) -> str:
        return notation.escape(text, token.isascii())

    def write(text: str) -> str:
        return notation.quote + escape(text) + notation.quote

    inner = _read_inside(string.text)
    if inner is not None:
        return _embedded(inner, notation.quote, escape, first)
    if count_words(string.text) < _MIN_WORDS or not is_prose(string.text):
        return ()
    return (Block((Part(token, Passage(string.text, string.title), write),), stays=True),)


def _read_inside(text: str) -> ResultText | None:
    inner = read_records(text)
    if inner is None and without_space(text)[:1] in ("{", "["):
        inner = read_values(text)
    if inner is None or not inner.passages:
        return None
    return inner


def _embedded(
    inner: ResultText,
    quote: str,
    escape: Callable[[str], str],
    first: int,
) -> list[Block]:
    """Return the blocks of a content that is inside a string of another one."""

    def escaped(part: Part) -> Part:
        return replace(part, text=escape(part.text), write=lambda text: escape(part.write(text)))

    opening = _fixed(quote + escape(inner.head))
    closing = _fixed(escape(inner.tail) + quote)
    blocks = []
    for block in inner.blocks:
        parts = (Part(escape(block.separator)), *map(escaped, block.parts))
        under = block.under
        if under is not None:
            under += first + 1
        blocks.append(replace(block, parts=parts, separator="", under=under))
    return [opening, *blocks, closing]


def _strings(content: str, notation: _Notation) -> Iterator[_String]:
    """Yield the strings that are values and not keys, each with the title of its object."""
    tokens = list(notation.tokens.finditer(content))
    titles = _titles(content, tokens, notation)
    stack = [0]
    for number, token in enumerate(tokens, start=1):
        if token["string"] is None:
            _enter_or_leave(stack, token[0], number)
        elif not _is_key(content, token.end()):
            text = notation.read(token[0])
            yield _String(token.start(), token.end(), text, titles.get(stack[-1]))


def _titles(content: str, tokens: Sequence[re.Match[str]], notation: _Notation) -> dict[int, str]:
    """Return the titles of objects, by the number of the bracket that opens them."""
    titles: dict[int, str] = {}
    stack, key = [0], ""
    for number, token in enumerate(tokens, start=1):
        if token["string"] is None:
            _enter_or_leave(stack, token[0], number)
            key = ""
        elif _is_key(content, token.end()):
            key = notation.read(token[0])
        else:
            if key.lower() in _TITLE_KEYS:
                titles.setdefault(stack[-1], notation.read(token[0]))
            key = ""
    return titles


def _enter_or_leave(stack: list[int], bracket: str, number: int) -> None:
    if bracket in ("{", "["):
        stack.append(number)
    elif bracket in ("}", "]"):
        stack.pop()


def _is_key(content: str, end: int) -> bool:
    after = _SPACE.match(content, end)
    return content.startswith(":", after.end() if after else end)


def _fixed(text: str) -> Block:
    return Block((Part(text),), stays=True)


def _escape_json(text: str, is_ascii: bool) -> str:
    has_lone_surrogate = text != text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(text, ensure_ascii=is_ascii or has_lone_surrogate)[1:-1]


def _escape_python(text: str, is_ascii: bool) -> str:
    # With a double quote in it, Python writes a string between single ones.
    return repr('"' + text)[2:-1]


def _is_json(content: str) -> bool:
    bare = without_space(content)
    return bool(find_documents(content)) or (bare.startswith('"') and is_valid_json(bare))


def _is_python(content: str) -> bool:
    bare = without_space(content)
    if bare[:1] not in ("{", "[", "("):
        return False
    try:
        ast.literal_eval(bare)
    except (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError):
        return False
    return True


def _read_python(token: str) -> str:
    # The strings side by side that make one value may stand on several lines.
    return str(ast.literal_eval(f"({token})"))


def _tokens(string: str, *others: str) -> re.Pattern[str]:
    return re.compile("|".join((rf"(?P<string>{string})", *others, r"[{}\[\]]")), re.DOTALL)


# Strings side by side are one value. Those with a prefix, such as bytes, those with a comment between
# them and comments are matched outside the group, so that they stay as they are.
_PYTHON_COMMENT = r"#[^\r\n]*+"
_PYTHON_GAP = rf"(?:\s|\\\r?\n|{_PYTHON_COMMENT})*+"
_PYTHON_PREFIX = "[A-Za-z]{0,2}+"
_PYTHON_TOKENS = _tokens(
    rf"(?>(?:{_PYTHON_STRING})(?:\s*+(?:{_PYTHON_STRING}))*+)(?!{_PYTHON_GAP}{_PYTHON_PREFIX}['\"])",
    rf"{_PYTHON_PREFIX}(?:{_PYTHON_STRING})(?:{_PYTHON_GAP}{_PYTHON_PREFIX}(?:{_PYTHON_STRING}))*+",
    _PYTHON_COMMENT,
)

_NOTATIONS = (
    _Notation(_tokens(_JSON_STRING), json.loads, '"', _escape_json, _is_json),
    _Notation(_PYTHON_TOKENS, _read_python, "'", _escape_python, _is_python),
)
