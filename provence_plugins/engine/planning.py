"""Plan passages: split them into sentences, tokenize these, and pack them into windows."""

import logging
import re
import string
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.formats import Format, InputConventions, Scoring
from provence_plugins.text.columns import Sentences
from provence_plugins.text.sentences import (
    SentenceSplitter,
    SplitterName,
    choose_splitter,
    split_sentences,
)
from provence_plugins.tokens.batches import regroup
from provence_plugins.tokens.encoding import TextEncoder, TokenIds
from provence_plugins.tokens.legibility import is_legible
from provence_plugins.tokens.windows import (
    MIN_TEXT_TOKENS,
    Packing,
    Window,
    WindowHead,
    plan_head,
    plan_windows,
)
from provence_plugins.types import Passage, Sentence

logger = logging.getLogger(__name__)

_PUNCTUATION = str.maketrans("", "", string.punctuation)

# The end of a sentence that ends with a full stop or the like, with closing marks after it. Kept
# short, because the search tries every position of what it is given.
_STOPPED = re.compile(r"""[.!?…。！？।؟][\s"'”’»」』)\]*_`]*\Z""")
_STOPPED_TAIL = 16
_MARKS_ONLY = re.compile(r"[\W_]*")


@dataclass(frozen=True, slots=True)
class PassagePlan:
    """One passage that is ready for the model.

    Attributes:
        passage: The passage.
        sentences: Its sentences, which tile the text.
        token_counts: Number of tokens of each sentence.
        windows: Model inputs that together hold every token once; empty for a passage without
            tokens.
        scoring: How the scores of the windows are combined into those of sentences and passage.
        is_legible: Whether the model's vocabulary can read the passage and the query. If not, there
            are no windows.
    """

    passage: Passage
    sentences: Sequence[Sentence]
    token_counts: Sequence[int]
    windows: Sequence[Window]
    scoring: Scoring
    is_legible: bool = True


