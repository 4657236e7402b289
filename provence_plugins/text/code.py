"""Code, in fences or indented: separated from indented prose, and cut at blank lines where it is long; diffs."""

import re
from collections.abc import Iterator, Sequence

from provence_plugins.text.lines import (
    BLANK,
    CODE_INDENT,
    LONGEST_TITLE,
    TAILS,
    Found,
    Lines,
    follows_blank,
    skip,
)

# A block of this many characters fits on a screen and is read as a whole.
_LONGEST_WHOLE_CODE = 1_000
# Parts of a longer one are at least this long, so that single lines are not torn from their
# context.
_SHORTEST_PART = 300

# Programs whose names begin no sentence.
_COMMANDS = (
    r"(?:sudo\ )?(?:pip3?|pipx|npm|npx|yarn|pnpm|git|docker|kubectl|helm|curl|wget|apt|apt-get|brew|conda|cargo"
    r"|python3?|ssh|scp|rsync|cd|cp|mv|rm|mkdir|chmod|chown|systemctl|terraform|poetry|uv|dotnet|psql|aws|gcloud)"
)
_CODE_OPENING = re.compile(
    r"""\s*(?:return\b|import\ \w|from\ \S+\ import|def\ |class\ \w+[:(]|elif\ |else:|try:|pass$|break$
        | (?:end|done|fi|esac)$ | echo\ ["$'\-\w] | (?:class|module)\ [A-Z]\w*$ | (?:CREATE|ALTER|DROP)\ .*[(;]\s*$
        | @\w|\$\ |//|\# | [\w.]+\[ | </?\w | \w+=\S
        | (?:SELECT|FROM|WHERE|INSERT\ INTO|UPDATE|DELETE\ FROM|JOIN|ORDER\ BY|GROUP\ BY|HAVING|VALUES)\s
        | """
    + _COMMANDS
    + r"""\ \S.*[^.!?:,\s]\s*$)
    | (?:RUN|COPY|CMD|ENTRYPOINT|WORKDIR|EXPOSE|ENV)\ \S""",
    re.VERBOSE,
)
# Anywhere in a line. The set in front lets the search pass over letters, many times faster than the
# alternatives alone.
_CODE_SIGN = re.compile(
    r"""[{}\\;=()&|:>](?:
      (?<=[{}(\\])\s*$ | (?<=[)\]}"'];)\s*$ | (?<=;)\ (?:do|then)\s*$ | (?<=[=!<>+-]=) | (?<=\w\() | (?<=\s=)\s\S
    | (?<=[-=]>) | (?<=::) | (?<=&&) | (?<=\|\|)
    | (?<=\))\s*[:{]\s*$ )""",
    re.VERBOSE,
)
# One line of these is code wherever it stands alone.
_CODE_LINE = re.compile(
    r"""(?:\$|PS>|[\w.-]+@[\w.-]+[^\s$\#]*[$\#])\ [a-z./]
    | (?:import\ (?:[\w.]+(?:\ as\ \w+)?|"[^"]+");?|package\ [\w.]+;?|using\ [\w.]+;|use\ [\w:]+::.+;|\#include\ .+
        |from\ \S+\ import\ .+|(?:const|let|var)\ \w+\ =.+)$
    | [\w.]+(?:\[[^\]]*\])?\ =\ \S.*[\w)\]}"';]$ | [a-z_][\w.]*\((?:[^()]|\([^()]*\))*\);?$ | .*[=)]\s\{$
    | (?:SELECT\ .+\ FROM|INSERT\ INTO|CREATE\ TABLE|DELETE\ FROM)\ \S
    | [a-z./~][\w./-]*(?:\ \S+)*\ --?[a-zA-Z][\w-]*(?:[=\ ]\S+)*$
    | """
    + _COMMANDS
    + r"""\ \S.*[^.!?:,]$""",
    re.VERBOSE,
)
_JSON_LINE = re.compile(r"""\{\s*+"[^"]*+"\s*+:.*\}|\[\s*+["\d{\[-].*[,"\d}].*\]""")
_ENDS_OF_PROSE = frozenset(".!?:,")
# And these below a line that announces something.
_ANNOUNCED_LINE = re.compile(
    r"[a-z./~$][^.!?:]*(?<=[\s/.])(?:-{1,2}\w|\S*[/\\=$<>|_]\S*|\S+\.\w+)|[a-z./~$]\S*[/\\=_]\S*(?:\s\S+)*$"
)
_OPTION = re.compile(r"-{1,2}\w[\w-]*(?:[ ,=]|$)")
# A comment in front of a function is read with it.
_LONGEST_COMMENT = 40
_WORD = re.compile(r"""["'(\[“‘*_`]{0,3}[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*[)\]"'”’*_`]{0,3}[.,;:!?]?[)"'”’]?""")
# Marks of Markdown, which stand for something else in code; only what is known to be code is
# searched for code there.
_MARKUP = frozenset({"heading", "quote", "row", "item", "numbered"})
_FEWEST_WORDS = 4
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def looks_like_code(lines: Lines, at: int, end: int) -> bool:
    """Return whether at least half of some lines carry a sign that prose does not have."""
    return _are_code(lines, range(at, end))


