"""Lines that are records: of a log, turns of a talk, fields of a form, options of a command."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, pairwise

from provence_plugins.text.heads import SURE_NAMES, Heads, Labels, is_answer, is_question, read_head
from provence_plugins.text.lines import NARROWEST_WRAP, Found, Lines, depth_of, long_prose

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
_LONGEST_LABEL = 90
_LONGEST_TITLE_OF_RECORD = 60
_CHECKBOX = re.compile(r"\[[xX ]\]\s")
_SECTION = re.compile(r"\[[\w][^\[\]]{1,60}\]")
# In a transcript of a court: whoever asks what follows.
_EXAMINER = re.compile(r"BY (?:MR|MS|MRS|MISS|DR|THE)\b[^:]{1,40}:")
# Words in front of a name that a program assigns to.
_STATEMENT = re.compile(
    r"(?:export|const|let|var|val|public|private|protected|static|final|return|func|def|local|my|int|float|auto)\s"
)
# Lines of a log that go on with the message above.
_TRACE = re.compile(r"\s+(?:at|File)\s|Caused by:|Traceback \(|[\w.$]+(?:Exception|Error|Throwable)\b")


def find_records(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize lines most of which begin like records, each with the lines that continue it.

    Lines that a time, a nick or a level opens are records wherever there are two of them. Names
    before a colon must open half of the lines, or all that are not indented below another.
    """
    heads = Heads(lines, at, end)
    if len(heads) < 2:
        return None
    sure = heads.count_sure()
    if sure >= 2:
        _keep_records_of_log(lines, heads, at, end)
        return _read_records(lines, at, end, heads, is_talk=True)
    if _look_like_statements(lines, heads.numbers):
        return None
    margin = min(lines.indents[at:end])
    outer = [lines.indents[number] == margin for number in heads.numbers]
    if 2 * len(heads) < end - at and sum(outer) < lines.indents[at:end].count(margin):
        return None
    is_talk = sure > 0 or _has_turns(compress(heads.labels, outer))
    return _read_records(lines, at, end, heads, is_talk=is_talk)


def _keep_records_of_log(lines: Lines, heads: Heads, at: int, end: int) -> None:
    """Keep lines that open with a time, a nick or a level, and those others that begin a record too."""
    heads.keep(
        number == at or name in SURE_NAMES or not _TRACE.match(lines.texts[number])
        for number, name in zip(heads.numbers, heads.names, strict=True)
    )
    if 2 * len(heads) <= end - at:
        heads.keep(name != "label" for name in heads.names)


def _read_records(
    lines: Lines,
    at: int,
    end: int,
    heads: Heads,
    *,
    is_talk: bool,
) -> Iterator[Found]:
    if heads.numbers[0] > at:
        yield _before_records(lines, at, heads.numbers[0])
    ends = [*heads.numbers[1:], end]
    for begin, after, name, label, content in zip(
        heads.numbers, ends, heads.names, heads.labels, heads.contents, strict=True
    ):
        heads_section = _SECTION if name == "source" else _EXAMINER
        if after == begin + 1 and heads_section.fullmatch(lines.bares[begin]):
            yield Found("heading", after, level=8)
            continue
        own = after if is_talk else _end_of_field(lines, begin, after)
        yield _record(lines, begin, own, label, content)
        for line in range(own, after):
            yield Found("record", line + 1, depth=depth_of(lines, line))


def _has_turns(labels: Iterable[str]) -> bool:
    """Return whether a label occurs again, as the name of a speaker does."""
    named = [label for label in labels if label]
    return len(set(named)) < len(named)


def _end_of_field(lines: Lines, at: int, end: int) -> int:
    """Return the number of the first line that does not continue a field."""
    for number in range(at + 1, end):
        letter = lines.letter(number)
        if lines.indents[number] > lines.indents[at]:
            continue
        if letter in "☐☑☒" or _CHECKBOX.match(lines.bares[number]):
            return number
        ends_as_prose = lines.bares[number].endswith((".", "!", "?", ","))
        stands_alone = len(lines.bares[number - 1]) < NARROWEST_WRAP
        if stands_alone and (letter.isupper() or letter == "[") and not ends_as_prose:
            return number
    return end


