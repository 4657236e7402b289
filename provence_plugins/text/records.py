"""Lines that are records: of a log, turns of a talk, cues of subtitles, fields of a form, options of a command."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from provence_plugins.text.lines import NARROWEST_WRAP, Found, Line, Lines, depth_of, long_prose
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
    | \d\d-\d\d\ \d\d:\d\d:\d\d[.,]\d{{3,6}}
    | \d{{8}}[T\ -]\d{{6}}\b
    | 1\d{{9}}(?:[.,]\d{{1,6}}|\d{{3}})?(?=\s)
    | [\[(]\ {{0,6}}\d{{1,8}}[:.]\d\d(?:[:.,]\d{{1,6}}){{0,2}}(?:\ ?[AaPp][Mm])?[\])]
    | \d{{1,2}}:\d\d(?::\d\d(?:[.,]\d{{1,6}})?)?(?:\ ?[AaPp]\.?[Mm]\.?)?(?=\s|$)
)"""
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|FAIL(?:ED|URE)?|PASS(?:ED)?)"
# A record begins with a time, a source in brackets, a level, or a name that a colon, an equals sign or dots follow.
_RECORD = re.compile(
    rf"""(?P<time>{_TIME}\s*(?:[-–|]\s)?)?
    (?:(?P<nick><[@+~&% ]?[^<>\s/][^<>\s]{{0,30}}>\s)
    | (?P<source>\[(?![xX ]\])[^\[\]\n]{{1,40}}\][:\s])
    | (?P<level>{_LEVEL}\b[\s:\]]|[IWEF]\d{{4}}\ \d\d:)
    | (?P<client>\d{{1,3}}(?:\.\d{{1,3}}){{3}}\s\S{{1,30}}\s\S{{1,30}}\s\[)
    | (?P<asked>(?:[QA]\s?\d{{1,3}}|[QA](?=[.)]\ [A-Z]))[.):]\s)
    | (?P<field>:[A-Za-z]+(?:\ [^:\n]{{1,40}})?:(?:\s|$))
    | (?P<keyword>\#\+\w{{1,20}}:\s|[A-Z][A-Z0-9-]{{2,30}}(?:;[^:\s]{{1,40}})?:(?=[^\s/]))
    | (?P<option>-{{1,2}}\w[\w-]{{0,30}}(?:[=\s,]|$))
    | (?P<mark>[*_]{{0,3}})
        (?P<label>["']?[^\W_][^:=\n|<>{{}}()"';!?]{{0,47}}?(?:\([^()\n]{{0,30}}\))?["']?)(?P=mark)?
        (?P<sign>:[*_]{{0,3}}(?=\s|$)|\ ?=(?!=)|\s?\.{{4,}}|\ ?[_…]{{3,}})
    )?""",
    re.VERBOSE,
)
_NO_SECTIONS = (
    "def ",
    "class ",
    "if ",
    "for ",
    "while ",
    "else",
    "try",
    "with ",
    "except",
    "elif ",
    "case ",
    "Traceback",
)
_ENDS_OF_DOCSTRING = ('"""', "'''")
_SIGNS = (":", "=", "..", "__", "…")
_LONGEST_HEAD = 90
_CUE_TIMES = re.compile(r"(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}(?:\s*-->\s|,(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}\s*$)")
# The times that a transcript without line breaks has in front of what was said.
_INLINE_TIME = re.compile(r"(?:^|(?<=\s))[\[(](?:\d{1,2}:)?\d{1,2}:\d\d(?:[.,]\d{1,3})?[\])](?=\s?\S)")
_FEWEST_TIMES = 3
_MOST_WORDS_OF_LABEL = 6
_MOST_WORDS_OF_NAME = 3
_LONGEST_TITLE_OF_RECORD = 60
_HEADS = ("time", "nick", "source", "level", "client", "asked", "field", "keyword", "option", "label")
_TITLE_OF_NAME = re.compile(r"^(?:(?:dr|mr|mrs|ms|prof|sen|rep|gen|rev|hr|fr|m|mme|sr|sra)\. )+")
# "Speaker 1 (00:03)"
_REMARK = re.compile(r"\s*\([^()]*\)$")
_SURE = ("time", "nick", "client", "level")

