"""One context of a published call: its text with its sentences, and the decision about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress, pairwise
from operator import not_

from provence_plugins.compat.calls import Call, Context, Titles
from provence_plugins.compat.interfaces import Interface
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.text.open_provence import loose_lines
from provence_plugins.text.sentences import (
    SentenceSplitter,
    SplitterName,
    choose_splitter,
    split_sentences,
)
from provence_plugins.types import Passage, Sentence, Span

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TitledContext:
    """A context with its sentences, and an explicit title in front of it.

    Attributes:
        text: What the caller calls the context; rates of compression refer to it.
        title: Explicit title with its separator; empty if there is none.
        sentences: Sentences of title and context together; none for an empty context.
    """

    text: str
    title: str
    sentences: tuple[Sentence, ...]

    @property
    def whole(self) -> str:
        """Title and text."""
        return self.title + self.text

    @property
    def passage(self) -> Passage:
        """Title and text as the engine takes them."""
        return Passage(self.whole, sentences=self.sentences or Sentence.tile(self.whole, ()))

    @property
    def model_texts(self) -> list[str]:
        """The sentences as the model reads them; an empty context is one empty sentence."""
        return [sentence.model_text(self.whole) for sentence in self.sentences] or [""]

    @property
    def full_texts(self) -> list[str]:
        """The sentences with the white space after them, whether the model reads it or not."""
        return [sentence.of(self.whole) for sentence in self.sentences] or [""]


@dataclass(frozen=True, slots=True)
class ContextDecision:
    """The result of `process` for one context, under the published names.

    Attributes:
        pruned_context: The kept text.
        reranking_score: Relevance.
        compression_rate: Share of the characters that is removed, in per cent.
        title: Explicit title.
        kept_sentences: Kept sentences, the title included.
        removed_sentences: All other sentences.
        sentence_probabilities: Of all sentences.
    """

    pruned_context: str
    reranking_score: float
    compression_rate: float
    title: str | None
    kept_sentences: list[str]
    removed_sentences: list[str]
    sentence_probabilities: list[float]


@dataclass(frozen=True, slots=True)
class ContextReader:
    """Makes sentences of contexts and titles.

    Attributes:
        interface: The interface whose rules are followed.
        splitter: Finds the sentences of a context that is one text.
        strip: Whether the white space around each sentence is left out.
        first_line_as_title: Whether the first line of each context is its title.
    """

    interface: Interface
    splitter: SplitterName | SentenceSplitter
    strip: bool
    first_line_as_title: bool = False

    def read_all(self, call: Call, titles: Titles) -> list[list[TitledContext]]:
        """Return the contexts of each question."""
        rows = []
        for request, of_request in zip(call.requests, titles, strict=True):
            rows.append(list(map(self.read, request.contexts, of_request)))
        return rows

    def read(self, context: Context, title: str | None) -> TitledContext:
        """Return a context with its sentences and its title."""
        if self.first_line_as_title:
            context, title = take_first_line(context)
        if isinstance(context, str):
            text, ranges = context, _find_sentences(context, self.splitter)
        else:
            text, ranges = _join(context)
        if self.interface.loose_lines:
            ranges = list(loose_lines(text, ranges))
        front = ""
        in_title: list[Range] = []
        if title:
            front = title + self.interface.title_separator
            in_title = list(loose_lines(front + text, [(0, len(front))]))
        whole = front + text
        in_text = [(len(front) + start, len(front) + end) for start, end in ranges]
        spans = []
        for start, end in [*in_title, *in_text]:
            if self.strip:
                start, end = _stripped(whole, start, end)
            if start < end:
                spans.append(Span(start, end))
        return TitledContext(text, front, _tile(whole, spans))


def decide(
    context: TitledContext,
    scores: PassageScores,
    interface: Interface,
    *,
    threshold: float,
    first_is_title: bool,
) -> ContextDecision:
    """Decide which sentences of a context are kept, by the published rules.

    Args:
        context: The context.
        scores: Its scores.
        interface: Whose rules are followed.
        threshold: A sentence is kept when its probability is above this.
        first_is_title: Whether the first sentence is the title of a context without an explicit
            one.
    """
    probabilities = scores.probabilities.tolist() or [0.0]
    is_kept = [probability > threshold for probability in probabilities]
    if interface.always_select_title and (context.title or first_is_title):
        is_kept[0] = any(is_kept)
    pruned = _pruned_text(context, is_kept, interface)
    scores_zero = interface.zero_score_when_empty and not pruned.strip()
    removed = len(context.text) - len(pruned)
    return ContextDecision(
        pruned_context=pruned,
        reranking_score=0.0 if scores_zero else scores.relevance,
        compression_rate=removed / max(len(context.text), 1) * 100.0,
        title=context.title or None,
        kept_sentences=list(compress(context.model_texts, is_kept)),
        removed_sentences=list(compress(context.model_texts, map(not_, is_kept))),
        sentence_probabilities=probabilities,
    )


def take_first_line(context: Context) -> tuple[Context, str | None]:
    """Return a context without its first line or sentence that is not blank, and that line."""
    if isinstance(context, str):
        rest, title = take_first_line(context.splitlines(keepends=True))
        if title is None:
            return context, None
        return "".join(rest), title
    for number, line in enumerate(context):
        if line.strip():
            return context[number + 1 :], line.strip()
    return context, None


def _pruned_text(context: TitledContext, is_kept: Sequence[bool], interface: Interface) -> str:
    # An explicit title is the first sentence.
    first = int(bool(context.title) and not interface.title_in_text)
    if not interface.spaced:
        return "".join(compress(context.model_texts[first:], is_kept[first:]))
    return "".join(compress(context.full_texts[first:], is_kept[first:])).strip()


def _find_sentences(text: str, splitter: SplitterName | SentenceSplitter) -> list[Range]:
    """Return the sentences that a splitter finds in a text, blank ones included."""
    chosen = choose_splitter(splitter)
    if chosen.blocks_first:
        return [(sentence.start, sentence.end) for sentence in split_sentences(text, chosen)]
    found: list[Range] = []
    for item in chosen.find(text):
        found.append((item.start, item.end) if isinstance(item, Span) else item)
    if not found and text:
        return [(0, len(text))]
    return found


def _join(sentences: Sequence[str]) -> tuple[str, list[Range]]:
    """Return the text that sentences make up, and the span of each; blank ones are dropped."""
    meant = [sentence for sentence in sentences if sentence.strip()]
    return "".join(meant), list(pairwise([0, *accumulate(map(len, meant))]))


def _tile(text: str, spans: Sequence[Span]) -> tuple[Sentence, ...]:
    """Return sentences that cover a text; the model reads of each only its span."""
    if not spans:
        return ()
    starts = [0, *(span.start for span in spans[1:])]
    ends = [*starts[1:], len(text)]
    rows = zip(starts, ends, spans, strict=True)
    return tuple(Sentence(start, end, model_span=span) for start, end, span in rows)


def _stripped(text: str, start: int, end: int) -> Range:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
