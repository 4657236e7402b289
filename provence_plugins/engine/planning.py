"""Passages to sentences to windows: all that happens before the model runs."""

import logging
import string
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Self

from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.formats import Format, InputConventions, Scoring
from provence_plugins.text.sentences import SentenceSplitter, SplitterName, choose_splitter, split_sentences
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.tokens.windows import MIN_TEXT_TOKENS, Packing, Window, plan_head, plan_windows
from provence_plugins.types import Passage, Sentence

logger = logging.getLogger(__name__)

_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class PassagePlan:
    """One passage, ready for the model.

    Attributes:
        passage: The passage.
        sentences: Its sentences, which tile the text.
        token_counts: Number of tokens of each sentence.
        windows: Model inputs that hold every token once; none when the passage has no tokens.
        scoring: How what the model says of the windows becomes that of sentences and passage.
    """

    passage: Passage
    sentences: Sequence[Sentence]
    token_counts: Sequence[int]
    windows: Sequence[Window]
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class Planner:
    """Splits and tokenises passages and cuts them into windows, the same way in training and in use.

    Attributes:
        encoder: The checkpoint's tokenizer.
        format: Conventions of the checkpoint's layout.
        splitter: How a passage that brings no sentences of its own is split.
        max_tokens: Longest window, query and special tokens included.
        piece_tokens: Longest piece of a sentence; None cuts only sentences that are longer than a window.
        query_tokens: Of a query, at most this many tokens are read; None for all of it.
    """

    encoder: TextEncoder
    format: Format
    splitter: SplitterName | SentenceSplitter
    max_tokens: int
    piece_tokens: int | None = None
    query_tokens: int | None = None

    @classmethod
    def of(cls, checkpoint: Checkpoint, splitter: SplitterName | SentenceSplitter | None = None) -> Self:
        """The planner that a checkpoint asks for, with its own splitter unless another is given."""
        chosen = choose_splitter(splitter or checkpoint.splitter)
        return cls(checkpoint.encoder, checkpoint.format, chosen, checkpoint.max_tokens, checkpoint.piece_tokens)

    def plan(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        """Plan all passages of one query together, so that they are tokenised in one call; equal ones are planned once.

        Raises:
            QueryTooLongError: The query leaves no room for text.
            SplitterError: The splitter returned invalid spans.
        """
        keys = [_what_is_read(passage) for passage in passages]
        distinct = dict(zip(keys, passages, strict=True))
        plans = dict(zip(distinct, self._plan_distinct(query, list(distinct.values())), strict=True))
        return [replace(plans[key], passage=passage) for key, passage in zip(keys, passages, strict=True)]

    def count_query_tokens(self, query: str) -> int:
        """Return the number of tokens of a query as the model reads it."""
        [ids] = self.encoder.encode([_query_text(query, self.format.inputs)])
        return len(ids)

    def _plan_distinct(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        sentences = [
            split_sentences(passage.text, self.splitter) if passage.sentences is None else passage.sentences
            for passage in passages
        ]
        inputs = self.format.inputs
        titles = [_title_text(passage, inputs) for passage in passages]
        pieces = [
            piece
            for passage, own, title in zip(passages, sentences, titles, strict=True)
            for piece in _texts_read(passage.text, own, inputs, follows=bool(title))
        ]
        query_ids, *ids = self.encoder.encode([_query_text(query, inputs), *titles, *pieces])
        query_ids = query_ids[: self.query_tokens]
        title_ids, piece_ids = ids[: len(titles)], ids[len(titles) :]
        bounds = pairwise(accumulate(map(len, sentences), initial=0))
        template = self.encoder.template
        plans = []
        for passage, own, title, (first, last) in zip(passages, sentences, title_ids, bounds, strict=True):
            head = plan_head(query_ids, title, template, max_tokens=self.max_tokens, least=_least_text(inputs))
            if head.title_cut:
                logger.warning(
                    "Title %.60r is long; the model reads its first %d tokens.", passage.title, len(head.title)
                )
            own_ids = piece_ids[first:last]
            if inputs.cut_off and any(len(ids) > head.room for ids in own_ids):
                logger.warning(
                    "The query leaves %d tokens for text; as in the published code, what of a sentence does not fit is "
                    "not read.",
                    head.room,
                )
            windows = plan_windows(head, own_ids, template, self._packing())
            plans.append(PassagePlan(passage, own, list(map(len, own_ids)), windows, self.format.scoring))
        return plans

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


def _texts_read(text: str, sentences: Sequence[Sentence], inputs: InputConventions, *, follows: bool) -> list[str]:
    """What the model reads of each sentence; `follows` tells whether a title stands in front of the first one."""
    texts = [sentence.model_text(text) for sentence in sentences]
    if not inputs.spaced:
        return texts
    # White space in front of the very first sentence is kept, as Punkt keeps it.
    first = [] if follows else [part.rstrip() for part in texts[:1]]
    return [*first, *(f" {part.strip()}" if part.strip() else "" for part in texts[len(first) :])]


def _what_is_read(passage: Passage) -> Hashable:
    return passage.text, passage.title, passage.sentences
