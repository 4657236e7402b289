"""What people said, with names and times apart from it: messages of a chat, subtitles, inline times."""

import re
from collections.abc import Iterator
from itertools import pairwise

from provence_plugins.text.heads import DATE
from provence_plugins.text.lines import Found, Lines, depth_of, long_prose

# A line of its own that names who wrote the lines below it, and when.
_MESSAGE = re.compile(
    rf"""[^\W_][^:\n]{{0,40}}?\s{{1,4}}(?:[—–|·-]\s)?
    [\[(]?(?:(?:Today|Yesterday)(?:\ at)?\ |{DATE},?\ (?:at\ )?)?
    \d{{1,2}}:\d\d(?::\d\d)?(?:\ ?[AaPp]\.?[Mm]\.?)?[\])]?\s*""",
    re.VERBOSE,
)
# "**Ann** commented on Mar 3, 2024"
_COMMENT = re.compile(r"[*_]{0,2}@?[^\W_][\w .@-]{0,40}[*_]{0,2} (?:commented|replied|posted|wrote|opened)\b.{0,40}")
_LONGEST_AUTHOR = 90
_NAME = re.compile(r"[^\W\d_][\w.'’-]{0,30}(?: [^\W\d_][\w.'’-]{0,30}){0,3}")
_TIME_ALONE = re.compile(r"\d{1,2}:\d\d(?: ?[AaPp]\.?[Mm]\.?)?")
# "[10:04 AM] Ann Lee"
_TIMED_AUTHOR = re.compile(rf"[\[(]{_TIME_ALONE.pattern}[\])] [A-Z][\w.'’-]{{1,30}}(?: [A-Z][\w.'’-]{{0,30}}){{0,3}}")
_FEWEST_LINES_OF_MESSAGE = 3
_CUE_TIMES = re.compile(r"(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}(?:\s*-->\s|,(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}\s*$)")
# The times that a transcript without line breaks has in front of what was said.
_INLINE_TIME = re.compile(r"(?:^|(?<=\s))[\[(](?:\d{1,2}:)?\d{1,2}:\d\d(?:[.,]\d{1,3})?[\])](?=\s?\S)")
_FEWEST_TIMES = 3
_MOST_DIGITS_OF_NUMBER = 6


def find_messages(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize messages of a chat, each below a line with its author and time, or below one for each."""
    bares = lines.bares
    if _is_author(bares[at]):
        return _read_messages(lines, [number for number in range(at, end) if _is_author(bares[number])], end)
    # The time alone stands on the second line.
    if end - at < _FEWEST_LINES_OF_MESSAGE or not _names_author(lines, at):
        return None
    return _read_messages(lines, [number for number in range(at, end - 2) if _names_author(lines, number)], end)


def _names_author(lines: Lines, at: int) -> bool:
    below = lines.bares[at + 1]
    return below[:1].isdigit() and bool(_TIME_ALONE.fullmatch(below)) and bool(_NAME.fullmatch(lines.bares[at]))


def _is_author(bare: str) -> bool:
    if bare[:1] in "[(":
        return _TIMED_AUTHOR.fullmatch(bare) is not None
    last = bare[-1:]
    if len(bare) >= _LONGEST_AUTHOR or last not in "mM0123456789])o:":
        return False
    if last in "0123456789o:" and _COMMENT.fullmatch(bare):
        return True
    return last not in "o:" and _MESSAGE.fullmatch(bare) is not None


def _read_messages(lines: Lines, begins: list[int], end: int) -> Iterator[Found]:
    for begin, after in pairwise([*begins, end]):
        text_start = lines.starts[min(begin + 1, after - 1)]
        prose = long_prose(lines.starts[begin], lines.starts[after], text_start)
        yield Found("record", after, prose=prose, depth=depth_of(lines, begin))


def find_cues(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize cues of subtitles: a number, the times, the text."""
    if not any(_is_cue_time(lines, number) for number in range(at, min(end, at + 2))):
        return None
    while end < len(lines) and lines.shapes[end] != "blank":  # lines of a talk begin with dashes
        end += 1
    times = [number for number in range(at, end) if _is_cue_time(lines, number)]
    begins = []
    for time in times:
        is_numbered = time > at and _is_number(lines.bares[time - 1])
        begins.append(time - 1 if is_numbered else time)
    return (Found("record", after) for after in [*begins[1:], end])


def _is_cue_time(lines: Lines, at: int) -> bool:
    return lines.letter(at).isdigit() and _CUE_TIMES.match(lines.texts[at], lines.openings[at]) is not None


def _is_number(bare: str) -> bool:
    return bare.isdigit() and len(bare) <= _MOST_DIGITS_OF_NUMBER


def find_inline_times(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a transcript with times inside its lines, each before what was said then."""
    text = lines.between(at, end)
    if text.count(":") < _FEWEST_TIMES or not any(line.count(":") > 2 for line in lines.texts[at:end]):
        return None
    starts = [match.start() for match in _INLINE_TIME.finditer(text)]
    if len(starts) < max(_FEWEST_TIMES, end - at + 1):
        return None
    offset = lines.starts[at]
    cuts = [offset + start for start in starts[1:]]
    return (Found("record", end, cut=cut) for cut in [*cuts, None])
