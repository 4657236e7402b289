"""Distinguish prose, which can be pruned, from texts that must stay complete, and remarks about all texts."""

import re

# A line of prose has at least this many words; listings, keys, numbers and addresses have fewer.
_MIN_LINE_WORDS = 5

# Share of a line's characters that are letters, spaces or the punctuation of sentences.
_MIN_PLAIN_SHARE = 0.9

# Share of a text's characters that lie in lines of prose.
_MIN_PROSE_SHARE = 0.6

_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PLAIN = re.compile(r"[^\W\d_]|[ .,;:!?'\"()\-–—’‘“”…。、，！？]")

# "12:", "12\t" and "12|" in front of every line: an excerpt of a file, which is quoted by line
# numbers.
_NUMBERED_LINE = re.compile(r"\s*\d+(?:\t|[:|→]\s?)")

# Marks of labels, attributes and tags, which belong to one of several texts.
_MARK = re.compile(r"[:：=<>\[\]{}]")

# Rules, emphasis and heading marks, which may surround an introduction.
_ORNAMENT = "\ufeff \t\r\n*_-=#"


def is_prose(text: str) -> bool:
    """Return whether most of a text is sentences, not a listing, code, a log or a table."""
    lines = [line for line in text.splitlines() if line.strip()]
    total = sum(map(len, lines))
    in_prose = sum(len(line) for line in lines if _is_prose_line(line))
    return total > 0 and in_prose >= _MIN_PROSE_SHARE * total


def count_words(text: str) -> int:
    """Return the number of words; in scripts without spaces each character counts."""
    return len(_WORD.findall(text))


def is_introduction(head: str) -> bool:
    """Return whether lines announce all texts below them and are not about the first one alone.

    "Found 3 results:" does; "Title: Mercury" and "Mercury" may be about the first one.
    """
    text = head.strip(_ORNAMENT)
    return not text or (text[-1] in ":：" and not _MARK.search(text[:-1]))


def is_closing_remark(tail: str) -> bool:
    """Return whether lines are about all texts above them: sentences below an empty line."""
    text = tail.strip()
    space = tail[: len(tail) - len(tail.lstrip())]
    return not text or (space.count("\n") > 1 and text[-1] in ".。" and not _MARK.search(text))


def _is_prose_line(line: str) -> bool:
    if _NUMBERED_LINE.match(line) or count_words(line) < _MIN_LINE_WORDS:
        return False
    stripped = line.strip()
    return len(_PLAIN.findall(stripped)) >= _MIN_PLAIN_SHARE * len(stripped)
