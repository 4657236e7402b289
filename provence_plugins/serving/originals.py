"""Remember what was given to prune, so that a client can ask for what was left out."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.types import Span

# An id is a secret: whoever knows it reads the text. 64 bits cannot be guessed, and a model copies
# 16 digits without a fault.
_ID_BYTES = 8

KEPT_MARK = "[… kept text …]"
"""Stands in the omitted text where kept text stood."""


@dataclass(frozen=True, slots=True)
class Original:
    """A passage as it was given, and what was kept of it.

    Attributes:
        text: The whole text.
        kept: The kept spans.
    """

    text: str
    kept: tuple[Span, ...]

    @property
    def omitted(self) -> str:
        """What was left out, with a mark where kept text stood; empty if it is only white space."""
        bounds = [0]
        for span in self.kept:
            if span.of(self.text).strip():  # a break that only separates kept text says nothing
                bounds += [span.start, span.end]
        bounds.append(len(self.text))
        gaps = [self.text[start:end] for start, end in pairwise(bounds)][::2]
        if not any(gap.strip() for gap in gaps):
            return ""
        parts: list[str] = []
        for number, gap in enumerate(gaps):
            if number and parts[-1:] != [KEPT_MARK]:
                parts.append(KEPT_MARK)
            if gap.strip():
                parts.append(gap.strip("\r\n").rstrip())
        return "\n".join(parts)


class Originals:
    """The originals of the last calls, up to a number of characters.

    Args:
        max_characters: How many characters are remembered. The last call is remembered whatever its
            size.
    """

    def __init__(self, max_characters: int) -> None:
        self._max_characters = max_characters
        self._calls: OrderedDict[str, Sequence[Original]] = OrderedDict()
        self._characters = 0

    def add(self, passages: Sequence[PrunedPassage]) -> str:
        """Remember the passages of a call, given in input order, and return the id of the call.

        The id of a passage is `passage_id(call, index)`.
        """
        call = secrets.token_hex(_ID_BYTES)
        originals = [Original(passage.passage.text, passage.kept_spans) for passage in passages]
        self._calls[call] = originals
        self._characters += _count_characters(originals)
        while self._characters > self._max_characters and len(self._calls) > 1:
            _, forgotten = self._calls.popitem(last=False)
            self._characters -= _count_characters(forgotten)
        return call

    def find(self, name: str) -> Original | None:
        """Return the original of the passage with this id; None if it is unknown by now."""
        call, _, index = name.strip().partition(".")
        originals = self._calls.get(call, ())
        by_index = {str(number): original for number, original in enumerate(originals)}
        return by_index.get(index)


def passage_id(call: str, index: int) -> str:
    """Return the id of a passage, given that of its call and its position in the input."""
    return f"{call}.{index}"


def _count_characters(originals: Sequence[Original]) -> int:
    return sum(len(original.text) for original in originals)