def _are_code(lines: Lines, numbers: Sequence[int]) -> bool:
    spared = len(numbers) // 2  # so many may be without a sign
    for number in numbers:
        if lines.shapes[number] in _MARKUP or not _has_sign(lines.texts[number][:LONGEST_TITLE]):
            spared -= 1
            if spared < 0:
                return False
    return len(numbers) > 0


def _has_sign(line: str) -> bool:
    return bool(_CODE_OPENING.match(line) or _CODE_SIGN.search(line))


def looks_like_prose(lines: Lines, at: int, end: int) -> bool:
    """Return whether indented lines are words rather than code: a body of a manual page, a docstring."""
    if looks_like_code(lines, at, end):
        return False
    words = [word for line in lines.texts[at:end] for word in line[:LONGEST_TITLE].split()]
    plain = sum(1 for word in words if _WORD.fullmatch(word))
    if len(words) < _FEWEST_WORDS:  # a command, unless it begins like a sentence
        return len(words) > 1 and plain == len(words) and words[0][0].isupper()
    return 4 * plain >= 3 * len(words)


def read_fence(lines: Lines, at: int) -> Iterator[Found]:
    """Read code between fences; one that is not closed runs to the end."""
    opening = lines.bares[at]
    mark = opening[0]
    width = len(opening) - len(opening.lstrip(mark))
    for end in range(at + 1, len(lines)):
        if lines.shapes[end] == "fence":
            closing = lines.bares[end]
            if len(closing) >= width and not closing.strip(mark):
                return cut_code(lines, at, end + 1)
    return cut_code(lines, at, len(lines))


def inside_fence(lines: Lines) -> int:
    """Return how many lines at the beginning belong to a code block whose opening fence was cut off.

    A fence that names a language opens. If the first one does not, but the next one does, the first
    one closes; if none names any, the text in front of the first decides.
    """
    fences = [number for number, shape in enumerate(lines.shapes) if shape == "fence"]
    if not fences or _names_language(lines.bares[fences[0]]):
        return 0
    first = fences[0]
    named = [_names_language(lines.bares[number]) for number in fences]
    # The fences at odd places close what those at even places open, or the other way round.
    if any(named[0::2]) and not any(named[1::2]):
        return 0
    if any(named[1::2]) and not any(named[0::2]):
        return first + 1
    behind = range(first + 1, fences[1] if len(fences) > 1 else len(lines))
    before = [number for number in range(first) if lines.shapes[number] != "blank"]
    # Hardly anybody leaves the first line of code blank.
    is_behind_blank = bool(behind) and lines.shapes[behind[0]] == "blank"
    # In front of tildes, words may be a title that they underline.
    has_no_title = lines.bares[first][0] == "`" or not any(lines.bares[number].upper().isupper() for number in before)
    closes = _are_code(lines, before) or (is_behind_blank and has_no_title)
    if not closes or _are_code(lines, behind):
        return 0
    return first + 1


def _names_language(fence: str) -> bool:
    return bool(fence.strip("`~"))


def is_code_line(lines: Lines, at: int) -> bool:
    """Return whether a line that stands alone is code: a command, a statement, a value of JSON."""
    if lines.shapes[at] != "prose" or len(lines.texts[at]) > _LONGEST_WHOLE_CODE:
        return False
    bare = lines.bares[at]
    if bare[-1:] in _ENDS_OF_PROSE:
        return False
    if bare.startswith(("[", "{")):
        return bool(_JSON_LINE.fullmatch(bare))
    if len(bare) > LONGEST_TITLE:
        return False
    if _CODE_LINE.match(bare):
        return True
    above = at - 1
    while above >= 0 and lines.shapes[above] == "blank":
        above -= 1
    return above >= 0 and lines.bares[above].endswith(":") and bool(_ANNOUNCED_LINE.match(bare))


