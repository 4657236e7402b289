"""Turn prose into lists, rows, turns and unpunctuated lines, so that a model learns from them too.

Labelled data are mostly prose whose sentences end in a full stop. Retrieved texts are not: a model
that has only seen prose takes a missing full stop as a sign that the sentence continues. Here
sentences become the lines of another form, and the labels of people and of teachers move with them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from provence_plugins.data.examples import Example
from provence_plugins.data.silver import SilverSpan
from provence_plugins.types import Passage, Span

# A line of a new text: literal text, and ranges of the old text in the order in which they appear.
Line = list[str | Span]
Style = Callable[[str, Sequence[Span], Random], list[Line]]

_SPEAKERS = ("Anna", "Ben", "Chen", "Dana", "Emil", "Fatima", "Speaker 1", "Speaker 2", "Agent", "Customer")
_KEYS = ("Note", "Detail", "Point", "Fact", "Item", "Remark")

# Where "subject verb rest" may become "subject: rest".
_COPULA = re.compile(r"\s(?:is|are|was|were|has|have|had)\s")
_LONGEST_KEY = 4  # words

# Words in a line of speech, as subtitles break it.
_CUE_WORDS = (5, 11)


def restructure(example: Example, sentences: Sequence[Span], random: Random) -> Example:
    """Rewrite a passage in a form drawn at random, one line or row for each sentence.

    Args:
        example: A labelled example; its annotated ranges and its silver labels are moved to the
            same words in the new text.
        sentences: The sentences of its passage.
        random: Source of every choice.

    Returns:
        The example with the new passage. Its words and their order are those of the old one; some
        forms leave out full stops, or put them in lower case.
    """
    text = example.passage.text
    trimmed: list[Span] = []
    for sentence in sentences:
        span = _trim(text, sentence)
        if span.start < span.end:
            trimmed.append(span)
    if not trimmed:
        return example
    style = random.choice(STYLES)
    return rewrite(example, style(text, trimmed, random), lower=random.random() < _LOWER.get(style, 0.1))


def rewrite(example: Example, lines: Sequence[Line], *, lower: bool = False) -> Example:
    """Return an example whose passage has other lines, with labels where the words are now.

    Args:
        example: A labelled example.
        lines: The lines of the new passage. Labels of ranges that no line holds are dropped.
        lower: Put the text in lower case.
    """
    new = _render(example.passage.text, lines, lower=lower)
    silver: list[SilverSpan] = []
    for given in example.silver:
        for place in new.moved([given.span]):
            silver.append(SilverSpan(place, given.probability))
    passage = Passage(new.text, example.passage.title)
    return replace(example, passage=passage, evidence=tuple(new.moved(example.evidence)), silver=tuple(silver))


@dataclass(frozen=True, slots=True)
class _Moved:
    """A new text, and where each range of the old one went.

    Attributes:
        text: The new text.
        places: Pairs of a range of the old text and where it begins in the new one.
    """

    text: str
    places: list[tuple[Span, int]]

    def moved(self, spans: Iterable[Span]) -> list[Span]:
        """Return where parts of ranges are in the new text, without those that it lacks."""
        found = []
        for span in spans:
            for old, start in self.places:
                first, last = max(span.start, old.start), min(span.end, old.end)
                if first < last:
                    found.append(Span(start + first - old.start, start + last - old.start))
        return found


def _render(text: str, lines: Sequence[Line], *, lower: bool) -> _Moved:
    parts: list[str] = []
    places: list[tuple[Span, int]] = []
    length = 0
    for line in lines:
        for part in [*line, "\n"]:
            piece = part
            if isinstance(part, Span):
                places.append((part, length))
                piece = part.of(text).replace("\n", " ")
                # A letter whose lower case is longer would shift all ranges after it.
                if lower and len(piece.lower()) == len(piece):
                    piece = piece.lower()
            assert isinstance(piece, str)
            parts.append(piece)
            length += len(piece)
    return _Moved("".join(parts).removesuffix("\n"), places)


def _trim(text: str, sentence: Span) -> Span:
    """Return a sentence without the white space around it."""
    whole = sentence.of(text)
    start = sentence.start + len(whole) - len(whole.lstrip())
    return Span(start, max(start, sentence.end - len(whole) + len(whole.rstrip())))


def _without_stop(text: str, sentence: Span) -> Span:
    """Return a sentence without the full stop at its end."""
    return Span(sentence.start, sentence.start + len(sentence.of(text).rstrip(".;")))


def _bullets(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    mark, stop = random.choice(["- ", "* ", "• ", "  - "]), random.random() < 0.5
    return [[mark, span if stop else _without_stop(text, span)] for span in sentences]


def _numbered(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    form = random.choice(["{}. ", "{}) ", "({}) ", "Step {}: "])
    return [[form.format(number), span] for number, span in enumerate(sentences, start=1)]


def _plain_lines(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    return [[_without_stop(text, span)] for span in sentences]


def _speech(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    """Break the words of all sentences into short lines, as subtitles and transcripts do."""
    words: list[Span] = []
    for sentence in sentences:
        span = _without_stop(text, sentence)
        for word in re.finditer(r"\S+", span.of(text)):
            words.append(Span(span.start + word.start(), span.start + word.end()))
    lines: list[Line] = []
    while words:
        size = random.randint(*_CUE_WORDS)
        line: Line = []
        for chosen in words[:size]:
            line += [" ", chosen]
        lines.append(line[1:])
        words = words[size:]
    return lines


def _key_value(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    lines: list[Line] = []
    for span in sentences:
        verb = _COPULA.search(span.of(text))
        key = Span(span.start, span.start + verb.start()) if verb else Span(0, 0)
        if verb and len(key.of(text).split()) <= _LONGEST_KEY:
            lines.append([key, ": ", _without_stop(text, Span(span.start + verb.end(), span.end))])
        else:
            lines.append([f"{random.choice(_KEYS)}: ", _without_stop(text, span)])
    return lines


def _rows(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    cells: list[Line] = [[str(number), " | ", span] for number, span in enumerate(sentences, start=1)]
    if random.random() < 0.5:
        return [["No. | Text"], *cells]
    return [["| No. | Text |"], ["|---|---|"], *(["| ", *cell, " |"] for cell in cells)]


def _turns(text: str, sentences: Sequence[Span], random: Random) -> list[Line]:
    speakers = random.sample(_SPEAKERS, 2)
    form = random.choice(["{}: ", "<{}> ", "[12:0{number}] {}: "])
    return [[form.format(random.choice(speakers), number=number % 10), span] for number, span in enumerate(sentences)]


STYLES: tuple[Style, ...] = (_bullets, _numbered, _plain_lines, _speech, _key_value, _rows, _turns)

# Share of texts in lower case, where it is not the usual tenth.
_LOWER: dict[Style, float] = {_speech: 0.6, _plain_lines: 0.3}
