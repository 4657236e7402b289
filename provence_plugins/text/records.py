"""Lines that are records: of a log, turns of a talk, cues of subtitles, fields of a form, options of a command."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from provence_plugins.text.lines import Found, Line, Lines, long_prose
from provence_plugins.types import Span

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = rf"""(?:
      \d{{4}}[-/.]\d\d[-/.]\d\d
    | \d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}
    | \d{{1,2}}[ /]{_MONTH}[ /]\d{{4}}
    | (?:\w{{3}}\ )?{_MONTH}\ {{1,2}}\d{{1,2}}
)"""
_TIME = rf"""(?:
      [\[(]?{_DATE},?[T: ]{{0,2}}\d{{1,2}}:\d\d(?::\d\d)?[^\s\])]{{0,12}}(?:\ ?[AaPp]\.?[Mm]\.?)?[\])]?
    | \d{{4}}-\d\d-\d\d(?=\s)
    | [\[(]\ {{0,6}}\d{{1,8}}[:.]\d\d(?:[:.,]\d{{1,6}}){{0,2}}(?:\ ?[AaPp][Mm])?[\])]
    | \d{{1,2}}:\d\d(?::\d\d(?:[.,]\d{{1,6}})?)?(?:\ ?[AaPp]\.?[Mm]\.?)?(?=\s|$)
)"""
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|FAIL(?:ED|URE)?|PASS(?:ED)?)"
# A record begins with a time, a source in brackets, a level, or a name that a colon, an equals sign or dots follow.
_RECORD = re.compile(
    rf"""(?P<time>{_TIME}\s*(?:[-–|]\s)?)?
    (?:(?P<nick><[@+~&% ]?[^<>\s/][^<>\s]{{0,30}}>\s)
    | (?P<source>\[[^\[\]\n]{{1,40}}\][:\s])
    | (?P<level>{_LEVEL}\b[\s:\]]|[IWEF]\d{{4}}\ \d\d:)
    | (?P<client>\d{{1,3}}(?:\.\d{{1,3}}){{3}}\s\S{{1,30}}\s\S{{1,30}}\s\[)
    | (?P<option>-{{1,2}}\w[\w-]{{0,30}}(?:[=\s,]|$))
    | (?P<mark>[*_]{{0,3}})
        (?P<label>["']?[^\W_][^:=\n|<>{{}}()"';!?]{{0,47}}?(?:\([^()\n]{{0,30}}\))?["']?)(?P=mark)?
        (?P<sign>:[*_]{{0,3}}(?=\s|$)|\ ?=(?!=)|\s?\.{{4,}}|\ ?[_…]{{3,}})
    )?""",
    re.VERBOSE,
)
_SIGNS = (":", "=", "..", "__", "…")
_LONGEST_HEAD = 90
_CUE_TIMES = re.compile(r"(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}\s*-->\s")
_MOST_WORDS_OF_LABEL = 6
_MOST_WORDS_OF_NAME = 3
_LONGEST_TITLE_OF_RECORD = 60
_SURE = ("time", "nick", "client", "level")

_QUESTION = re.compile(r"(?:q|question|frage|pregunta|f)\s?\d{0,3}\.?", re.IGNORECASE)
_ANSWER = re.compile(r"(?:a|answer|antwort|respuesta|r)\s?\d{0,3}\.?", re.IGNORECASE)


class Head(NamedTuple):
    """What opens a record.

    Attributes:
        name: What told it: "time", "nick", "source", "level", "client", "option" or "label".
        label: The name that it bears, in lower case; empty where it bears none.
        content: First character after it, counted in the line.
    """

    name: str
    label: str
    content: int

    @property
    def is_sure(self) -> bool:
        """Whether no line of prose begins so by chance."""
        return self.name in _SURE


def read_head(text: str, opening: int) -> Head | None:
    """Return what opens a record in a line, None where nothing does.

    Args:
        text: The line.
        opening: Its first character after the indent.
    """
    # Most lines begin with a word and have no sign that a label ends with.
    beginning = text[opening : opening + _LONGEST_HEAD]
    if beginning[:2].isalpha() and not beginning[:4].isupper() and not any(sign in beginning for sign in _SIGNS):
        return None
    match = _RECORD.match(text, opening)
    if match is None or match.end() == opening:
        return None
    label = (match["label"] or "").strip(" \"'").lower()
    if label and (len(label.split()) > _MOST_WORDS_OF_LABEL or ". " in label):
        if not match["time"]:
            return None
        return Head("time", "", match.end("time"))
    names = [name for name in ("time", "nick", "source", "level", "client", "option", "label") if match[name]]
    if not names:
        return None
    return Head(names[0], (match["nick"] or label).strip("<> ").lower(), match.end())


def is_question(label: str | None) -> bool:
    """Return whether a record's label says that it asks something."""
    return bool(label and _QUESTION.fullmatch(label))


