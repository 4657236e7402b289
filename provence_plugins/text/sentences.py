"""Text to sentences that tile it: each starts where the one before ends, and nothing is left out."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Literal

import sentencex

from provence_plugins.errors import InvalidInputError, SplitterError
from provence_plugins.text.blocks import Block, split_blocks
from provence_plugins.text.open_provence import open_provence_spans
from provence_plugins.text.punkt import punkt_spans
from provence_plugins.types import Sentence, Span

SentenceSplitter = Callable[[str], Iterable[Span | tuple[int, int]]]
"""Finds the sentences of a text: ordered, not overlapping; what lies between two goes with the first."""

SplitterName = Literal["sentencex", "nltk", "regex", "lines", "open-provence"]

# What the Rust library cannot take: lone surrogates, and white space of several bytes, where it panics on an initial
# such as "J." after it. Each is replaced by one character, so that positions stay true.
_UNSAFE = re.compile(r"[\ud800-\udfff]|[^\S\x00-\x7f]")

# Possessive, and entered at the first terminator of a run only: linear even on 200 000 dots.
_SENTENCE_END = re.compile(
    r"""(?<![.!?…])(?<!\b[A-Z])[.!?…]++["'”’»)\]]*+\s++(?![a-z]|$)
    |   (?<![。！？｡।॥؟۔።፧։။])[。！？｡।॥؟۔።፧։။]++["'”’»」』】）)\]]*+\s*+""",
    re.VERBOSE,
)

_QUOTE_MARKS = re.compile(r"^[ \t]*+(?:>[ \t]*+)++", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Splitter:
    """A way of finding sentences, and what it wants to see.

    Attributes:
        find: Finds the sentences.
        blocks_first: Whether headings, code, tables, list items and quotes are set apart first, so that `find` is
            given running prose only. Otherwise it is given the whole text.
        reads_gaps: Whether the model reads what lies between two spans.
    """

    find: SentenceSplitter
    blocks_first: bool = True
    reads_gaps: bool = True

    def __call__(self, text: str) -> Iterable[Span | tuple[int, int]]:
        """The sentences that `find` sees in a text, blocks aside."""
        return self.find(text)


def split_sentences(
    text: str, splitter: SplitterName | SentenceSplitter | Sequence[Span] | Sequence[Sentence] = "sentencex"
) -> list[Sentence]:
    """Split a text into sentences that tile it, white space after a sentence included.

    Args:
        text: Markdown or plain text.
        splitter: A name from `SPLITTERS`, a `Splitter`, any function from a text to the spans of its sentences, or
            those spans themselves. What lies between two spans goes with the span before, what lies before the first
            goes with the first, and a blank span is no sentence. Sentences that tile the text are taken as they are.

    Returns:
        Sentences without a gap from the first character to the last. A blank text is one sentence, an empty one none.

    Raises:
        InvalidInputError: There is no splitter of that name, or it is neither a name, a function nor spans.
        SplitterError: Spans are out of order, overlap or lie outside the text; or the data of NLTK is missing.
        MissingExtraError: NLTK is asked for and not installed.
    """
    if isinstance(splitter, Sequence) and splitter and isinstance(splitter[0], Sentence):
        return _check_tiling(text, [row for row in splitter if isinstance(row, Sentence)])
    chosen = choose_splitter(splitter)
    if chosen.blocks_first:
        return _split_by_blocks(text, chosen.find)
    found = _tile(text, chosen.find(text))
    return [Sentence(start, end, read=None if chosen.reads_gaps else span) for start, end, span in found]


def sentencex_spans(text: str, language: str = "en") -> Iterable[tuple[int, int]]:
    """Sentences of prose by sentencex.

    Args:
        text: Running prose.
        language: Whose abbreviations end no sentence: an ISO 639 code, one of about 300. Terminators of other
            scripts are known in every language.
    """
    if not text.isascii():
        text = _UNSAFE.sub(lambda match: " " if match[0].isspace() else "\ufffd", text)
    ends = list(accumulate(map(len, sentencex.segment(language, text))))
    if ends and ends[-1] == len(text):
        return pairwise([0, *ends])
    # Long texts lose the blank lines between paragraphs; this slower call says where they were.
    rows = sentencex.get_sentence_boundaries(language, text)
    return ((row["start_index"], row["end_index"]) for row in rows)


def regex_spans(text: str) -> Iterator[tuple[int, int]]:
    """Sentences of prose by their terminators in any script, knowing no abbreviations but initials."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def line_spans(text: str) -> Iterator[tuple[int, int]]:
    """Each line of a text."""
    ends = list(accumulate(map(len, text.splitlines(keepends=True))))
    return pairwise([0, *ends])


SPLITTERS: dict[SplitterName, Splitter] = {
    "sentencex": Splitter(sentencex_spans),
    "regex": Splitter(regex_spans),
    "lines": Splitter(line_spans, blocks_first=False),
    # Provence was trained on sentences that Punkt cut from the bare text.
    "nltk": Splitter(punkt_spans, blocks_first=False),
    "open-provence": Splitter(open_provence_spans, blocks_first=False, reads_gaps=False),
}


def choose_splitter(splitter: object) -> Splitter:
    """The splitter that a name, a function or a sequence of spans stands for.

    Raises:
        InvalidInputError: It stands for none.
    """
    match splitter:
        case Splitter():
            return splitter
        case str() if splitter in SPLITTERS:
            return SPLITTERS[splitter]
        case Sequence() if not isinstance(splitter, str):
            return Splitter(lambda text: splitter, blocks_first=False)
        case _ if callable(splitter):
            return Splitter(splitter, blocks_first=False)
    raise InvalidInputError(
        f"A sentence splitter is one of {', '.join(map(repr, SPLITTERS))}, a function from a text to spans, or a "
        f"sequence of spans; got {splitter!r}."
    )


def _check_tiling(text: str, sentences: list[Sentence]) -> list[Sentence]:
    bounds = [0, *(sentence.end for sentence in sentences)]
    if [sentence.start for sentence in sentences] != bounds[:-1] or bounds[-1] != len(text):
        raise SplitterError(
            f"Ready-made sentences must tile their text of {len(text)} characters: the first starts at 0, each where "
            f"the one before ends, and the last ends with the text. Give spans where there are gaps."
        )
    return sentences


def _tile(text: str, spans: Iterable[Span | tuple[int, int]]) -> list[tuple[int, int, Span]]:
    """Start and end of each sentence, so that they tile the text, and its span; blank spans are left out."""
    found: list[Span] = []
    before = 0
    for span in spans:
        try:
            start, end = (span.start, span.end) if isinstance(span, Span) else span
            fits = before <= start <= end <= len(text)
            blank = start == end or text[start:end].isspace()
        except (TypeError, ValueError) as error:
            raise SplitterError(f"A splitter must give spans or pairs of whole numbers, got {span!r}.") from error
        if not fits:
            raise SplitterError(
                f"A splitter must give spans in order, apart and inside the text (0 to {len(text)}); {span!r} comes "
                f"after a span that ends at {before}."
            )
        if not blank:
            found.append(Span(start, end))
        before = end
    if not text:
        return []
    found = found or [Span(0, len(text))]
    bounds = pairwise([0, *(span.start for span in found[1:]), len(text)])
    return [(start, end, span) for (start, end), span in zip(bounds, found, strict=True)]


def _split_by_blocks(text: str, find: SentenceSplitter) -> list[Sentence]:
    outline = _Outline()
    sentences: list[Sentence] = []
    for block in split_blocks(text):
        heading = outline.place(block, len(sentences))
        cuts = _cuts(text, block, find)
        sentences.extend(
            Sentence(start, end, block.kind, heading) for start, end in pairwise([block.start, *cuts, block.end])
        )
    return sentences


def _cuts(text: str, block: Block, find: SentenceSplitter) -> list[int]:
    """Where a block is cut into sentences."""
    if block.prose is None:
        return []
    prose = block.prose.of(text)
    if block.kind == "quote":
        prose = _QUOTE_MARKS.sub(lambda match: " " * len(match[0]), prose)
    starts = [start for start, _, _ in _tile(prose, find(prose))]
    if block.kind == "quote":
        starts = [_before_mark(prose, before, start) for before, start in pairwise([0, *starts])]
    return [block.prose.start + start for start in starts[1:]]


def _before_mark(quote: str, before: int, start: int) -> int:
    """The start of the line, for a sentence that begins with it; its mark, blanked by now, is then its own."""
    line = quote.rfind("\n", before, start) + 1
    return start if line == 0 or quote[line:start].strip() else line


@dataclass(slots=True)
class _Outline:
    """The headings, and the table header, that are open at this point of a text."""

    headings: list[tuple[int, int]] = field(default_factory=list)  # level and sentence number, outermost first
    table: int | None = None

    def place(self, block: Block, number: int) -> int | None:
        """Take in a block whose first sentence has this number; gives the number of what it stands under."""
        while block.level and self.headings and self.headings[-1][0] >= block.level:
            self.headings.pop()
        heading = self.headings[-1][1] if self.headings else None
        if block.level:
            self.headings.append((block.level, number))
        if block.kind == "table_header":
            self.table = number
            return heading
        if block.kind != "table_row":
            self.table = None
        return heading if self.table is None else self.table
