"""Code, in fences or indented: told from indented prose, and cut at blank lines where it is long; changes of a diff."""

import re
from collections.abc import Iterator

from provence_plugins.text.lines import (
    BLANK,
    CODE_INDENT,
    LONGEST_TITLE,
    TAILS,
    Found,
    Line,
    Lines,
    follows_blank,
    skip,
)

# A block of this many characters fits on a screen and is read as a whole.
_LONGEST_WHOLE_CODE = 1_000
# Parts of a longer one are at least this long, so that single lines are not torn from their context.
_SHORTEST_PART = 300

_CODE_SIGN = re.compile(
    r"""[{}\\]\s*$ | [)\]}"'];\s*$ | [=!<>+-]= | \w\( | \)\s*[:{]\s*$ | \s=\s\S | -> | => | :: | && | \|\|
    | ^\s*(?:return\b|import\ \w|from\ \S+\ import|def\ |class\ \w+[:(]|elif\ |else:|try:|pass$|break$
        | @\w|\$\ |//|\#)
    | ^\s*[\w.]+\[ | ^\s*</?\w | ^\s*\w+=\S""",
    re.VERBOSE,
)
_WORD = re.compile(r"""["'(\[“‘*_`]{0,3}[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*[)\]"'”’*_`]{0,3}[.,;:!?]?[)"'”’]?""")
# Marks of Markdown, which stand for something else in code; only what is known to be code is searched for code there.
_MARKUP = frozenset({"heading", "quote", "row", "item", "numbered"})
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def looks_like_code(lines: Lines) -> bool:
    """Return whether at least half of the lines carry a sign that prose does not have."""
    signs = sum(1 for line in lines if line.shape not in _MARKUP and _CODE_SIGN.search(line.text[:LONGEST_TITLE]))
    return 2 * signs >= len(lines) > 0


def looks_like_prose(lines: Lines) -> bool:
    """Return whether indented lines are words rather than code: a body of a manual page, a docstring."""
    if looks_like_code(lines):
        return False
    words = [word for line in lines for word in line.text[:LONGEST_TITLE].split()]
    plain = sum(1 for word in words if _WORD.fullmatch(word))
    return len(words) >= 4 and 4 * plain >= 3 * len(words)


def read_fence(lines: Lines, at: int) -> Iterator[Found]:
    """Read code between fences; one that is not closed runs to the end."""
    opening = lines[at].bare
    mark = opening[0]
    width = len(opening) - len(opening.lstrip(mark))
    for end in range(at + 1, len(lines)):
        if lines[end].shape == "fence":
            closing = lines[end].bare
            if len(closing) >= width and not closing.strip(mark):
                return cut_code(lines, at, end + 1)
    return cut_code(lines, at, len(lines))


def inside_fence(lines: Lines) -> int:
    """Return how many lines at the beginning belong to a code block whose opening fence was cut off.

    A fence that names a language opens. If the first one does not, but the next one does, the first one closes; if
    none names any, the text in front of the first decides.
    """
    fences = [number for number, line in enumerate(lines) if line.shape == "fence"]
    if not fences or _names_language(lines[fences[0]]):
        return 0
    first = fences[0]
    named = [_names_language(lines[number]) for number in fences]
    # The fences at odd places close what those at even places open, or the other way round.
    if any(named[1::2]) != any(named[0::2]):
        return first + 1 if any(named[1::2]) else 0
    behind = lines[first + 1 : fences[1] if len(fences) > 1 else len(lines)]
    before = [line for line in lines[:first] if line.shape != "blank"]
    # Hardly anybody leaves the first line of code blank.
    closes = looks_like_code(before) or (not before and bool(behind) and behind[0].shape == "blank")
    return first + 1 if closes and not looks_like_code(behind) else 0


def _names_language(fence: Line) -> bool:
    return bool(fence.bare.strip("`~"))


def is_indented_code(lines: Lines, at: int) -> bool:
    """Return whether code begins here that is set off by its indent."""
    end = _skip_indented(lines, at) if follows_blank(lines, at) else at
    return end > at and not looks_like_prose(lines[at:end])


def read_indented_code(lines: Lines, at: int) -> Iterator[Found]:
    """Read indented code, with the blank lines inside, up to indented prose or to text without an indent."""
    end = begin = at
    while (after := _skip_indented(lines, begin)) > begin:
        if begin > at and looks_like_prose(lines[begin:after]):
            break
        end, begin = after, skip(lines, after, BLANK)
    return cut_code(lines, at, end)


def _skip_indented(lines: Lines, at: int) -> int:
    """Return the end of the indented lines that begin here, or `at` itself if they begin a paragraph."""
    for end in range(at, len(lines)):
        line = lines[end]
        if line.shape in TAILS:
            return end
        if line.indent < CODE_INDENT:
            # Text right below: the indent was that of a paragraph's first line.
            return at if line.shape == "prose" else end
        if len(line.text) > LONGEST_TITLE:
            return at
    return len(lines)


def cut_code(lines: Lines, at: int, end: int) -> Iterator[Found]:
    """Give code as one block, or cut it in front of definitions and other lines that follow a blank one."""
    if lines[end - 1].end - lines[at].start > _LONGEST_WHOLE_CODE:
        margin = min(line.indent for line in lines[at:end] if line.shape != "blank")
        begin = at
        for number in range(at + 1, end):
            starts_part = lines[number - 1].shape == "blank" and lines[number].indent == margin
            if starts_part and lines[number].start - lines[begin].start >= _SHORTEST_PART:
                yield Found("code", number)
                begin = number
    yield Found("code", end)


def read_hunk(lines: Lines, at: int) -> Iterator[Found]:
    """Read a hunk of a diff: its header is the label of its lines, each of which is a unit."""
    yield Found("heading", at + 1, level=8)
    header = _HUNK.match(lines[at].text)
    left, right = (int(count or 1) for count in header.groups()) if header else (0, 0)
    for number in range(at + 1, len(lines)):
        sign = lines[number].text[:1]
        if (left <= 0 and right <= 0 and sign != "\\") or sign not in " +-\\\n":
            return
        left -= sign in " -\n"
        right -= sign in " +\n"
        if not lines[number].text.isspace():
            yield Found("code", number + 1)


def is_file_of_diff(lines: Lines, at: int) -> bool:
    """Return whether the lines that name a changed file begin here."""
    if not lines[at].text.startswith(("diff --git ", "--- ")):
        return False
    return lines[at].text[0] == "d" or lines[min(at + 1, len(lines) - 1)].text.startswith("+++ ")


def read_file_of_diff(lines: Lines, at: int) -> Iterator[Found]:
    """Read the lines that name a changed file as one heading of all its hunks."""
    end = at + 1
    while end < len(lines) and not lines[end].text.startswith(("@@ ", "diff ")) and lines[end].shape != "blank":
        end += 1
    yield Found("heading", end, level=7)
