"""One context of a published `process` call: its sentences, its plan, and what is decided about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from provence_plugins.engine.planning import PassagePlan
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.text.open_provence import loose_lines
from provence_plugins.text.sentences import SentenceSplitter, choose_splitter, split_sentences
from provence_plugins.tokens.windows import SentenceTokens, Window
from provence_plugins.types import Passage, Sentence, Span


@dataclass(frozen=True, slots=True)
class Part:
    """A context as the model reads it, an explicit title in front.

    Attributes:
        text: What the caller calls the context; rates of compression refer to it.
        title: Explicit title, its separator included; empty when there is none.
        sentences: Sentences of title and context together; none for an empty context.
    """

    text: str
    title: str
    sentences: tuple[Sentence, ...]

    @property
    def passage(self) -> Passage:
        """Title and context as the engine takes them."""
        return Passage(self.title + self.text, sentences=self.sentences)

    @property
    def texts(self) -> list[str]:
        """The sentences; an empty context is one empty sentence."""
        whole = self.title + self.text
        return [sentence.model_text(whole) for sentence in self.sentences] or [""]

    @property
    def slices(self) -> list[str]:
        """The sentences with the white space behind them, whether the model reads it or not."""
        whole = self.title + self.text
        return [sentence.of(whole) for sentence in self.sentences] or [""]


@dataclass(frozen=True, slots=True)
class Decided:
    """What `process` says of one context.

    Attributes:
        pruned: What is left of it.
        score: Relevance.
        rate: Per cent of the characters that were removed.
        title: Explicit title.
        kept: Sentences that stay, the title included.
        removed: The others.
        probabilities: Of all sentences.
    """

    pruned: str
    score: float
    rate: float
    title: str | None
    kept: list[str]
    removed: list[str]
    probabilities: list[float]


@dataclass(frozen=True, slots=True)
class Rules:
    """How a published interface decides.

    Attributes:
        threshold: A sentence stays when its probability is above this.
        keeps_title: Whether the title, explicit or the first sentence, stays whenever a sentence does.
        marks_first: Whether the first sentence is the title where there is no explicit one.
        title_in_text: Whether an explicit title is part of the pruned text.
        zero_when_empty: Whether a context of which nothing stays has the score 0.
        spaced: Whether the pruned text has the white space between sentences that the model does not read, but none
            around it.
    """

    threshold: float
    keeps_title: bool
    marks_first: bool
    title_in_text: bool
    zero_when_empty: bool
    spaced: bool


def cut(text: str, spans: Iterable[tuple[int, int]], title: str, *, strip: bool) -> Part:
    """A context with its sentences.

    Args:
        text: The context.
        spans: Its sentences.
        title: Explicit title, its separator included, or nothing.
        strip: Leave the white space around each sentence out.
    """
    whole = title + text
    in_title = loose_lines(whole, [(0, len(title))] if title else [])
    ranges = [*in_title, *((len(title) + start, len(title) + end) for start, end in spans)]
    if strip:
        ranges = [_stripped(whole, span) for span in ranges]
    ranges = [(start, end) for start, end in ranges if start < end]
    bounds = pairwise([0, *(start for start, _ in ranges[1:]), len(whole)])
    sentences = (Sentence(*bound, model_span=Span(*span)) for bound, span in zip(bounds, ranges, strict=bool(ranges)))
    return Part(text, title, tuple(sentences))


def spans_of(text: str, splitter: object) -> list[tuple[int, int]]:
    """Sentences of a text by any splitter; blank ones count where the splitter finds them."""
    chosen = choose_splitter(splitter)
    if chosen.blocks_first:
        return [(sentence.start, sentence.end) for sentence in split_sentences(text, chosen)]
    found = [(item.start, item.end) if isinstance(item, Span) else item for item in chosen.find(text)]
    return found or ([(0, len(text))] if text else [])


def splitter_of_texts(function: object) -> SentenceSplitter:
    """A published splitter, from a text to the texts of its sentences, as one that gives spans."""

    def find(text: str) -> list[tuple[int, int]]:
        spans, place = [], 0
        for sentence in function(text):  # type: ignore[operator]  # the caller's own, checked by calling it
            start = text.find(sentence, place)
            if sentence and start >= 0:
                spans.append((start, start + len(sentence)))
                place = start + len(sentence)
        return spans

    return find


def shifted(plan: PassagePlan, title: int) -> PassagePlan:
    """The plan with all sentences behind an explicit title moved left by its tokens.

    OpenProvence subtracts the title's length once too often; its published figures with titles contain that.

    Args:
        plan: Of a context whose first sentence is the title.
        title: Tokens of the title.
    """
    return replace(plan, windows=[_shift(window, title) for window in plan.windows])


def decide(part: Part, scores: PassageScores, rules: Rules) -> Decided:
    """What stays of a context."""
    texts, probabilities = part.texts, scores.probabilities.tolist() or [0.0]
    stays = [probability > rules.threshold for probability in probabilities]
    if rules.keeps_title and (part.title or rules.marks_first):
        stays[0] = any(stays)
    first = 1 if part.title and not rules.title_in_text else 0
    pieces = part.slices if rules.spaced else texts
    pruned = "".join(text for text, stay in zip(pieces[first:], stays[first:], strict=True) if stay)
    pruned = pruned.strip() if rules.spaced else pruned
    return Decided(
        pruned=pruned,
        score=scores.relevance if pruned.strip() or not rules.zero_when_empty else 0.0,
        rate=(len(part.text) - len(pruned)) / max(len(part.text), 1) * 100.0,
        title=part.title or None,
        kept=[text for text, stay in zip(texts, stays, strict=True) if stay],
        removed=[text for text, stay in zip(texts, stays, strict=True) if not stay],
        probabilities=probabilities,
    )


def joined(sentences: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text that sentences make up, and where each lies; blank ones are dropped."""
    meant = [sentence for sentence in sentences if sentence.strip()]
    return "".join(meant), list(pairwise([0, *accumulate(map(len, meant))]))


def _shift(window: Window, tokens: int) -> Window:
    parts = tuple(
        SentenceTokens(part.sentence, max(0, part.start - tokens), max(0, part.end - tokens)) if part.sentence else part
        for part in window.sentences
    )
    return replace(window, sentences=parts)


def _stripped(text: str, span: tuple[int, int]) -> tuple[int, int]:
    inner = text[slice(*span)]
    return span[0] + len(inner) - len(inner.lstrip()), span[1] - len(inner) + len(inner.rstrip())