def is_answer(label: str | None) -> bool:
    """Return whether a record's label says that it answers something."""
    return bool(label and _ANSWER.fullmatch(label))


def find_records(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize lines of which most begin like records, each with the lines that continue it.

    Lines that a time, a nick or a level opens are records wherever there are two of them. Names before a colon must
    open half of the lines, or all that are not indented below another.
    """
    heads = {
        number: head for number in range(at, end) if (head := read_head(lines[number].text, lines[number].opening))
    }
    sure = [number for number in heads if heads[number].is_sure]
    margin = min(lines[number].indent for number in range(at, end))
    outer = [number for number in range(at, end) if lines[number].indent == margin]
    if len(sure) >= 2:
        heads = {
            number: heads[number] for number in heads if heads[number].name != "label" or 2 * len(heads) > end - at
        }
    elif len(heads) < 2 or (2 * len(heads) < end - at and not all(number in heads for number in outer)):
        return None
    begins = sorted(heads)
    found = []
    if begins[0] > at:
        found.append(_before_records(lines, at, begins[0]))
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        found.append(_record(lines, begin, after, heads[begin]))
    return found


def _before_records(lines: Lines, at: int, end: int) -> Found:
    """Read the lines in front of the first record: its title, or text."""
    title = lines[at].bare
    if end == at + 1 and len(title) < _LONGEST_TITLE_OF_RECORD and not title.endswith((".", ",", ";")):
        return Found("heading", end, level=8)
    return Found("sentence", end, prose=Span(lines[at].start, lines[end - 1].end))


def _record(lines: Lines, at: int, end: int, head: Head) -> Found:
    start, stop = lines[at].start, lines[end - 1].end
    prose = long_prose(start, stop, start + head.content)
    return Found("record", end, prose=prose, indent=lines[at].indent, label=head.label or None)


def find_cues(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize cues of subtitles: a number, the times, the text."""
    if not any(_is_cue_time(lines[number]) for number in range(at, min(end, at + 2))):
        return None
    while end < len(lines) and lines[end].shape != "blank":  # lines of a talk begin with dashes
        end += 1
    times = [number for number in range(at, end) if _is_cue_time(lines[number])]
    begins = [time - 1 if time > at and _is_number(lines[time - 1].bare) else time for time in times]
    return [Found("record", after) for after in [*begins[1:], end]]


def _is_cue_time(line: Line) -> bool:
    return "-->" in line.text and _CUE_TIMES.match(line.text, line.opening) is not None


def _is_number(bare: str) -> bool:
    return bare.isdigit() and len(bare) <= 6


def find_lone_record(lines: Lines, at: int, count: Callable[[], Counter[str]]) -> Found | None:
    """Recognize a record in a paragraph of its own.

    Args:
        lines: The text.
        at: The only line of the paragraph.
        count: Tells how often each label opens a line of this text.
    """
    head = read_head(lines[at].text, lines[at].opening)
    if head is None or head.name == "option":
        return None
    if not head.is_sure and not _is_speaker(head.label, count):
        return None
    return _record(lines, at, at + 1, head)


def _is_speaker(label: str, count: Callable[[], Counter[str]]) -> bool:
    """Return whether a label opens several lines, or is the name of somebody who speaks once among others."""
    if not label:
        return False
    labels = count()
    is_name = len(label.split()) <= _MOST_WORDS_OF_NAME
    return labels[label] > 1 or (is_name and labels.total() > 2 and max(labels.values()) > 1)


def count_labels(lines: Lines) -> Counter[str]:
    """Count how often each label opens a line."""
    labels: Counter[str] = Counter()
    for line in lines:
        if line.shape == "prose" and ":" in line.text[:80]:
            head = read_head(line.text, line.opening)
            if head and head.label:
                labels[head.label] += 1
    return labels