# A line of its own that names who wrote the lines below it, and when.
_MESSAGE = re.compile(
    rf"""[^\W_][^:\n]{{0,40}}?\s{{1,4}}(?:[—–|·-]\s)?
    [\[(]?(?:(?:Today|Yesterday)(?:\ at)?\ |{_DATE},?\ (?:at\ )?)?
    \d{{1,2}}:\d\d(?::\d\d)?(?:\ ?[AaPp]\.?[Mm]\.?)?[\])]?\s*""",
    re.VERBOSE,
)
# "**Ann** commented on Mar 3, 2024"
_COMMENT = re.compile(r"[*_]{0,2}@?[^\W_][\w .@-]{0,40}[*_]{0,2} (?:commented|replied|posted|wrote|opened)\b.{0,40}")
_TERM = re.compile(r"\S.{0,30}?\ [-–—]\ \S")
_SECTION = re.compile(r"\[[\w][^\[\]]{1,60}\]")
# Lines of a log that go on with the message above.
_TRACE = re.compile(r"\s+(?:at|File)\s|Caused by:|Traceback \(|[\w.$]+(?:Exception|Error|Throwable)\b")

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
    if label and (len(label.split()) > _MOST_WORDS_OF_LABEL or ". " in _TITLE_OF_NAME.sub("", label)):
        if not match["time"]:
            return None
        return Head("time", "", match.end("time"))
    names = [name for name in _HEADS if match[name]]
    if not names:
        return None
    label = label or (match["nick"] or match["asked"] or "")
    label = _REMARK.sub("", label)
    return Head(names[0], label.strip("<>.): \t\r\n").lower(), match.end())


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
    if len(sure) >= 2:
        heads = {
            number: head
            for number, head in heads.items()
            if number == at or head.is_sure or not _TRACE.match(lines[number].text)
        }
    elif _looks_like_statements(lines, heads):
        return None
    margin = min(lines[number].indent for number in range(at, end))
    outer = [number for number in range(at, end) if lines[number].indent == margin]
    if len(sure) >= 2:
        heads = {
            number: heads[number] for number in heads if heads[number].name != "label" or 2 * len(heads) > end - at
        }
    elif len(heads) < 2 or (2 * len(heads) < end - at and not all(number in heads for number in outer)):
        return None
    begins = sorted(heads)
    has_turns = _has_turns(heads[number] for number in outer if number in heads)
    found = []
    if begins[0] > at:
        found.append(_before_records(lines, at, begins[0]))
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        if heads[begin].name == "source" and after == begin + 1 and _SECTION.fullmatch(lines[begin].bare):
            found.append(Found("heading", after, level=8))
        else:
            own = after if sure or has_turns else _end_of_field(lines, begin, after)
            found.append(_record(lines, begin, own, heads[begin]))
            found += [Found("record", line + 1, depth=depth_of(lines[line])) for line in range(own, after)]
    return found


def _has_turns(heads: Iterable[Head]) -> bool:
    """Return whether a label comes again, as the name of somebody who speaks does."""
    labels = [head.label for head in heads if head.label]
    return len(set(labels)) < len(labels)


def _end_of_field(lines: Lines, at: int, end: int) -> int:
    """Return the number of the first line that does not go on with a field but stands by itself."""
    for number in range(at + 1, end):
        before, line = lines[number - 1], lines[number]
        opening = line.text[line.opening]
        stands_alone = len(before.bare) < NARROWEST_WRAP and line.indent <= lines[at].indent
        if stands_alone and (opening.isupper() or opening in "[☐☑") and not line.bare.endswith((".", "!", "?", ",")):
            return number
    return end


def _looks_like_statements(lines: Lines, numbers: Iterable[int]) -> bool:
    """Return whether lines assign values as programs do, rather than being fields."""
    bare = [lines[number].bare for number in numbers]
    return sum(line.endswith((";", "{", "(")) for line in bare) * 2 > len(bare)


def is_field(line: Line) -> bool:
    """Return whether a line begins with a name and a colon, as a field of a form or of YAML does."""
    if ":" not in line.text[:_LONGEST_HEAD]:
        return False
    head = read_head(line.text, line.opening)
    return (
        head is not None
        and head.name == "label"
        and line.text[head.content - 1 : head.content + 1].strip(" \r\n") in (":", "", "|", ">")
    )


