"""What the sentences of a text are tied to: speakers, parents, announcements, titles and questions."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from provence_plugins.text.answers import Answers
from provence_plugins.text.columns import Ties
from provence_plugins.text.heads import is_question
from provence_plugins.text.lines import RANKS_OF_MARKS
from provence_plugins.text.parts import QUESTION_MARKS, Parts, ends_with
from provence_plugins.types import Kind

# Code that is longer is no command, and is not brought along by the paragraph above it.
_LONGEST_COMMAND = 400
_LISTED: frozenset[Kind] = frozenset({"list_item", "record", "table_header", "table_row", "quote", "code"})
_UNTIED: frozenset[Kind] = frozenset({"heading", "sentence"})
# Fewer that come again in the same order are the turns of two people.
_FEWEST_FIELDS = 3
_WIDEST_INDENT = 80
_SENDERS = frozenset({"from", "von", "de", "da"})
_FIELDS_OF_MAIL = frozenset({
    "subject", "sent", "betreff", "gesendet", "objet", "envoyé", "asunto", "enviado", "oggetto", "inviato",
})  # fmt: skip
_MOST_FIELDS_OF_MAIL = 6
_QUOTING: frozenset[Kind] = frozenset({"quote", "sentence", "list_item"})
_OPENING_QUOTES = frozenset("\"“„«‘'")
_CLOSING_QUOTES = frozenset("\"”“’»'")
_ANNOUNCING = ":：\N{EM DASH}"
_DASHES = ("—", "–", "―", "--")
# "— Ann Lee, miller"
_ATTRIBUTION = re.compile(r"[>\s]*(?:[—–―]\s?|--\s)[A-ZÀ-Þ][^\n]{1,80}(?<![.?!…\s])[>\s]*")


def find_ties(text: str, parts: Parts, ends: Sequence[int]) -> Ties:
    """Find the ties between the sentences of a text.

    Args:
        text: The text.
        parts: Its blocks.
        ends: Where each of its sentences ends.
    """
    ties = Ties()
    if not _UNTIED.issuperset(parts.kinds):
        _tie_labels(parts, ties)
        _tie_turns(parts, ties)
        _tie_mails(text, parts, ties)
        _tie_quoted(text, parts, ends, ties)
        _tie_nested(text, parts, ties)
        _tie_announced(text, parts, ends, ties)
        _tie_sheets(text, parts, ties)
    if any(mark in text for mark in QUESTION_MARKS) or any(map(is_question, set(parts.labels))):
        Answers(text, parts, ends, ties).tie()
    return ties


def _tie_labels(parts: Parts, ties: Ties) -> None:
    """Tie the sentences of a record to its first one, which has the label."""
    for kind, (first, after) in zip(parts.kinds, pairwise(parts.firsts), strict=True):
        if kind == "record" and after > first + 1:
            ties.add(range(first + 1, after), "label", first)


def _tie_turns(parts: Parts, ties: Ties) -> None:
    """Tie paragraphs between two turns of a talk to the turn above, whose speaker continues in them."""
    turns = [label for label, kind in zip(parts.labels, parts.kinds, strict=True) if kind == "record" and label]
    if len(set(turns)) == len(turns):
        return
    turn: int | None = None  # the first sentence of the turn above
    waiting: list[int] = []
    for at, (kind, label) in enumerate(zip(parts.kinds, parts.labels, strict=True)):
        if kind == "record" and label:
            if turn is not None:
                ties.add(waiting, "label", turn)
            turn, waiting = parts.firsts[at], []
        elif kind == "sentence":
            waiting += parts.numbers(at)
        else:
            turn, waiting = None, []


def _tie_mails(text: str, parts: Parts, ties: Ties) -> None:
    """Tie the paragraphs of a mail to the line that names its sender; what it quotes has another one."""
    if _SENDERS.isdisjoint(parts.labels):
        return
    sender: int | None = None
    for at, (kind, label) in enumerate(zip(parts.kinds, parts.labels, strict=True)):
        if kind == "record" and label in _SENDERS:
            around = parts.labels[max(0, at - _MOST_FIELDS_OF_MAIL) : at + _MOST_FIELDS_OF_MAIL]
            sender = None if _FIELDS_OF_MAIL.isdisjoint(around) else parts.firsts[at]
        elif kind == "heading":
            if not ends_with(text, parts.starts[at + 1], ":"):
                sender = None
        elif sender is not None and kind in ("sentence", "list_item"):
            ties.add(parts.numbers(at), "label", sender)


def _tie_quoted(text: str, parts: Parts, ends: Sequence[int], ties: Ties) -> None:
    """Tie a quotation to the name of its speaker, which follows a dash below it."""
    if not any(dash in text for dash in _DASHES):
        return
    for at, kind in enumerate(parts.kinds):
        first, last = parts.firsts[at], parts.firsts[at + 1] - 1
        if kind not in _QUOTING or not _ATTRIBUTION.fullmatch(text, ends[last - 1] if last else 0, ends[last]):
            continue
        if last > first:
            is_said = kind == "quote" or text[parts.starts[at]] in _OPENING_QUOTES
        else:
            is_said = at > 0 and _follows_quotation(text, parts, at)
            first = parts.firsts[max(at - 1, 0)]
        if is_said:
            ties.add(range(first, last), "label", last)


def _follows_quotation(text: str, parts: Parts, at: int) -> bool:
    """Return whether a line with a dash comes right after a quotation, and is not the first of several such lines."""
    if parts.kinds[at + 1 : at + 2] == ["list_item"]:
        return False
    start, end = parts.starts[at - 1], parts.starts[at]
    is_marked = text[start] in _OPENING_QUOTES and text[start:end].rstrip()[-1:] in _CLOSING_QUOTES
    return parts.kinds[at - 1] == "quote" or is_marked


def _tie_nested(text: str, parts: Parts, ties: Ties) -> None:
    """Tie items and records to the one that they are nested in."""
    if len(set(parts.depths) - {None}) < 2 and "code" not in parts.kinds:
        return
    open_items: list[tuple[int, int]] = []  # depth and sentence number, outermost first
    for at, (kind, depth) in enumerate(zip(parts.kinds, parts.depths, strict=True)):
        if kind == "code" and open_items:
            depth = _indent_of(text, parts.starts[at]) * RANKS_OF_MARKS
        if kind in ("sentence", "code"):
            if depth is not None and open_items and depth > open_items[-1][0]:
                ties.add(parts.numbers(at), "parent", open_items[-1][1])
            elif kind == "sentence":
                open_items.clear()
            continue
        if kind == "heading":
            open_items.clear()
        if depth is None:
            continue
        while open_items and open_items[-1][0] >= depth:
            open_items.pop()
        if open_items:
            ties.add(parts.numbers(at), "parent", open_items[-1][1])
        if kind == "record" and not ends_with(text, parts.starts[at + 1], ":"):
            # A field with a value has no items beside it, only below and further in.
            depth += RANKS_OF_MARKS - 1
        open_items.append((depth, parts.firsts[at]))


def _indent_of(text: str, start: int) -> int:
    """Return the columns of white space in front of the line that begins at a character."""
    line = text[start : start + _WIDEST_INDENT]
    return len(line) - len(line.lstrip(" \t"))


def _tie_announced(text: str, parts: Parts, ends: Sequence[int], ties: Ties) -> None:
    """Tie what is listed to the sentence that announces it, and a paragraph to the command below it."""
    announcing: int | None = None
    for at, (before, kind) in enumerate(pairwise(parts.kinds), 1):
        first = parts.firsts[at]
        if before == "sentence":
            announcing = first - 1 if ends_with(text, ends[first - 1], _ANNOUNCING) else None
        if kind not in _LISTED:
            announcing = None
        elif announcing is not None:
            ties.add(parts.numbers(at), "announced", announcing)
        if kind == "code" and before in ("sentence", "list_item"):
            start = parts.starts[at]
            is_short = parts.starts[at + 1] - start <= _LONGEST_COMMAND
            if is_short and (before == "sentence" or _indent_of(text, start) > 0):
                ties.add(parts.numbers(at - 1), "announced", first)


def _tie_sheets(text: str, parts: Parts, ties: Ties) -> None:
    """Tie the fields of a record to its first one, where several records begin with the same field.

    The fields right below a heading need no other title, unless several records stand below it; a
    question is not the title of its answer.
    """
    sheets = _find_sheets(text, parts)
    labels = parts.labels
    titles = Counter(labels[sheet[0]] for sheet in sheets if len(sheet) > 1)
    if not titles or max(titles.values()) < 2:
        return
    names = [tuple(labels[sheet.start : sheet.stop]) for sheet in sheets]
    repeated = {name for name, times in Counter(names).items() if times > 1 and len(set(name)) >= _FEWEST_FIELDS}
    turns = {
        name[0]
        for sheet, name in zip(sheets, names, strict=True)
        if name not in repeated and _are_turns(text, parts, sheet)
    }
    for sheet in sheets:
        label = labels[sheet[0]]
        # The last record of a page may be cut off after its title.
        if len(sheet) > 1 and titles[label] > 1 and label not in turns:
            ties.add(range(parts.firsts[sheet[1]], parts.firsts[sheet[-1] + 1]), "title", parts.firsts[sheet[0]])


def _find_sheets(text: str, parts: Parts) -> list[range]:
    """Return the runs of fields, except those that have a heading to themselves."""
    sheets: list[range] = []
    headed: list[bool] = []  # whether a sheet stands right below a heading
    follows = False
    for at, depth in enumerate(parts.depths):
        is_field = parts.is_named(at)
        if is_field and follows and (depth or 0) >= (parts.depths[sheets[-1][0]] or 0):
            sheets[-1] = range(sheets[-1].start, at + 1)
        elif is_field:
            sheets.append(range(at, at + 1))
            headed.append(at > 0 and parts.kinds[at - 1] == "heading")
        # A blank line ends a sheet.
        end = parts.starts[at + 1]
        follows = is_field and text.count("\n", max(parts.starts[at], end - 3), end) < 2
    labels = [parts.labels[sheet[0]] for sheet in sheets]
    kept: list[range] = []
    for number, sheet in enumerate(sheets):
        after = number + 1
        shares_heading = after < len(sheets) and not headed[after] and labels[number] == labels[after]
        if not headed[number] or shares_heading:
            kept.append(sheet)
    return kept


def _are_turns(text: str, parts: Parts, records: range) -> bool:
    """Return whether records are turns of a talk: somebody speaks twice, or most of them end as sentences do."""
    labels = set(parts.labels[records.start : records.stop])
    sentences = sum(ends_with(text, parts.starts[at + 1], ".!" + QUESTION_MARKS) for at in records)
    return len(labels) < len(records) or 2 * sentences > len(records)