def _look_like_statements(lines: Lines, numbers: Iterable[int]) -> bool:
    """Return whether lines assign values as programs do, rather than being fields."""
    bare = [lines.bares[number] for number in numbers]
    statements = sum(line.endswith((";", "{", "(")) or bool(_STATEMENT.match(line)) for line in bare)
    return 2 * statements > len(bare)


def find_indented_section(lines: Lines, at: int) -> Iterator[Found] | None:
    """Recognize a line such as "Returns:" with what it announces, indented right below it."""
    bare = lines.bares[at]
    if not bare.endswith(":") or lines.shapes[at] != "prose" or len(lines.texts[at]) > _LONGEST_LABEL:
        return None
    if ". " in lines.texts[at] or bare.startswith(_NO_SECTIONS):
        return None
    end = at + 1
    while end < len(lines) and lines.shapes[end] == "prose" and lines.indents[end] > lines.indents[at] + 1:
        end += 1
    if end == at + 1:
        return None
    return _read_indented_section(lines, at, end)


def _read_indented_section(lines: Lines, at: int, end: int) -> Iterator[Found]:
    last = Found("record", at + 1, depth=depth_of(lines, at))
    for found in _read_section(lines, at + 1, end):
        yield last
        last = found
    closes = end < len(lines) and lines.bares[end] in _ENDS_OF_DOCSTRING
    yield last._replace(after=end + 1) if closes else last


def _read_section(lines: Lines, at: int, end: int) -> Iterator[Found]:
    """Read the text below the label of a section: its entries, or some prose."""
    if fields := find_records(lines, at, end):
        yield from fields
        return
    margin = min(lines.indents[at:end])
    outer = [number for number in range(at, end) if lines.indents[number] == margin]
    entries = sum(1 for number in outer if _opens_entry(lines, number))
    begins = outer if 2 * entries > len(outer) and outer[0] == at else [at]
    for begin, after in pairwise([*begins, end]):
        prose = long_prose(lines.starts[begin], lines.starts[after], lines.starts[begin])
        yield Found("record", after, prose=prose, depth=depth_of(lines, begin))


def _opens_entry(lines: Lines, at: int) -> bool:
    bare = lines.bares[at]
    return read_head(lines.texts[at], lines.openings[at]) is not None or "  " in bare or bare.startswith(("{", "-"))


def _before_records(lines: Lines, at: int, end: int) -> Found:
    """Read the lines in front of the first record: its title, or text."""
    title = lines.bares[at]
    if end == at + 1 and len(title) < _LONGEST_TITLE_OF_RECORD and not title.endswith((".", ",", ";")):
        return Found("heading", end, level=8)
    return Found("sentence", end, prose=(lines.starts[at], lines.starts[end]))


def _record(lines: Lines, at: int, end: int, label: str, content: int) -> Found:
    start, stop = lines.starts[at], lines.starts[end]
    prose = long_prose(start, stop, start + content)
    return Found("record", end, prose=prose, depth=depth_of(lines, at), label=label or None)


def find_lone_record(lines: Lines, at: int, read_labels: Callable[[], Labels]) -> Found | None:
    """Recognize a record in a paragraph of its own.

    Args:
        lines: The text.
        at: The only line of the paragraph.
        read_labels: Returns the labels of this text.
    """
    if _EXAMINER.fullmatch(lines.bares[at]):
        return Found("heading", at + 1, level=8)
    head = read_head(lines.texts[at], lines.openings[at])
    if head is None or head.name in ("option", "field", "keyword", "event"):
        return None
    label = head.label
    is_labelled = is_question(label) or (is_answer(label) and read_labels().have_questions)
    if not head.is_sure and not is_labelled and not (label and read_labels().is_speaker(label)):
        return None
    return _record(lines, at, at + 1, label, head.content)