def find_trace(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a traceback of Python, which is one unit."""
    return cut_code(lines, at, end) if lines.bares[at].startswith("Traceback (most recent") else None


def find_script(lines: Lines, at: int, end: int) -> Iterator[Found] | None:
    """Recognize a program by the line that names its interpreter."""
    return cut_code(lines, at, end) if lines.bares[at].startswith("#!/") else None


def find_comment(lines: Lines, at: int) -> Iterator[Found] | None:
    """Recognize a comment of C-like languages with the code below it."""
    if not lines.opens_with(at, "/*"):
        return None
    for end in range(at, min(len(lines), at + _LONGEST_COMMENT)):
        if "*/" in lines.texts[end]:
            after = end + 1
            while after < len(lines) and lines.shapes[after] not in TAILS:
                after += 1
            return cut_code(lines, at, after)
    return None


def is_indented_code(lines: Lines, at: int) -> bool:
    """Return whether code begins here that is set off by its indent."""
    if lines.indents[at] < CODE_INDENT or _OPTION.match(lines.texts[at], lines.openings[at]):
        return False
    end = _skip_indented(lines, at) if follows_blank(lines, at) else at
    return end > at and not looks_like_prose(lines, at, end)


def read_indented_code(lines: Lines, at: int) -> Iterator[Found]:
    """Read indented code, with the blank lines inside, up to indented prose or to text without an indent."""
    end = begin = at
    while (after := _skip_indented(lines, begin)) > begin:
        if begin > at and looks_like_prose(lines, begin, after):
            break
        end, begin = after, skip(lines, after, BLANK)
    return cut_code(lines, at, end)


def _skip_indented(lines: Lines, at: int) -> int:
    """Return the end of the indented lines that begin here, or `at` itself if they begin a paragraph."""
    for end in range(at, len(lines)):
        shape = lines.shapes[end]
        if shape in TAILS:
            return end
        if lines.indents[end] < CODE_INDENT:
            # Text right below: the indent was that of a paragraph's first line.
            return at if shape == "prose" else end
        if len(lines.texts[end]) > LONGEST_TITLE:
            return at
    return len(lines)


def cut_code(lines: Lines, at: int, end: int) -> Iterator[Found]:
    """Give code as one block, or cut it before definitions and other lines that follow a blank one."""
    if lines.starts[end] - lines.starts[at] > _LONGEST_WHOLE_CODE:
        margin = min(lines.indents[number] for number in range(at, end) if lines.shapes[number] != "blank")
        begin = at
        for number in range(at + 1, end):
            starts_part = lines.shapes[number - 1] == "blank" and lines.indents[number] == margin
            if starts_part and lines.starts[number] - lines.starts[begin] >= _SHORTEST_PART:
                yield Found("code", number)
                begin = number
    yield Found("code", end)


def read_hunk(lines: Lines, at: int) -> Iterator[Found]:
    """Read a hunk of a diff: its header is the label of its lines, each of which is a unit."""
    yield Found("heading", at + 1, level=8)
    left = right = 0
    if header := _HUNK.match(lines.texts[at]):
        left, right = (int(count or 1) for count in header.groups())
    for number in range(at + 1, len(lines)):
        sign = lines.texts[number][:1]
        if (left <= 0 and right <= 0 and sign != "\\") or sign not in " +-\\\n":
            return
        left -= sign in " -\n"
        right -= sign in " +\n"
        if not lines.texts[number].isspace():
            yield Found("code", number + 1)


def is_file_of_diff(lines: Lines, at: int) -> bool:
    """Return whether the lines that name a changed file begin here."""
    if not lines.texts[at].startswith(("diff --git ", "--- ")):
        return False
    return lines.texts[at][0] == "d" or lines.texts[min(at + 1, len(lines) - 1)].startswith("+++ ")


def read_file_of_diff(lines: Lines, at: int) -> Iterator[Found]:
    """Read the lines that name a changed file as one heading of all its hunks."""
    end = at + 1
    while end < len(lines) and not lines.texts[end].startswith(("@@ ", "diff ")) and lines.shapes[end] != "blank":
        end += 1
    yield Found("heading", end, level=7)
