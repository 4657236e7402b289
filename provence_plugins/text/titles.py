"""Titles in plain text: underlined, in capitals, alone above a section, or a label above a list."""

import re
from collections.abc import Iterator

from provence_plugins.text.heads import is_field
from provence_plugins.text.lines import (
    BLANK,
    CODE_INDENT,
    ITEMS,
    LONGEST_PLAIN_TITLE,
    NARROWEST_WRAP,
    TAILS,
    Found,
    Lines,
    follows_blank,
    skip,
)

LABEL_LEVEL = 8
_TITLE_LEVEL = 7
_PART_LEVEL = 6
_UNDERLINES = {"=": 1, "-": 2, "~": 3}
_MOST_WORDS_OF_TITLE = 12
_ANNOUNCED = ITEMS | {"fence", "header", "grid", "columns", "quote"}
_LISTED = ITEMS | {"header", "grid"}
# "Article 5" with its own title in the next paragraph.
_NUMBER_OF_PART = re.compile(
    r"(?:article|section|chapter|part|annex|appendix|artikel|kapitel|anlage|anhang|teil|title|schedule)\s+[\dIVXLA-Z]{1,5}\.?",
    re.IGNORECASE,
)


# "3 Results", "2.1 Term and termination", "§ 5 Notice", "IV. Costs".
_NUMBERED_TITLE = re.compile(
    r"(?P<number>§{1,2} ?\d+\w?\.?|(?:\d{1,2}(?:\.\d{1,2}){0,4}|[IVX]{1,5}(?=\.))(?P<dot>\.?))\s+[\"“*_]{0,3}[A-ZÄÖÜÀÉ]"
)
_NUMBER = re.compile(r"§{1,2} ?\d+\w?\.?\s|\d{1,2}(?:\.\d{1,2}){0,4}\.?\s|[IVX]{1,5}\.\s")
_FIGURES = re.compile(r"\d+|[IVX]+")
_REFERENCE = re.compile(r"\[\d{1,3}\]\s")
_OPENINGS_OF_NUMBERS = frozenset("0123456789§IVX")
_LEVEL_ABOVE_NUMBERS = 3
_DEEPEST = 6
_OPENING_QUOTES = "\"“„«‘'"
_LETTERED_TITLE = re.compile(r"[A-Z]\. +[A-Z][^.,;:!?]*")
_CAPTION_OF_FIGURE = re.compile(r"(?:fig|figure|abb|abbildung|photo)\.? \d", re.IGNORECASE)


def read_title(lines: Lines, at: int) -> Found | None:
    """Return the title that a line is, None for any other line."""
    if not lines.fits_title(at):
        return None
    if level := underlined_level(lines, at):
        return Found("heading", at + 2, level=level)
    if level := numbered_level(lines, at):
        return Found("heading", at + 1, level=level)
    if title := read_part(lines, at):
        return title
    if level := _title_level(lines, at):
        return Found("heading", at + 1, level=level)
    return None


def read_part(lines: Lines, at: int) -> Found | None:
    """Return the title of an article or of a lettered section that a line is, None for any other line."""
    if after := _number_of_part(lines, at):
        return Found("heading", after, level=_PART_LEVEL)
    if _is_lettered(lines, at):
        return Found("heading", at + 1, level=_TITLE_LEVEL)
    return None


def _is_lettered(lines: Lines, at: int) -> bool:
    """Return whether a line is the title of one of several sections that letters count ("B. Fees")."""
    bare = lines.bares[at]
    if bare[1:3] != ". " or len(bare) > LONGEST_PLAIN_TITLE or not _LETTERED_TITLE.fullmatch(bare):
        return False
    below = skip(lines, at + 1, BLANK)
    if below == len(lines) or lines.shapes[below] != "prose" or _LETTERED_TITLE.fullmatch(lines.bares[below]):
        return False
    # The initial of a name has no neighbour in the alphabet.
    neighbours = {chr(ord(bare[0]) - 1), chr(ord(bare[0]) + 1)}
    return any(f"\n{letter}. " in lines.text or lines.text.startswith(f"{letter}. ") for letter in neighbours)


def underlined_level(lines: Lines, at: int) -> int:
    """Return the level of a title with a line of signs below it, 0 for any other line.

    A line between two of signs, such as the total of a bill, is not a title; neither is one above a
    mail's signature.
    """
    if at + 1 == len(lines) or not lines.fits_title(at):
        return 0
    shape, signs = lines.shapes[at + 1], lines.bares[at + 1]
    if shape not in ("underline", "fence"):
        return 0
    # Tildes open a fence in Markdown; in reStructuredText they underline a title, and are as long
    # as it is.
    if shape == "fence" and (set(signs) != {"~"} or len(signs) < len(lines.bares[at])):
        return 0
    is_amount = "  " in lines.bares[at]
    if is_amount or not _stands_free(lines, at):
        return 0
    return _UNDERLINES[signs[0]]


def _stands_free(lines: Lines, at: int) -> bool:
    """Return whether only a break, or a title with its underline, is right above a line."""
    if at > 1 and lines.shapes[at - 1] == "underline" and lines.shapes[at - 2] == "prose":
        at -= 2
    return follows_blank(lines, at) or lines.shapes[at - 1] == "heading"


