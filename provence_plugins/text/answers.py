"""Questions in a text and their answers, which are tied to each other."""

import re
from collections.abc import Sequence

from provence_plugins.text.columns import Ties
from provence_plugins.text.heads import is_question
from provence_plugins.text.parts import QUESTION_MARKS, Parts, ends_with

# A question in bold with its answer on the same line.
_LEAD_QUESTION = re.compile(r"[^\w*_]{0,5}[*_]{1,3}[^*_\n]{1,150}[?？؟][*_]{1,3}\s")
# More than most answers need; what follows later has often moved on.
_LONGEST_ANSWER = 1_000
_LONGEST_QUESTION = 200


class Answers:
    """Ties each answer to its question, and the question to all of its answer.

    A question is a record with such a label, a turn, a heading, or a line of its own that ends with
    a question mark. The answer continues up to the next question or heading.
    """

    def __init__(self, text: str, parts: Parts, ends: Sequence[int], ties: Ties) -> None:
        self._text = text
        self._parts = parts
        self._ends = ends
        self._ties = ties
        self._asked: int | None = None  # the block that asks
        self._asking = 0  # its sentence that asks
        self._answer: list[int] = []

    def tie(self) -> None:
        """Tie all questions and answers."""
        parts = self._parts
        asked_by: str | None = None
        for at, (kind, level) in enumerate(zip(parts.kinds, parts.levels, strict=True)):
            is_turn = parts.is_named(at)
            if is_turn and asked_by is not None:
                # The next turn answers, unless the same person goes on.
                if parts.labels[at] != asked_by:
                    self._answer += parts.numbers(at)
                self._close()
                asked_by = None
            question = self._asking_sentence(at, is_turn)
            if question is not None or (kind == "heading" and level):
                self._close()
                asked_by = None
            if question is not None:
                self._asked, self._asking = at, question
                self._answer = list(range(question + 1, parts.firsts[at + 1]))
                asked_by = parts.labels[at] if is_turn else None
            elif self._asked is not None:
                self._answer += parts.numbers(at)
        self._close()

    def _asking_sentence(self, at: int, is_turn: bool) -> int | None:
        """Return the number of the sentence with which a block asks something, if it does."""
        text, kind = self._text, self._parts.kinds[at]
        first, end = self._parts.firsts[at], self._parts.starts[at + 1]
        if kind == "record" and is_question(self._parts.labels[at]):
            return first
        if kind == "heading" or is_turn:
            if not ends_with(text, end, QUESTION_MARKS):
                return None
            last = self._parts.firsts[at + 1] - 1
            return first if kind == "heading" else last
        if kind not in ("sentence", "list_item"):
            return None
        begin, stop = self._parts.starts[at], self._ends[first]
        if _LEAD_QUESTION.match(text, begin, stop):
            return first
        if stop - begin > _LONGEST_QUESTION or not ends_with(text, stop, QUESTION_MARKS):
            return None
        # Inside a paragraph a question is part of what is told, unless its line ends with it.
        return first if stop == end or "\n" in text[stop - 3 : stop] else None

    def _close(self) -> None:
        """Tie the answer so far and its question, if there is one."""
        if self._asked is not None:
            begin = self._ends[self._asking]
            has_end = is_question(self._parts.labels[self._asked])
            for number in self._answer:
                is_near = number == self._answer[0] or self._ends[number] - begin <= _LONGEST_ANSWER
                if is_near or has_end:
                    self._ties.add([number], "question", self._asking)
                if is_near:
                    self._ties.add([self._asking], "question", number)
        self._asked, self._answer = None, []