@dataclass(frozen=True, slots=True)
class Planner:
    """Splits passages, tokenizes them and packs them into windows, in training as in use.

    Attributes:
        encoder: The checkpoint's tokenizer.
        format: Conventions of the checkpoint's format.
        splitter: How passages without sentences of their own are split.
        max_tokens: Maximum length of a window, query and special tokens included.
        piece_tokens: Maximum length of a piece of a sentence; None to cut only sentences that are
            longer than a window.
        query_tokens: Maximum number of tokens that are read of a query; None to read all of it.
    """

    encoder: TextEncoder
    format: Format
    splitter: SplitterName | SentenceSplitter
    max_tokens: int
    piece_tokens: int | None = None
    query_tokens: int | None = None
    reads_all: bool = False

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        splitter: SplitterName | SentenceSplitter | None = None,
        language: str | None = None,
    ) -> Self:
        """Return the planner of a checkpoint, with its own splitter unless another is given."""
        given = checkpoint.splitter if splitter is None else splitter
        chosen = choose_splitter(given, "auto" if language is None else language)
        return cls(checkpoint.encoder, checkpoint.format, chosen, checkpoint.max_tokens, checkpoint.piece_tokens)

    def plan(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        """Plan all passages of one query. Equal passages share their plan and its windows.

        Args:
            query: A string that is not blank; the caller has checked it.
            passages: The passages.

        Raises:
            QueryTooLongError: The query leaves no room for text.
            SplitterError: The splitter returned invalid spans.
        """
        keys = [_reading_key(passage) for passage in passages]
        distinct = dict(zip(keys, passages, strict=True))
        plans = dict(zip(distinct, self._plan_distinct(query, list(distinct.values())), strict=True))
        return [replace(plans[key], passage=passage) for key, passage in zip(keys, passages, strict=True)]

    def count_query_tokens(self, query: str) -> int:
        """Return the number of tokens of a query as the model reads it."""
        [ids] = self.encoder.encode([_query_text(query, self.format.inputs)])
        return len(ids)

    def _plan_distinct(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        inputs = self.format.inputs
        sentences = [self._split(passage) for passage in passages]
        titles = [_title_text(passage, inputs) for passage in passages]
        texts: list[str] = []
        for passage, of_passage, title in zip(passages, sentences, titles, strict=True):
            texts += _model_texts(passage.text, of_passage, inputs, follows=bool(title))
        # All in one call, because the tokenizer encodes the texts of a call in parallel.
        query_ids, full_stop, *ids = self.encoder.encode(
            [_query_text(query, inputs), inputs.full_stop, *titles, *texts]
        )
        title_ids = ids[: len(titles)]
        sentence_ids = regroup(ids[len(titles) :], map(len, sentences))
        sentence_texts = regroup(texts, map(len, sentences))
        plans = []
        is_query_legible = self._can_read(query, [query_ids])
        rows = zip(passages, sentences, title_ids, sentence_texts, sentence_ids, strict=True)
        for passage, of_passage, ids_of_title, texts_of_passage, tokens in rows:
            counts = list(map(len, tokens))
            if not is_query_legible or not self._can_read(passage.text, tokens):
                plans.append(PassagePlan(passage, of_passage, counts, (), self.format.scoring, is_legible=False))
                continue
            head = self._head(passage, query_ids[: self.query_tokens], ids_of_title)
            windows = self._pack(head, _with_full_stops(texts_of_passage, tokens, full_stop))
            plans.append(PassagePlan(passage, of_passage, counts, windows, self.format.scoring))
        return plans

    def _can_read(self, text: str, tokens: Sequence[TokenIds]) -> bool:
        return self.reads_all or is_legible(text, tokens, self.encoder.unknown_id)

    def _split(self, passage: Passage) -> Sentences:
        if passage.sentences is not None:
            return Sentences.of(passage.sentences)
        return split_sentences(passage.text, self.splitter)

    def _head(self, passage: Passage, query: TokenIds, title: TokenIds) -> WindowHead:
        """Return what every window of a passage begins with."""
        least = _least_text(self.format.inputs)
        head = plan_head(query, title, self.encoder.template, max_tokens=self.max_tokens, least=least)
        if head.title_cut:
            logger.warning("Title %.60r is long; the model reads its first %d tokens.", passage.title, len(head.title))
        return head

    def _pack(self, head: WindowHead, sentences: Sequence[TokenIds]) -> list[Window]:
        if self.format.inputs.cut_off and any(len(ids) > head.room for ids in sentences):
            logger.warning(
                "The query leaves %d tokens for text; the rest of a longer sentence is not read (as published).",
                head.room,
            )
        return plan_windows(head, sentences, self.encoder.template, self._packing())

    def _packing(self) -> Packing:
        inputs = self.format.inputs
        return Packing(
            evenly=inputs.packing == "even",
            piece_tokens=self.piece_tokens,
            is_read=self.encoder.spells if inputs.halved else None,
            cut_off=inputs.cut_off,
        )


def _least_text(inputs: InputConventions) -> int:
    return 1 if inputs.cut_off else MIN_TEXT_TOKENS


def _query_text(query: str, inputs: InputConventions) -> str:
    return " ".join(query.lower().translate(_PUNCTUATION).split()) if inputs.query == "bare" else query


def _title_text(passage: Passage, inputs: InputConventions) -> str:
    title = (passage.title or "").strip()
    return title + inputs.title_suffix if title else ""


def _model_texts(
    text: str,
    sentences: Sentences,
    inputs: InputConventions,
    *,
    follows: bool,
) -> list[str]:
    """Return what the model reads of each sentence; `follows` tells whether a title precedes."""
    texts = sentences.model_texts(text)
    if not inputs.spaced:
        return texts
    # White space in front of the very first sentence is kept, as Punkt keeps it.
    read = []
    for number, part in enumerate(texts):
        if number == 0 and not follows:
            read.append(part.rstrip())
        else:
            read.append(f" {part.strip()}" if part.strip() else "")
    return read


def _with_full_stops(
    texts: Sequence[str],
    tokens: Sequence[TokenIds],
    full_stop: TokenIds,
) -> Sequence[TokenIds]:
    """Return the tokens of each sentence, with a full stop where one is missing."""
    if not full_stop:
        return tokens
    ended = []
    for text, ids in zip(texts, tokens, strict=True):
        ended.append(ids + full_stop if ids and _lacks_full_stop(text) else ids)
    return ended


def _lacks_full_stop(text: str) -> bool:
    end = text.rstrip()[-_STOPPED_TAIL:]
    # Brackets, rules and other mere marks are no statements.
    return _STOPPED.search(end) is None and not _MARKS_ONLY.fullmatch(text)


def _reading_key(passage: Passage) -> Hashable:
    """Return everything about a passage that the model reads."""
    return passage.text, passage.title, passage.sentences