def find_messages(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize messages of a chat, each below a line with its author and time."""
    if not _is_author(lines[at]):
        return None
    begins = [number for number in range(at, end) if _is_author(lines[number])]
    return [
        Found("record", after, prose=_message_prose(lines, begin, after), depth=depth_of(lines[begin]))
        for begin, after in zip(begins, [*begins[1:], end], strict=True)
    ]


def _is_author(line: Line) -> bool:
    bare = line.bare
    if bare[-1:] in "0123456789o:" and len(bare) < _LONGEST_HEAD and _COMMENT.fullmatch(bare):
        return True
    return bare[-1:] in "mM0123456789])" and len(bare) < _LONGEST_HEAD and _MESSAGE.fullmatch(bare) is not None


def _message_prose(lines: Lines, at: int, end: int) -> Span | None:
    return long_prose(lines[at].start, lines[end - 1].end, lines[min(at + 1, end - 1)].start)


def find_terms(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize a list of terms, each with a dash and its explanation on the same line."""
    if not all(_TERM.match(lines[number].text, lines[number].opening) for number in range(at, end)):
        return None
    return [Found("record", number + 1, depth=depth_of(lines[number])) for number in range(at, end)]


def find_indented_section(lines: Lines, at: int) -> list[Found] | None:
    """Recognize a line such as "Returns:" with what it announces further in right below it."""
    label = lines[at]
    if len(label.text) > _LONGEST_HEAD or label.shape != "prose" or not label.bare.endswith(":"):
        return None
    if ". " in label.text or label.bare.startswith(_NO_SECTIONS):
        return None
    end = at + 1
    while end < len(lines) and lines[end].shape == "prose" and lines[end].indent > label.indent + 1:
        end += 1
    if end == at + 1:
        return None
    found = [Found("record", at + 1, depth=depth_of(label)), *_read_section(lines, at + 1, end)]
    if end < len(lines) and lines[end].bare in _ENDS_OF_DOCSTRING:
        found[-1] = found[-1]._replace(after=end + 1)
    return found


def _read_section(lines: Lines, at: int, end: int) -> list[Found]:
    """Read what stands below the label of a section: its entries, or some prose."""
    if fields := find_records(lines, at, end):
        return fields
    margin = min(lines[number].indent for number in range(at, end))
    outer = [number for number in range(at, end) if lines[number].indent == margin]
    entries = [number for number in outer if _opens_entry(lines[number])]
    begins = outer if 2 * len(entries) > len(outer) and outer[0] == at else [at]
    found = []
    for begin, after in zip(begins, [*begins[1:], end], strict=True):
        prose = long_prose(lines[begin].start, lines[after - 1].end, lines[begin].start)
        found.append(Found("record", after, prose=prose, depth=depth_of(lines[begin])))
    return found


def _opens_entry(line: Line) -> bool:
    return read_head(line.text, line.opening) is not None or "  " in line.bare or line.bare[0] in "{-"


def _before_records(lines: Lines, at: int, end: int) -> Found:
    """Read the lines in front of the first record: its title, or text."""
    title = lines[at].bare
    if end == at + 1 and len(title) < _LONGEST_TITLE_OF_RECORD and not title.endswith((".", ",", ";")):
        return Found("heading", end, level=8)
    return Found("sentence", end, prose=Span(lines[at].start, lines[end - 1].end))


def _record(lines: Lines, at: int, end: int, head: Head) -> Found:
    start, stop = lines[at].start, lines[end - 1].end
    prose = long_prose(start, stop, start + head.content)
    return Found("record", end, prose=prose, depth=depth_of(lines[at]), label=head.label or None)


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
    return line.text[line.opening].isdigit() and _CUE_TIMES.match(line.text, line.opening) is not None


def _is_number(bare: str) -> bool:
    return bare.isdigit() and len(bare) <= 6


def find_inline_times(lines: Lines, at: int, end: int) -> list[Found] | None:
    """Recognize a transcript whose times stand inside of its lines, each in front of what was said then."""
    if not any(":" in lines[number].text and lines[number].text.count(":") > 2 for number in range(at, end)):
        return None
    text = "".join(lines[number].text for number in range(at, end))
    offset = lines[at].start
    starts = [match.start() for match in _INLINE_TIME.finditer(text)]
    if len(starts) < max(_FEWEST_TIMES, end - at + 1):
        return None
    bounds = [*starts[1:], len(text)]
    found = [Found("record", end, cut=offset + stop) for stop in bounds]
    return [*found[:-1], found[-1]._replace(cut=None)]


def find_lone_record(lines: Lines, at: int, count: Callable[[], Counter[str]]) -> Found | None:
    """Recognize a record in a paragraph of its own.

    Args:
        lines: The text.
        at: The only line of the paragraph.
        count: Tells how often each label opens a line of this text.
    """
    head = read_head(lines[at].text, lines[at].opening)
    if head is None or head.name in ("option", "field", "keyword"):
        return None
    is_labelled = is_question(head.label) or (is_answer(head.label) and any(map(is_question, count())))
    if not head.is_sure and not is_labelled and not _is_speaker(head.label, count):
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
