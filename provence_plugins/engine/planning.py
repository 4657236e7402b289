"""Passages to sentences to windows: all that happens before the model runs."""

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from provence_plugins.errors import InvalidInputError
from provence_plugins.model.formats import Format
from provence_plugins.text.sentences import SentenceSplitter, SplitterName, split_sentences
from provence_plugins.tokens.encoding import TextEncoder
from provence_plugins.tokens.windows import Window, plan_head, plan_windows
from provence_plugins.types import Passage, Sentence

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PassagePlan:
    """One passage, ready for the model.

    Attributes:
        passage: The passage.
        sentences: Its sentences, which tile the text.
        token_counts: Number of tokens of each sentence.
        windows: Model inputs that hold every token once; none when the passage has no tokens.
    """

    passage: Passage
    sentences: Sequence[Sentence]
    token_counts: Sequence[int]
    windows: Sequence[Window]


@dataclass(frozen=True, slots=True)
class Planner:
    """Splits and tokenises passages and cuts them into windows, the same way in training and in use.

    Attributes:
        encoder: The checkpoint's tokenizer.
        format: Conventions of the checkpoint's layout.
        splitter: How a passage that brings no sentences of its own is split.
        max_tokens: Longest window, query and special tokens included.
    """

    encoder: TextEncoder
    format: Format
    splitter: SplitterName | SentenceSplitter
    max_tokens: int

    def plan(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        """Plan all passages of one query together, so that they are tokenised in one call; equal ones are planned once.

        Raises:
            QueryTooLongError: The query leaves no room for text.
            SplitterError: The splitter, or a passage's own spans, cannot be used.
        """
        check_query(query)
        keys = [_what_is_read(passage) for passage in passages]
        distinct = dict(zip(keys, passages, strict=True))
        plans = dict(zip(distinct, self._plan_distinct(query, list(distinct.values())), strict=True))
        return [replace(plans[key], passage=passage) for key, passage in zip(keys, passages, strict=True)]

    def _plan_distinct(self, query: str, passages: Sequence[Passage]) -> list[PassagePlan]:
        sentences = [
            split_sentences(passage.text, self.splitter if passage.spans is None else passage.spans)
            for passage in passages
        ]
        titles = [_title_text(passage, self.format) for passage in passages]
        pieces = [passage.text[s.start : s.end] for passage, own in zip(passages, sentences, strict=True) for s in own]
        query_ids, *ids = self.encoder.encode([query, *titles, *pieces])
        title_ids, piece_ids = ids[: len(titles)], ids[len(titles) :]
        bounds = pairwise(accumulate(map(len, sentences), initial=0))
        template = self.encoder.template
        plans = []
        for passage, own, title, (first, last) in zip(passages, sentences, title_ids, bounds, strict=True):
            head = plan_head(query_ids, title, template, max_tokens=self.max_tokens)
            if head.title_cut:
                logger.warning(
                    "Title %.60r is long; the model reads its first %d tokens.", passage.title, len(head.title)
                )
            own_ids = piece_ids[first:last]
            plans.append(PassagePlan(passage, own, list(map(len, own_ids)), plan_windows(head, own_ids, template)))
        return plans


def _title_text(passage: Passage, layout: Format) -> str:
    title = (passage.title or "").strip()
    return title + layout.title_suffix if title else ""


def _what_is_read(passage: Passage) -> Hashable:
    # Spans of the caller's own may be of any kind; a passage that has them is equal to itself only.
    return (passage.text, passage.title) if passage.spans is None else id(passage)


def check_query(query: str) -> None:
    """Refuse what is no question.

    Raises:
        InvalidInputError: The query is not a string, or is blank.
    """
    if not isinstance(query, str):
        raise InvalidInputError(f"The query must be a string, got {type(query).__name__}.")
    if not query.strip():
        raise InvalidInputError("The query is blank. Pruning keeps what helps to answer a question; pass one.")
