"""Running prose to sentences by sentencex, and correct its mistakes: cuts inside names, and cuts missed at signs.

The library is given a text in which what misleads it is replaced sign for sign, and where it cuts
is looked at again.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from operator import sub

import sentencex

from provence_plugins.text.languages import (
    ABBREVIATIONS,
    AFTER_ORDINALS,
    ALSO_WORDS,
    NUMBERED,
    ORDINALS,
    STARTERS,
    TITLES,
    guess_language,
)
from provence_plugins.text.pieces import ends_by_pieces
from provence_plugins.text.surrogates import without_surrogates

# What the Rust library cannot take: lone surrogates, and white space of several bytes, where it
# panics on an initial such as "J." after it.
_WIDE_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_TO_SPACE = str.maketrans(dict.fromkeys(_WIDE_SPACES, " "))

# Brackets and quotes keep the sentences inside together, as far as a short pair of them reaches.
# What has no partner nearby would reach for a far one: a less-than sign, the mark of an inch, an
# opening quote whose end is elsewhere. "(3)" and "(J, K)" would be taken for the marks of a list,
# and all text after them for its last item.
_MISLEADING = re.compile(
    r"""[(\[{<"'“„«‘](?:
      (?P<mark>(?<=\()(?:[^()]{0,60}\s)?(?:[A-Za-z]|\d{1,3}|[ivxlc]{1,5})\.?\)(?=\s))
    | (?<=\()(?![^()]{0,300}\))
    | (?<=\[)(?![^\[\]]{0,300}\])
    | (?<=\{)(?![^{}]{0,300}\})
    | (?<=<)(?![A-Za-z/!][^<>]{0,300}>)
    | (?<=[“„])(?![^“„”]{0,500}[”“])
    | (?<=«)(?![^«»]{0,500}»)
    | (?<=‘)(?![^‘’]{0,300}’)
    | (?<=\d["'])
    | (?P<pair>(?<=")(?<!\w")(?=\S)[^"]{1,500}(?<=\S)"(?!\w))
    | (?<=")
    | (?<=')(?=\d\ds?\b|tis\b|twas\b|em\b|til\b))""",
    re.VERBOSE,
)
# Words that the library takes for abbreviations of "number" and "article", in front of the
# beginning of a sentence.
_WORD_AT_END = re.compile(r"\b(?:[Nn]o|[Aa]rt|[Ff]ig|[Mm]ay|(?<=\d )min)(?=\.\s+[\"“‘]?[A-ZÄÖÜÀÉ][a-zäöüß’' ])")
_IN_MARK = str.maketrans("().!?", "~~~~~")

# What still belongs to a sentence that ended right in front of it.
_CLOSING_MARKS = re.compile(
    r"""(?:[)\]}"'”’»*_~`]|</\w{1,10}>|\[\d{1,3}\]|\[\^\w{1,10}\]|<ref\b[^<>]{0,99}(?:/>|>[^<>]{0,300}</ref>))+\s*"""
)
_LIST_NUMBER = re.compile(r"(?<![^\s(])(\d{1,2})[.)]\s*$")
# "Table 2. Mean values" says one thing.
_CAPTION = re.compile(
    r"\s*(?:Table|Figure|Fig|Box|Chart|Plate|Scheme|Listing|Theorem|Lemma|Definition|Example|Step|Rule|Tabelle|Abbildung)"
    r"\.?\s\d{1,2}\.\s*"
    # "Section 3. Liability. In no event ..." has its title in between.
    r"|\s*(?:Section|Article|Clause|Chapter|Part|Schedule|Annex|Appendix|Artikel)\s[\dIVX]{1,4}(?:\.\d{1,2}){0,3}\.\s*"
    r"(?:[A-Z][\w-]*(?:,?\s[\w-]+){0,3}\.\s*)?"
)
_NUMBER = re.compile(r"[\d§(]|[IVXLC]{1,5}\b|[A-Z]\d")
_WORD = re.compile(r"\w+")
_NAME = re.compile(r"[\w/.-]*$")
_ABBREVIATIONS = ABBREVIATIONS | NUMBERED | TITLES
_LONGEST_ABBREVIATION = 10
# "Hauptstr. 5"
_STREET = "str"
# "Node.JS"
_LONGEST_ENDING = 3
_LONGEST_GAP = 100
# Words in italics or bold that name what comes after them: "_Order forms._ After the end ..."
_LEAD = re.compile(r"\s*([*_]{1,3})[^*_\n]{1,60}\1\s*")
_LONGEST_NAME = 100
# How the words begin that a number and a title may follow.
_PARTS = frozenset({"Sect", "Arti", "Clau", "Chap", "Part", "Sche", "Anne", "Appe"})
_MEASURE = re.compile(r"[^\W\d_]+(?:\s[^\W\d_]+)?:?\s\d")
# No sentence that somebody wrote with full stops is so long.
_LONGEST_UNBROKEN = 400
_CHARACTERS_PER_COMMA = 200
_SHORTEST_STRETCH = 120
_WORD_THAT_GOES_ON = re.compile(
    r"(?<=[^\W\d_]\ )(?:and\ (?:then|so|the|that|we|you|i|it)|so|but|because|then|now|okay|well|um|uh)(?=\ [a-zA-Z])"
)
_GOES_ON = re.compile(r"[,`]|\)?\ (?:is|are|was|which|that|if|raises|returns|object|class)\b")


def read_language_of(text: str) -> Callable[[str], Iterable[tuple[int, int]]]:
    """Return a function that finds the sentences in any part of a text, in the language of the whole."""
    return partial(sentencex_spans, language=guess_language(text))


def sentencex_spans(text: str, language: str = "auto") -> Iterable[tuple[int, int]]:
    """Find the sentences of prose by sentencex.

    Args:
        text: Running prose.
        language: Whose abbreviations end no sentence: an ISO 639 code, one of about 300, or "auto"
            to detect it by script and frequent words. Terminators of other scripts are known in
            every language.
    """
    if language == "auto":
        language = guess_language(text)
    read = _MISLEADING.sub(_replace, text)
    if "no. " in read or "No. " in read or " art. " in read:
        read = _WORD_AT_END.sub(lambda word: "x" * len(word[0]), read)
    if not text.isascii():
        read = _make_safe(read)
    ends = ends_by_pieces(read, partial(sentencex.segment, language))
    bounds = [0, *_mend(text, ends, language)]
    if len(text) > _LONGEST_UNBROKEN and max(map(sub, bounds[1:], bounds)) > _LONGEST_UNBROKEN:
        bounds = [0, *_break_speech(text, bounds)]
    return pairwise(bounds)


def _break_speech(text: str, bounds: Iterable[int]) -> Iterator[int]:
    """Cut a stretch in which nobody set a full stop, as in a transcript by a machine, before words that continue."""
    for last, end in pairwise(bounds):
        if end - last > _LONGEST_UNBROKEN > _CHARACTERS_PER_COMMA * text.count(",", last, end):
            for word in _WORD_THAT_GOES_ON.finditer(text, last + _SHORTEST_STRETCH, end - _SHORTEST_STRETCH):
                if word.start() - last >= _SHORTEST_STRETCH:
                    last = word.start()
                    yield last
        yield end


def _make_safe(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        text = without_surrogates(text)
    # A look for each is far faster than a table for all characters.
    return text.translate(_TO_SPACE) if any(space in text for space in _WIDE_SPACES) else text


def _replace(match: re.Match[str]) -> str:
    if match["mark"]:
        return match[0].translate(_IN_MARK)
    return match[0] if match["pair"] else "~"


def _mend(text: str, ends: Iterable[int], language: str) -> Iterator[int]:
    """Remove ends inside a sentence, and move those before closing marks or after a list's number."""
    last = 0
    step = 0  # number of the last item of a list in running text
    length = len(text)
    for end in ends:
        if end >= length:
            break
        if not text[end - 1].isspace():
            marks = _CLOSING_MARKS.match(text, end)
            if marks is None and text[end - 1].isascii() and _is_inside_name(text, end):
                continue
            if text.startswith("![", end - 1):  # an image, not an exclamation
                continue
            end = marks.end() if marks else end
            end += len(text[end : end + _LONGEST_GAP]) - len(text[end : end + _LONGEST_GAP].lstrip())
            if marks and _LEAD.fullmatch(text, last, end):
                continue
        elif text[end - 2] == "." and text[end - 3].isdigit():
            number = _LIST_NUMBER.search(text, max(last, end - 8), end)
            if number and _opens_item(text, last, number, step):
                step = int(number[1])
                end = number.start(1)
            elif (number and _is_ordinal(text, number.start(1), end, language)) or _CAPTION.fullmatch(text, last, end):
                continue
        elif text[end - 2] == ".":
            word = text[max(0, end - _LONGEST_ABBREVIATION) : end - 2].rpartition(" ")[2].lower()
            # Nearly all are neither.
            is_short = word in _ABBREVIATIONS or not word.isalpha() or len(word) == 1 or word.endswith(_STREET)
            if is_short and _is_abbreviation(text, last, end, word, language):
                continue
            if text[last : last + 4] in _PARTS and _CAPTION.fullmatch(text, last, end):
                continue
        if last < end < length:
            yield end
            last = end
    if last < len(text):
        yield len(text)


def _is_inside_name(text: str, end: int) -> bool:
    """Return whether a dot without a space after it is inside a name ("httpx.HTTPError") or an address.

    In many texts the space between two sentences is missing, so two plain words are two sentences,
    unless what follows continues like a sentence about the second.
    """
    name, following = _NAME.search(text, max(0, end - _LONGEST_NAME), end), _WORD.match(text, end)
    if name is None or following is None or text[end - 1] != ".":
        return False
    first, second = name[0].rstrip("."), following[0]
    if first.isascii() and first and not (first.isdigit() or (first.isalpha() and len(first) > 1)):
        return True
    is_plain = second.istitle() or second.isupper() or not second.isascii()
    if not is_plain or text[following.end() : following.end() + 1] in tuple("._(/`"):
        return True
    if second.isupper() and len(second) <= _LONGEST_ENDING and not first.isupper():
        return True
    return second not in STARTERS and first.islower() and bool(_GOES_ON.match(text, following.end()))


def _opens_item(text: str, last: int, number: re.Match[str], step: int) -> bool:
    """Return whether a number begins the next item of a list in running text, rather than ending a sentence."""
    before = text[last : number.start(1)].rstrip()
    return not before or (int(number[1]) == step + 1 and before[-1] in ":;.!?)—")


def _is_ordinal(text: str, start: int, end: int, language: str) -> bool:
    """Return whether "3." means "third": in front of a month, or in a language that writes it so.

    There, "Zimmer 3." and "Nr. 3." end with a number that counts nothing after it.
    """
    following = _WORD.match(text, end)
    if following is None:
        return False
    if following[0].lower() in AFTER_ORDINALS:
        return True
    if language in ORDINALS and following[0].islower():  # "Am 3. ging er."
        return True
    before = text[max(0, start - _LONGEST_NAME) : start].split()[-1:]
    is_counted = not before or (before[0][:1].islower() and not before[0].endswith("."))
    return language in ORDINALS and is_counted and following[0] not in STARTERS


def _is_abbreviation(text: str, last: int, end: int, word: str, language: str) -> bool:
    """Return whether the word before an end is an abbreviation, given what follows."""
    if word not in _ABBREVIATIONS:
        if word.endswith(_STREET) and text[end].isdigit():
            return True
        if word.isalpha() and len(word) > 1:
            return False
        word = (word.split() or [""])[-1].lstrip("([\"'")
        word = word.rpartition("'")[2].rpartition("’")[2]  # "l'art. 5"
    if word in ABBREVIATIONS:
        return True
    following = _WORD.match(text, end)
    if word in TITLES or (len(word) == 1 and text[end - 3].isupper() and language != "en"):
        return following is not None and following[0][0].isupper() and following[0] not in STARTERS
    if text[end].islower() and len(word) == 1 and text[end - 5 : end - 3] == ". ":  # "8 a. m. in Madrid"
        return True
    if word not in NUMBERED:
        return False
    is_alone = word not in ALSO_WORDS and text[last : end - 2].strip().lower() == word
    if is_alone and following and following[0] not in STARTERS:
        return True
    if word in ("max", "min") and following and following[0] not in STARTERS and not text[end - 7].isdigit():
        return text[end - 5] == "m" or language == "de" or bool(_MEASURE.match(text, end))
    return bool(_NUMBER.match(text, end)) or (text[end].islower() and word not in ALSO_WORDS)
