"""What the sentences of a text are tied to: speakers, parents, announcements, titles and questions."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from provence_plugins.text.columns import Ties
from provence_plugins.text.lines import RANKS_OF_MARKS
from provence_plugins.text.parts import Part, Parts
from provence_plugins.text.records import is_answer, is_question
from provence_plugins.types import Kind

# Code that is longer is no command, and is not brought along by the paragraph above it.
_LONGEST_COMMAND = 400
_LISTED: frozenset[Kind] = frozenset({"list_item", "record", "table_header", "table_row", "quote", "code"})
_UNTIED: frozenset[Kind] = frozenset({"heading", "sentence"})
_QUESTION_MARKS = "?？؟"
# A question in bold with its answer on the same line.
_LEAD_QUESTION = re.compile(r"[^\w*_]{0,5}[*_]{1,3}[^*_\n]{1,150}[?？؟][*_]{1,3}\s")
_MARKS_BEHIND = "*_\"'”’») \t\r\n"
# More than most answers need; what follows further behind has often moved on.
_LONGEST_ANSWER = 1_000
_LONGEST_QUESTION = 200
# Fewer that come again in the same order are the turns of two people.
_FEWEST_FIELDS = 3
_WIDEST_INDENT = 80


def find_ties(text: str, parts: Parts, ends: Sequence[int]) -> Ties:
    """Find the ties between the sentences of a text.

    Args:
        text: The text.
        parts: Its blocks.
        ends: Where each of its sentences ends.
    """
    ties = Ties()
    if not all(part.kind in _UNTIED for part in parts):
        for part in parts:
            if part.kind == "record":
                ties.add(part.numbers, "label", part.first)
        _tie_turns(parts, ties)
        _tie_nested(text, parts, ties)
        _tie_announced(text, parts, ends, ties)
        _tie_sheets(text, parts, ties)
    if any(mark in text for mark in _QUESTION_MARKS) or any(is_question(part.label) for part in parts):
        _tie_answers(text, parts, ends, ties)
    return ties


def _tie_turns(parts: Parts, ties: Ties) -> None:
    """Tie paragraphs between two turns of a talk to the turn above, whose speaker goes on in them."""
    labels = Counter(part.label for part in parts if part.kind == "record" and part.label)
    if len(labels) == labels.total():
        return
    turn: Part | None = None
    waiting: list[range] = []
    for part in parts:
        if part.kind == "record" and part.label:
            if turn is not None:
                for numbers in waiting:
                    ties.add(numbers, "label", turn.first)
            turn, waiting = part, []
        elif part.kind == "sentence":
            waiting.append(part.numbers)
        else:
            turn, waiting = None, []


def _tie_nested(text: str, parts: Parts, ties: Ties) -> None:
    """Tie items and records to the one that they are nested in."""
    open_items: list[tuple[int, int]] = []  # depth and sentence number, outermost first
    for part in parts:
        depth = part.depth
        if part.kind == "code" and open_items:
            depth = _indent_of(text, part.start) * RANKS_OF_MARKS
        is_inside = depth is not None and bool(open_items) and depth > open_items[-1][0]
        if part.kind in ("sentence", "code"):
            if is_inside:
                ties.add(part.numbers, "parent", open_items[-1][1])
            elif part.kind == "sentence":
                open_items.clear()
            continue
        if part.kind == "heading":
            open_items.clear()
        if depth is None:
            continue
        while open_items and open_items[-1][0] >= depth:
            open_items.pop()
        if open_items:
            ties.add(part.numbers, "parent", open_items[-1][1])
        if part.kind == "record" and not _ends_with(text, part.end, ":"):
            # A field with a value has no items beside it, only below and further in.
            depth += RANKS_OF_MARKS - 1
        open_items.append((depth, part.first))


def _indent_of(text: str, start: int) -> int:
    """Return the columns of white space in front of the line that begins at a character."""
    line = text[start : start + _WIDEST_INDENT]
    return len(line) - len(line.lstrip(" \t"))


def _tie_announced(text: str, parts: Parts, ends: Sequence[int], ties: Ties) -> None:
    """Tie what is listed to the sentence above that ends with a colon, and a paragraph to the command below it."""
    announcing: int | None = None
    for before, part in pairwise(parts):
        if before.kind == "sentence":
            announces = _ends_with(text, ends[before.after - 1], ":：")
            announcing = before.after - 1 if announces else None
        if part.kind not in _LISTED:
            announcing = None
        elif announcing is not None:
            ties.add(part.numbers, "announced", announcing)
        is_command = part.kind == "code" and part.end - part.start <= _LONGEST_COMMAND
        is_step = before.kind == "list_item" and _indent_of(text, part.start) > 0
        if is_command and (is_step or before.kind == "sentence"):
            ties.add(before.numbers, "announced", part.first)


def _tie_sheets(text: str, parts: Parts, ties: Ties) -> None:
    """Tie the fields of a record to its first one, where several records begin with the same field.

    The fields right below a heading need no other title, unless several records stand below it; a question is not the
    title of its answer.
    """
    sheets: list[list[Part]] = []
    headed: list[bool] = []  # whether a sheet stands right below a heading
    has_heading = follows = False
    for part in parts:
        label = part.label
        is_field = part.kind == "record" and bool(label) and not is_question(label) and not is_answer(label)
        if is_field and follows and (part.depth or 0) >= (sheets[-1][0].depth or 0):
            sheets[-1].append(part)
        elif is_field:
            sheets.append([part])
            headed.append(has_heading)
        has_heading = part.kind == "heading"
        # A blank line ends a sheet.
        is_last = text[part.start : part.end].count("\n", -3) > 1
        follows = is_field and not is_last
    sheets = _without_headed(sheets, headed)
    titles = Counter(sheet[0].label for sheet in sheets if len(sheet) > 1)
    names = [tuple(part.label for part in sheet) for sheet in sheets]
    repeated = {name for name, times in Counter(names).items() if times > 1 and len(set(name)) >= _FEWEST_FIELDS}
    turns = {
        sheet[0].label
        for sheet, name in zip(sheets, names, strict=True)
        if name not in repeated and _are_turns(text, sheet)
    }
    for sheet in sheets:
        label = sheet[0].label
        if titles[label] > 1 and label not in turns:
            for part in sheet[1:]:
                ties.add(part.numbers, "title", sheet[0].first)


def _without_headed(sheets: Sequence[list[Part]], headed: Sequence[bool]) -> list[list[Part]]:
    """Return the sheets except those that have a heading to themselves."""
    labels = [sheet[0].label for sheet in sheets]
    shares = [not below for below in headed[1:]] + [False]
    return [
        sheet
        for number, sheet in enumerate(sheets)
        if not headed[number] or (shares[number] and labels[number] == labels[number + 1])
    ]


def _are_turns(text: str, records: Sequence[Part]) -> bool:
    """Return whether records are turns of a talk: somebody speaks twice, or most of them end as sentences do."""
    labels = {record.label for record in records}
    sentences = sum(_ends_with(text, record.end, ".!" + _QUESTION_MARKS) for record in records)
    return len(labels) < len(records) or 2 * sentences > len(records)


def _tie_answers(text: str, parts: Parts, ends: Sequence[int], ties: Ties) -> None:
    """Tie each answer to its question, and the question to all of its answer.

    A question is a record with such a label, a turn, a heading, or a line of its own that ends with a question mark.
    The answer goes on up to the next question or heading.
    """
    starts = [0, *ends]
    asked: Part | None = None
    asking = 0  # the sentence that asks
    answer: list[int] = []
    for part in parts:
        if _is_turn(part) and asked is not None and _is_turn(asked):
            # The next turn answers, unless the same person goes on.
            if part.label != asked.label:
                answer += part.numbers
            _add_answer(asked, asking, answer, starts, ties)
            asked, answer = None, []
        question = _asking_sentence(text, part, starts)
        if question is not None or (part.kind == "heading" and part.level):
            _add_answer(asked, asking, answer, starts, ties)
            asked, answer = None, []
        if question is not None:
            asked, asking = part, question
            answer = list(range(question + 1, part.after))
        elif asked is not None:
            answer += part.numbers
    _add_answer(asked, asking, answer, starts, ties)


def _is_turn(part: Part) -> bool:
    label = part.label
    return part.kind == "record" and bool(label) and not is_question(label) and not is_answer(label)


def _asking_sentence(text: str, part: Part, starts: Sequence[int]) -> int | None:
    """Return the number of the sentence with which a block asks something, if it does."""
    if is_question(part.label):
        return part.first
    if part.kind == "heading":
        return part.first if _ends_with(text, part.end, _QUESTION_MARKS) else None
    if _is_turn(part):
        return part.after - 1 if _ends_with(text, part.end, _QUESTION_MARKS) else None
    if part.kind not in ("sentence", "list_item"):
        return None
    start, end = starts[part.first], starts[part.first + 1]
    if _LEAD_QUESTION.match(text, start, end):
        return part.first
    if end - start > _LONGEST_QUESTION or not _ends_with(text, end, _QUESTION_MARKS):
        return None
    # Inside a paragraph a question is part of what is told, unless its line ends with it.
    return part.first if end == part.end or "\n" in text[end - 3 : end] else None


def _add_answer(asked: Part | None, asking: int, answer: Sequence[int], starts: Sequence[int], ties: Ties) -> None:
    if asked is None:
        return
    begin = starts[asking + 1]
    has_end = is_question(asked.label)
    for number in answer:
        is_near = number == answer[0] or starts[number + 1] - begin <= _LONGEST_ANSWER
        if is_near or has_end:
            ties.add([number], "question", asking)
        if is_near:
            ties.add([asking], "question", number)


def _ends_with(text: str, end: int, signs: str) -> bool:
    """Return whether one of some signs is the last before an end, apart from white space and closing marks."""
    bare = text[max(0, end - 20) : end].rstrip(_MARKS_BEHIND)
    return bare.endswith(tuple(signs))
