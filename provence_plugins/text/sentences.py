"""Text to sentences that tile it: each starts where the one before ends, and nothing is left out."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import Any, Literal

from provence_plugins.deprecation import warn_renamed
from provence_plugins.errors import InvalidInputError, SplitterError, translate_panics
from provence_plugins.text.blocks import Block, split_blocks
from provence_plugins.text.columns import Sentences
from provence_plugins.text.json_text import FindStarts, split_json
from provence_plugins.text.languages import ISO_639_1
from provence_plugins.text.open_provence import open_provence_spans
from provence_plugins.text.outline import outline
from provence_plugins.text.prose import read_language_of, sentencex_spans
from provence_plugins.text.punkt import punkt_spans
from provence_plugins.types import Sentence, Span, check_spans, iterate_spans

SentenceSplitter = Callable[[str], Iterable[Span | tuple[int, int]]]
"""Finds the sentences of a text: ordered, not overlapping; what lies between two goes with the
first."""

SplitterName = Literal["sentencex", "nltk", "regex", "lines", "open-provence"]

# Possessive, and entered at the first terminator of a run only: linear even on 200 000 dots.
_SENTENCE_END = re.compile(
    r"""(?<![.!?…])(?<!\b[A-Z])[.!?…]++["'”’»)\]]*+\s++(?![a-z]|$)
    |   (?<![。！？｡।॥؟۔።፧։။])[。！？｡।॥؟۔።፧։။]++["'”’»」』】）)\]]*+\s*+""",
    re.VERBOSE,
)

_LANGUAGE = re.compile("[a-z]{2,3}")
_QUOTE_MARKS = re.compile(r"^[ \t]*+(?:>[ \t]*+)++", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Splitter:
    """A way of finding sentences, and the input that it needs.

    Attributes:
        find: Finds the sentences.
        blocks_first: Whether headings, code, tables, list items and quotes are set apart first, so
            that `find` is given running prose only. Otherwise it is given the whole text.
        model_reads_gaps: Whether the model reads what lies between two spans.
        prepare: Makes a `find` for one text from the whole of it, such as one in its language. None
            for a `find` that serves every text.
        tiles: Whether the spans are plain pairs of integers; each begins where the one before ends.
    """

    find: SentenceSplitter
    blocks_first: bool = True
    model_reads_gaps: bool = True
    prepare: Callable[[str], SentenceSplitter] | None = None
    tiles: bool = False

    def __call__(self, text: str) -> Iterable[Span | tuple[int, int]]:
        """Return the sentences that `find` finds in a text, without regard to blocks."""
        return self.find(text)


def split_sentences(
    text: str,
    splitter: SplitterName | SentenceSplitter | Sequence[Span] = "sentencex",
) -> Sentences:
    """Split a text into sentences that cover it without gaps, white space after a sentence included.

    Args:
        text: Markdown or plain text.
        splitter: A name from `SPLITTERS`, a `Splitter`, or any function from a text to the spans of
            its sentences. Text between two spans belongs to the span before it, text before the
            first span to the first, and blank spans are ignored. A sequence of spans is
            deprecated; use `Sentence.tile(text, spans)`.

    Returns:
        Sentences from the first character to the last, in a sequence that makes each `Sentence`
        when it is asked for. A blank text is one sentence, an empty one none.

    Raises:
        InvalidInputError: There is no splitter of that name, or `splitter` is neither a name nor a
            function.
        SplitterError: Spans are out of order, overlap or lie outside the text; or the data of NLTK
            is missing.
        MissingExtraError: The splitter "nltk" is asked for, but NLTK is not installed.
    """
    if isinstance(splitter, Sequence) and not isinstance(splitter, str):
        warn_renamed("split_sentences(text, spans)", "Sentence.tile(text, spans)")
        return Sentences.of(Sentence.tile(text, splitter))
    chosen = choose_splitter(splitter)
    with translate_panics(SplitterError, f"splitting a text of {len(text)} characters"):
        return _split(text, chosen)


def _split(text: str, splitter: Splitter) -> Sentences:
    if splitter.blocks_first:
        find = splitter.prepare(text) if splitter.prepare else splitter.find
        return _split_by_blocks(text, partial(_starts_of_tiles if splitter.tiles else _starts, find))
    if not text:
        check_spans(text, splitter.find(text))
        return Sentences([0])
    if splitter.model_reads_gaps:
        return Sentences([*_starts(splitter.find, text), len(text)])
    reads = [(span.start, span.end) for span in check_spans(text, splitter.find(text))]
    return Sentences([0, *(start for start, _ in reads[1:]), len(text)], model_spans=reads)


def regex_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find sentences of prose by their terminators in any script, knowing no abbreviations but initials."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def line_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield each line of a text."""
    ends = list(accumulate(map(len, text.splitlines(keepends=True))))
    return pairwise([0, *ends])


SPLITTERS: dict[SplitterName, Splitter] = {
    "sentencex": Splitter(sentencex_spans, tiles=True, prepare=read_language_of),
    "regex": Splitter(regex_spans, tiles=True),
    "lines": Splitter(line_spans, blocks_first=False),
    # Provence was trained on sentences that Punkt cut from the bare text.
    "nltk": Splitter(punkt_spans, blocks_first=False),
    "open-provence": Splitter(open_provence_spans, blocks_first=False, model_reads_gaps=False),
}


def choose_splitter(splitter: object, language: str = "auto") -> Splitter:
    """Return the splitter that a name or a function stands for.

    Args:
        splitter: Name or function.
        language: ISO 639 code of the language of all texts; "auto" detects it for each text.

    Raises:
        InvalidInputError: It is neither the name of a splitter nor a function; or a language is
            given that is no code, or to a splitter that does not use one.
    """
    chosen = _find_splitter(splitter)
    if language == "auto":
        return chosen
    is_code = isinstance(language, str) and _LANGUAGE.fullmatch(language)
    # The library would take a code that it does not know for English, without a word.
    if not is_code or (len(language) == 2 and language not in ISO_639_1):
        raise InvalidInputError(f'language must be "auto" or an ISO 639 code such as "de"; got {language!r}.')
    if chosen.prepare is None:
        raise InvalidInputError(
            f'language={language!r} was given to a splitter that does not use a language; only "sentencex" does. '
            f"Leave language out, or choose that splitter."
        )
    return replace(chosen, find=partial(sentencex_spans, language=language), prepare=None)


def _find_splitter(splitter: object) -> Splitter:
    match splitter:
        case Splitter():
            return splitter
        case str() if splitter in SPLITTERS:
            return SPLITTERS[splitter]
        case _ if callable(splitter):
            return Splitter(splitter, blocks_first=False)
    raise InvalidInputError(
        f"splitter must be one of {', '.join(map(repr, SPLITTERS))}, or a function from a text to the spans of its "
        f"sentences; got {splitter!r}."
    )


def _split_by_blocks(text: str, find_starts: FindStarts) -> Sentences:
    units = split_json(text, find_starts)
    return outline(text, split_blocks(text), partial(_cuts, text, find_starts)) if units is None else units


def _starts(find: SentenceSplitter, prose: str) -> list[int]:
    """Return where the sentences of some prose start, the first at 0."""
    spans = list(iterate_spans(find(prose)))
    if _are_pairs_in_order(spans, len(prose)):
        return _starts_of_pairs(prose, spans)
    return [0, *(span.start for span in check_spans(prose, spans)[1:])]


def _starts_of_tiles(find: SentenceSplitter, prose: str) -> list[int]:
    """Return the same for a splitter that is known to tile a text."""
    return _starts_of_pairs(prose, find(prose))


def _starts_of_pairs(prose: str, spans: Iterable[Any]) -> list[int]:
    # Hardly any begins with white space, so that hardly any has to be copied.
    starts = [
        start for start, end in spans if start < end and not (prose[start].isspace() and prose[start:end].isspace())
    ]
    return [0, *starts[1:]]


# Any: a splitter of the caller may return anything.
def _are_pairs_in_order(spans: Sequence[Any], length: int) -> bool:
    """Return whether spans are plain pairs of integers that follow each other in a text; fast, and without objects."""
    if set(map(type, spans)) != {tuple} or set(map(len, spans)) != {2}:
        return False
    numbers = list(chain.from_iterable(spans))
    return set(map(type, numbers)) == {int} and numbers[0] >= 0 and numbers[-1] <= length and numbers == sorted(numbers)


def _cuts(text: str, find_starts: FindStarts, block: Block) -> Sequence[int]:
    """Return where a block is cut into sentences."""
    if block.prose is None:
        return ()
    start, end = block.prose
    prose = text[start:end]
    if block.kind == "quote":
        prose = _QUOTE_MARKS.sub(lambda match: " " * len(match[0]), prose)
    starts = find_starts(prose)
    if block.kind == "quote":
        starts = [_before_mark(prose, before, inside) for before, inside in pairwise([0, *starts])]
    return [start + inside for inside in starts[1:]]


def _before_mark(quote: str, before: int, start: int) -> int:
    """Return the start of the line if a sentence begins with it, so that the blanked mark belongs to the sentence."""
    line = quote.rfind("\n", before, start) + 1
    return start if line == 0 or quote[line:start].strip() else line
