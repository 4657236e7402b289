"""Find sentences that only repeat what another passage says.

A sentence repeats another one if that one has all its words in the same order, and almost no
others. So a sentence with a word of its own, such as another year, name or direction, is never
taken for a repetition.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from provence_plugins.engine.passages import ScoredPassage
from provence_plugins.engine.policy import Deduplicate
from provence_plugins.engine.ties import is_json
from provence_plugins.text.columns import Sentences

# A shorter sentence ("It is old.") may say something else in every passage.
_MIN_WORDS = 4

# Share of the words of the fuller sentence that the other one has at least.
_MIN_SHARE = 0.8

# Maximum number of comparisons for each sentence, so that time stays linear even if all sentences
# are similar.
_MAX_CANDIDATES = 32

_KINDS = ("sentence", "list_item", "quote", "table_row", "record")

# Signs and units before and after numbers count, other punctuation does not. Scripts without
# spaces are compared character by character.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+(?:['’][^\W_]+)*"
    r"|(?<!\w)[-−+±<>≤≥~](?=\s?\d)|[%‰°€$£?]"
)

# Words and signs that turn the meaning of a sentence which is otherwise the same.
_TURNING = frozenset(
    {
        "?", "-", "−", "+", "±", "<", ">", "≤", "≥", "~",
        "not", "no", "nor", "never", "neither", "none", "without", "cannot", "hardly", "barely", "almost", "nearly",
        "if", "unless", "except", "false", "falsely",
        "nicht", "kein", "keine", "keinen", "keiner", "keinem", "keines", "nie", "niemals", "ohne", "kaum", "fast",
        "falls", "ausser", "ne", "pas", "jamais", "sans", "aucun", "aucune", "si", "nunca", "jamás", "sin", "ni",
        "non", "mai", "senza", "não", "nem", "sem", "niet", "geen", "nooit", "zonder", "inte", "ingen", "aldrig",
        "ikke", "bez", "не", "нет", "ни", "без", "никогда", "если", "不", "没", "無", "无", "非", "未", "勿",
    }
)  # fmt: skip

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟")


class Place(NamedTuple):
    """Position of a sentence: the row of its passage, and its number in the passage."""

    row: int
    number: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence that can repeat another one.

    Attributes:
        place: Its position.
        words: What is compared.
        context: What it is about besides its words: the title of its passage, and all that is kept
            along with it.
        is_tail: Whether it begins in the middle of a sentence, because its passage was cut there.
        is_head: Whether it ends in the middle of a sentence.
    """

    place: Place
    words: tuple[str, ...]
    context: frozenset[str]
    is_tail: bool = False
    is_head: bool = False

    def repeats(self, other: "_Unit") -> bool:
        """Return whether a sentence of another passage says everything that this one says."""
        return (
            self.place.row != other.place.row
            and self.context <= other.context
            and (self.words == other.words or self._is_contained(other.words))
        )

    def _is_contained(self, fuller: tuple[str, ...]) -> bool:
        if len(self.words) >= len(fuller):
            return False
        if any(_turns(word) for word in Counter(fuller) - Counter(self.words)):
            return False
        if self.is_tail and fuller[-len(self.words) :] == self.words:
            return True
        if self.is_head and fuller[: len(self.words)] == self.words:
            return True
        remaining = iter(fuller)
        return len(self.words) >= _MIN_SHARE * len(fuller) and all(word in remaining for word in self.words)


class Repeats:
    """Which sentences repeat others, among the passages of a query.

    Args:
        passages: The passages.
        kind: "exact" compares sentences without regard to case and white space, "near" word by
            word; None finds nothing.
        exempt: Numbers of the sentences of each passage that never count as repetitions.
    """

    def __init__(
        self,
        passages: Sequence[ScoredPassage],
        kind: Deduplicate | None,
        exempt: Sequence[Collection[int]],
    ) -> None:
        self._units: dict[Place, _Unit] = {}
        self._known = _Index()
        self._kept = _Index()
        self._exempt = exempt
        for row, passage in enumerate(passages if kind is not None else ()):
            for unit in _units(row, passage, by_words=kind == "near"):
                self._units[unit.place] = unit
                self._known.add(unit)

    def note(self, row: int, numbers: Collection[int]) -> None:
        """Note that sentences are kept."""
        for number in numbers:
            unit = self._units.get(Place(row, number))
            if unit is not None:
                self._kept.add(unit)

    def is_said(self, row: int, number: int) -> bool:
        """Return whether a kept sentence of another passage says all that this one says."""
        unit = self._units.get(Place(row, number))
        if unit is None or number in self._exempt[row]:
            return False
        return any(unit.repeats(other) for other in self._kept.candidates(unit))

    def fuller(self, row: int, number: int) -> Iterator[Place]:
        """Yield the sentences that say all that this one says, and more."""
        unit = self._units.get(Place(row, number))
        if unit is None or number in self._exempt[row]:
            return
        for other in self._known.candidates(unit):
            if unit.repeats(other) and (unit.words, unit.context) != (other.words, other.context):
                yield other.place


class _Index:
    """Sentences by their words."""

    def __init__(self) -> None:
        self._by_words: defaultdict[tuple[str, ...], list[_Unit]] = defaultdict(list)
        self._by_word: defaultdict[str, list[_Unit]] = defaultdict(list)

    def add(self, unit: _Unit) -> None:
        # Copies of copies tell nothing new, and would cost time in every later comparison.
        same = self._by_words[unit.words]
        if len(same) < _MAX_CANDIDATES:
            same.append(unit)
            for word in set(unit.words):
                self._by_word[word].append(unit)

    def candidates(self, unit: _Unit) -> Iterator[_Unit]:
        """Yield sentences with the same words, and then others with the rarest of them."""
        yield from self._by_words.get(unit.words, ())
        rarest = min(unit.words, key=lambda word: len(self._by_word.get(word, ())))
        yield from self._by_word.get(rarest, ())[:_MAX_CANDIDATES]


def _units(row: int, passage: ScoredPassage, *, by_words: bool) -> Iterator[_Unit]:
    """Yield the sentences of a passage that can repeat others."""
    if not passage.is_legible:
        return
    text = passage.passage.text
    title = _normalized(passage.passage.title or "")
    sentences = passage.columns
    texts = sentences.texts(text)
    # Remembered, because a heading belongs to all sentences below it.
    normalized = cache(lambda number: _normalized(texts[number]))
    last = len(texts) - 1
    for number, own in enumerate(texts):
        if sentences.kinds[number] not in _KINDS or is_json(sentences, number):
            continue
        words = tuple(_WORD.findall(own.casefold()))
        if len(words) < _MIN_WORDS:
            continue
        context = {normalized(other) for other in _company(sentences, number)}
        yield _Unit(
            place=Place(row, number),
            words=words if by_words else (normalized(number),),
            context=frozenset(context | {title}) - {""},
            is_tail=number == 0 and own.lstrip()[:1].islower(),
            is_head=number == last and not own.rstrip().endswith(_SENTENCE_ENDS),
        )


def _company(sentences: Sentences, number: int) -> set[int]:
    """Return the numbers of all sentences that this one can bring along under any policy."""
    found: set[int] = set()
    waiting = [number]
    while waiting:
        member = waiting.pop()
        others = {to for _, to in sentences.ties_of(member)}
        heading = sentences.headings[member]
        if heading is not None:
            others.add(heading)
        waiting += others - found
        found |= others
    return found - {number}


def _turns(word: str) -> bool:
    return word in _TURNING or word.endswith(("n't", "n’t"))


def _normalized(text: str) -> str:
    return " ".join(text.split()).casefold()