def numbered_level(lines: Lines, at: int) -> int:
    """Return the level of a title with a number, 0 for a step, an item and any other line.

    Steps follow each other; a title has its text below it, and no line of the same form above or
    below.
    """
    text, bare, shape = lines.texts[at], lines.bares[at], lines.shapes[at]
    if lines.indents[at] >= CODE_INDENT or len(text) > LONGEST_PLAIN_TITLE:
        return 0
    if shape == "prose" and text[lines.openings[at]] not in _OPENINGS_OF_NUMBERS:
        return 0
    match = _NUMBERED_TITLE.match(text, lines.openings[at])
    if match is None or bare.endswith((".", ",", ";", ":", "!")) or len(bare.split()) > _MOST_WORDS_OF_TITLE:
        return 0
    below = skip(lines, at + 1, BLANK)
    if below == len(lines) or lines.indents[below] > lines.indents[at]:
        return 0
    depth = match["number"].rstrip(".").count(".")
    above = at - 1
    while above >= 0 and lines.shapes[above] == "blank":
        above -= 1
    make = _make_of_number(lines, at)
    if any(_make_of_number(lines, other) == make for other in (above, below) if other >= 0):
        return 0
    if shape == "prose" and not _opens_section(lines, at, below):
        return 0
    if lines.shapes[below] == "prose" and not lines.bares[below].lstrip(_OPENING_QUOTES)[:1].isupper():
        return 0
    # Items below it are nested in it as in another item.
    is_text = lines.shapes[below] in ("prose", "header", "grid", "columns")
    return min(_LEVEL_ABOVE_NUMBERS + 1 + depth, _DEEPEST) if is_text else 0


def _make_of_number(lines: Lines, at: int) -> str | None:
    """Return the number that a line begins with, with a 0 for its figures; None for a line without one."""
    match = _NUMBER.match(lines.texts[at], lines.openings[at])
    return _FIGURES.sub("0", match[0].rstrip(". ")) if match else None


def _opens_section(lines: Lines, at: int, below: int) -> bool:
    """Return whether a line without a full stop after its number is above a section."""
    if not follows_blank(lines, at) and lines.shapes[at - 1] != "heading":
        return False
    if below > at + 1 and lines.bares[below].endswith("."):
        return True
    follower = lines.texts[below]
    return len(follower) >= NARROWEST_WRAP or bool(_NUMBERED_TITLE.match(follower, lines.openings[below]))


def _number_of_part(lines: Lines, at: int) -> int:
    """Return the number of the line after "Article 5" and the title below it, 0 where a line is something else."""
    if len(lines.texts[at]) > LONGEST_PLAIN_TITLE or not follows_blank(lines, at):
        return 0
    if not _NUMBER_OF_PART.fullmatch(lines.bares[at]):
        return 0
    title = skip(lines, at + 1, TAILS)
    is_alone = title + 1 == len(lines) or (title + 1 < len(lines) and lines.shapes[title + 1] in TAILS)
    if is_alone and lines.shapes[title] == "prose" and is_title(lines.bares[title]):
        return title + 1
    return at + 1


def _title_level(lines: Lines, at: int) -> int:
    """Return 7 for a title in plain text, 8 for a label above a list, a table or code, 0 for any other line."""
    if not is_title(lines.bares[at]) or _CAPTION_OF_FIGURE.match(lines.bares[at]):
        return 0
    if announces(lines, at):
        return LABEL_LEVEL
    below = skip(lines, at + 1, TAILS)
    is_apart = follows_blank(lines, at) and at + 1 < below < len(lines)
    if not is_apart or lines.bares[at].endswith((":", "?")):
        return 0
    is_section = lines.shapes[below] == "prose" and len(lines.texts[below]) > LONGEST_PLAIN_TITLE
    if is_section or lines.shapes[below] in _LISTED or _is_listed(lines, below):
        return _TITLE_LEVEL
    return 0


def _is_listed(lines: Lines, at: int) -> bool:
    """Return whether a line is one of several below a title: a field, or a reference."""
    return is_field(lines, at) or bool(_REFERENCE.match(lines.texts[at], lines.openings[at]))


def is_title(bare: str) -> bool:
    """Return whether a line could be a title: short, with a capital first, and not a sentence."""
    if len(bare) > LONGEST_PLAIN_TITLE:
        return False
    first = bare.lstrip("*_\"“'")[:1]
    return (
        (first.isupper() or first.isdigit() or (first == "v" and bare[1:2].isdigit()))
        and not bare.rstrip('"”’»').endswith((".", ",", ";", "!", "…", "。"))
        and len(bare.split()) <= _MOST_WORDS_OF_TITLE
    )


def announces(lines: Lines, at: int) -> bool:
    """Return whether a list, table, quote or code begins right below a line, or below a blank one after a colon."""
    below = at + 1
    if lines.bares[at].endswith(":"):
        below = skip(lines, below, TAILS)
    return below < len(lines) and lines.shapes[below] in _ANNOUNCED


def find_section(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a title in capitals: of a speech, or of an indented section of a manual page."""
    title = lines.bares[at]
    if not title.isupper() or len(title) > LONGEST_PLAIN_TITLE or title[-1] in ".:;,":
        return None
    is_above = all(lines.indents[number] > lines.indents[at] for number in range(at + 1, end))
    below = lines.bares[at + 1]
    is_sentence = below.endswith((".", "!", "?")) and not below.isupper() and not title[0].isdigit()
    # How somebody speaks, in a play.
    is_sentence = is_sentence or (below[:1] == "(" and below[-1:] == ")")
    if not is_above and not is_sentence:
        return None
    return iter([Found("heading", at + 1, level=_TITLE_LEVEL)])
