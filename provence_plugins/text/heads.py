"""What opens a record: a time, a nick, a level, or a name followed by a colon, an equals sign or dots."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import compress
from typing import NamedTuple

from provence_plugins.text.lines import Lines

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DATE = rf"""(?:
      \d{{4}}[-/.]\d\d[-/.]\d\d
    | \d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}
    | \d{{1,2}}[ /]{_MONTH}[ /]\d{{4}}
    | (?:\w{{3}}\ )?{_MONTH}\ {{1,2}}\d{{1,2}}
)"""
# "<34>1 ", in front of a line of syslog.
_PRIORITY = r"(?:<\d{1,3}>(?:\d\ )?)?"
_TIME = rf"""(?:
      {_PRIORITY}[\[(]?{DATE},?[T: ]{{0,2}}\d{{1,2}}:\d\d(?::\d\d)?[^\s\])]{{0,12}}(?:\ ?[AaPp]\.?[Mm]\.?)?[\])]?
    | \d{{4}}-\d\d-\d\d(?=\s)
    | \d\d-\d\d\ \d\d:\d\d:\d\d[.,]\d{{3,6}}
    | \d{{8}}[T\ -]\d{{6}}\b
    | 1\d{{9}}(?:[.,]\d{{1,6}}|\d{{3}})?(?=\s)
    | [\[(]\ {{0,6}}\d{{1,8}}[:.]\d\d(?:[:.,]\d{{1,6}}){{0,2}}(?:\ ?[AaPp][Mm])?[\])]
    | \d{{1,2}}:\d\d(?::\d\d(?:[.,]\d{{1,6}})?)?(?:\ ?[AaPp]\.?[Mm]\.?)?(?=\s|$)
)"""
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|FAIL(?:ED|URE)?|PASS(?:ED)?)"
# A record begins with a time, a source in brackets, a level, or a name that a colon, an equals sign
# or dots follow.
_RECORD = re.compile(
    rf"""(?P<time>{_TIME}\s*(?:[-–|]\s)?)?
    (?:(?P<nick><[@+~&% ]?[^<>\s/][^<>\s]{{0,30}}>\s)
    | (?P<event>(?:\*{{3}}|-!-|-->|<--)\ (?=\S))
    | (?P<source>\[(?![xX ]\])[^\[\]\n]{{1,40}}\][:\s])
    | (?P<level>{_LEVEL}\b[\s:\]]|[IWEF]\d{{4}}\ \d\d:)
    | (?P<client>\d{{1,3}}(?:\.\d{{1,3}}){{3}}\s\S{{1,30}}\s\S{{1,30}}\s\[)
    | (?P<asked>(?:[QA]\s?\d{{1,3}}|[QA](?=[.)]\ [A-Z]))[.):]\s)
    | (?P<field>:[A-Za-z]+(?:\ [^:\n]{{1,40}})?:(?:\s|$))
    | (?P<keyword>\#\+\w{{1,20}}:\s|<<:\s|[A-Z][A-Z0-9-]{{2,30}}(?:;[^:\s]{{1,40}})?:(?=[^\s/]))
    | (?P<option>-{{1,2}}\w[\w-]{{0,30}}(?:[=\s,]|$))
    | (?P<mark>[*_]{{0,3}})
        (?P<label>(?:["']|@(?!\w++\ ?=))?[^\W_][^:=\n|<>{{}}()"';!?]{{0,47}}?(?:\([^()\n]{{0,30}}\))?["']?)(?P=mark)?
        (?P<sign>:[*_]{{0,3}}(?=\s|$)|\ ?=(?!=)|\s?\.{{4,}}|\ ?[_…]{{3,}})
    )?""",
    re.VERBOSE,
)
_LONGEST_HEAD = 90
_MOST_WORDS_OF_LABEL = 6
_MOST_WORDS_OF_NAME = 3
_HEADS = ("time", "nick", "event", "source", "level", "client", "asked", "field", "keyword", "option", "label")
_TITLE_OF_NAME = re.compile(r"^(?:by )?(?:(?:dr|mr|mrs|ms|prof|sen|rep|gen|rev|hr|fr|m|mme|sr|sra)\. )+")
# "Speaker 1 (00:03)"
_REMARK = re.compile(r"\s*\([^()]*\)$")
SURE_NAMES = frozenset({"time", "nick", "event", "client", "level"})
"""No line of prose begins with one of these by chance."""

_QUESTION = re.compile(r"(?:q|question|frage|pregunta|f)\s?\d{0,3}\.?", re.IGNORECASE)
_ANSWER = re.compile(r"(?:a|answer|antwort|respuesta|r)\s?\d{0,3}\.?", re.IGNORECASE)


class Head(NamedTuple):
    """What opens a record.

    Attributes:
        name: What it was recognized by, one of the groups of the regular expression: "time", "nick"
            or "label".
        label: The name that it has, in lower case; empty where it has none.
        content: First character after it, counted in the line.
    """

    name: str
    label: str
    content: int

    @property
    def is_sure(self) -> bool:
        """Whether no line of prose begins like this by chance."""
        return self.name in SURE_NAMES


class Heads:
    """The lines of a paragraph that open records, as columns, for the reason that `columns.py` gives.

    Attributes:
        numbers: The numbers of the lines.
        names: See `Head`, for each line; so are the others.
        labels: See above.
        contents: See above.
    """

    __slots__ = ("contents", "labels", "names", "numbers")

    def __init__(self, lines: Lines, at: int, end: int) -> None:
        self.numbers: list[int] = []
        self.names: list[str] = []
        self.labels: list[str] = []
        self.contents: list[int] = []
        for number in range(at, end):
            if head := read_head(lines.texts[number], lines.openings[number]):
                self.numbers.append(number)
                self.names.append(head.name)
                self.labels.append(head.label)
                self.contents.append(head.content)

    def __len__(self) -> int:
        return len(self.numbers)

    def count_sure(self) -> int:
        """Return how many lines begin as no line of prose does by chance."""
        return sum(name in SURE_NAMES for name in self.names)

    def keep(self, wanted: Iterable[bool]) -> None:
        """Keep only some of the lines."""
        chosen = list(wanted)
        self.numbers = list(compress(self.numbers, chosen))
        self.names = list(compress(self.names, chosen))
        self.labels = list(compress(self.labels, chosen))
        self.contents = list(compress(self.contents, chosen))


def read_head(text: str, opening: int) -> Head | None:
    """Return what opens a record in a line, None where nothing does.

    Args:
        text: The line.
        opening: Its first character after the indent.
    """
    # Most lines begin with a word and have no sign that a label ends with.
    beginning = text[opening : opening + _LONGEST_HEAD]
    if beginning[:2].isalpha() and not _has_sign(beginning) and not beginning[:4].isupper():
        return None
    match = _RECORD.match(text, opening)
    if match is None or match.end() == opening:
        return None
    label = (match["label"] or "").strip(" \"'").lower()
    if label and (len(label.split()) > _MOST_WORDS_OF_LABEL or ". " in _TITLE_OF_NAME.sub("", label)):
        return Head("time", "", match.end("time")) if match["time"] else None
    name = next((name for name in _HEADS if match[name]), None)
    if name is None:
        return None
    if label := label or match["nick"] or match["asked"] or "":
        label = _REMARK.sub("", label).strip("<>.): \t\r\n").lower()
    return Head(name, label, match.end())


def _has_sign(beginning: str) -> bool:
    return ":" in beginning or "=" in beginning or ".." in beginning or "__" in beginning or "…" in beginning


def is_question(label: str | None) -> bool:
    """Return whether a record's label says that it asks something."""
    return bool(label and _QUESTION.fullmatch(label))


def is_answer(label: str | None) -> bool:
    """Return whether a record's label says that it answers something."""
    return bool(label and _ANSWER.fullmatch(label))


def is_field(lines: Lines, at: int) -> bool:
    """Return whether a line begins with a name and a colon, as a field of a form or of YAML does."""
    text = lines.texts[at]
    if ":" not in text[:_LONGEST_HEAD]:
        return False
    head = read_head(text, lines.openings[at])
    return (
        head is not None
        and head.name == "label"
        and text[head.content - 1 : head.content + 1].strip(" \r\n") in (":", "", "|", ">")
    )


class Labels:
    """How often each label opens a line of a text."""

    def __init__(self, lines: Lines) -> None:
        self._counts: Counter[str] = Counter()
        for text, shape, opening in zip(lines.texts, lines.shapes, lines.openings, strict=True):
            if shape == "prose" and (":" in text[:80] or text.startswith("Q. ", opening)):
                head = read_head(text, opening)
                if head and head.label:
                    self._counts[head.label] += 1
        self.have_questions = any(map(is_question, self._counts))
        self._have_turns = self._counts.total() > 2 and max(self._counts.values()) > 1

    def is_speaker(self, label: str) -> bool:
        """Return whether a label opens several lines, or is the name of somebody who speaks once among others."""
        is_name = len(label.split()) <= _MOST_WORDS_OF_NAME
        return bool(label) and (self._counts[label] > 1 or (is_name and self._have_turns))
