"""The content of a message, taken apart into texts to prune, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from provence_plugins.engine.passages import PrunedPassage
from provence_plugins.engine.policy import PruningPolicy
from provence_plugins.integrations.content_blocks import Leaf, find_texts, replace_texts
from provence_plugins.integrations.metadata import RELEVANCE_KEY, describe
from provence_plugins.integrations.reading import read_result
from provence_plugins.integrations.tool_results import ResultText, one_text
from provence_plugins.types import Passage

NOTHING_LEFT = "No passage of this result answers the query."
"""The text that a model reads in place of a result without a kept sentence."""


# Any: whatever a message holds.
def unread_texts(content: Any) -> list[ResultText]:
    """Return the texts of a content as they are, for rules that need not know what is in them."""
    return [one_text("prose", leaf.text) for leaf in find_texts(content)]


@dataclass(frozen=True, slots=True)
class PrunedTexts:
    """The texts of a content after pruning.

    Attributes:
        kept: Those that are kept, in the policy's order; `index` counts the texts of the content.
        dropped: The others.
    """

    kept: Sequence[PrunedPassage]
    dropped: Sequence[PrunedPassage]

    @property
    def tokens_before(self) -> int:
        """Tokens of all texts as they were."""
        return sum(text.tokens_before for text in (*self.kept, *self.dropped))

    @property
    def tokens_after(self) -> int:
        """Tokens of what is kept."""
        return sum(text.tokens_after for text in self.kept)

    def part(self, numbers: range) -> PrunedTexts:
        """Return the texts with these numbers, counted from 0."""
        return PrunedTexts(_numbered(self.kept, numbers), _numbered(self.dropped, numbers))

    def split(self, counts: Sequence[int]) -> list[PrunedTexts]:
        """Return the texts of several contents, given how many each has."""
        parts: list[PrunedTexts] = []
        first = 0
        for count in counts:
            parts.append(self.part(range(first, first + count)))
            first += count
        return parts


@dataclass(frozen=True, slots=True)
class MessageTexts:
    """The texts in the content of one message.

    Attributes:
        content: The content as it was: a text or a list of blocks.
        leaves: The texts of its blocks.
        results: The same texts, taken apart.
        keeps_other: Keep the texts that are neither documents nor values, records or prose.
    """

    content: Any
    leaves: tuple[Leaf, ...]
    results: tuple[ResultText, ...]
    keeps_other: bool = False

    @classmethod
    def of(cls, content: Any, documents: Sequence[Passage] = ()) -> MessageTexts:
        """Take a content apart.

        Args:
            content: A text or a list of blocks.
            documents: The documents that it was written from.
        """
        leaves = tuple(find_texts(content))
        # Documents were written into one text. Where there are several, each is a document by
        # itself.
        if len(leaves) != 1:
            documents = ()
        return cls(content, leaves, tuple(read_result(leaf.text, documents, leaf.title) for leaf in leaves))

    def prunable(self) -> MessageTexts:
        """Return the content; texts other than documents, values, records or prose stay complete."""
        return replace(self, keeps_other=True)

    @property
    def passages(self) -> list[Passage]:
        """The texts to prune, in order."""
        return [passage for result in self.pruned_results for passage in result.passages]

    @property
    def pruned_results(self) -> list[ResultText]:
        """The texts of the blocks that are pruned, the others left out."""
        return [result for result in self.results if self._is_pruned(result)]

    def _is_pruned(self, result: ResultText) -> bool:
        return not (self.keeps_other and result.shape == "other")

    def written(self, pruned: PrunedTexts, policy: PruningPolicy) -> Any:
        """Return the content with what is kept of its texts.

        Args:
            pruned: The texts after pruning.
            policy: The policy that decided; its `omission` marks what was left out.
        """
        order = [passage.index for passage in pruned.kept]
        texts: dict[tuple[str | int, ...], str | None] = {}
        first = 0
        for leaf, result in zip(self.leaves, self.results, strict=True):
            if not self._is_pruned(result):
                continue
            numbers = range(first, first + len(result.passages))
            first = numbers.stop
            ranks = [number - numbers.start for number in order if number in numbers]
            texts[leaf.path] = _written(result, pruned.part(numbers), ranks, policy)
        if not any(texts.values()) and len(texts) == len(self.leaves):
            texts[self.leaves[0].path] = NOTHING_LEFT
        return replace_texts(self.content, texts)

    # Any: the entry is plain values, ready for json.dumps.
    def describe(self, pruned: Sequence[PrunedPassage]) -> list[dict[str, Any]]:
        """Return an entry for each passage that is kept.

        `index` is the number of its document or, where there are none, of its text among all texts
        of the content.
        """
        places = self._places()
        return [
            {
                "index": places[passage.index][0],
                RELEVANCE_KEY: passage.relevance,
                **describe(passage, places[passage.index][1]),
            }
            for passage in pruned
        ]

    def _places(self) -> list[tuple[int, int]]:
        """Return for each text to prune its number and where it begins."""
        places: list[tuple[int, int]] = []
        number = 0
        for result in self.results:
            numbered = [(number + each, 0) for each in range(len(result.passages))]
            number += len(result.passages)
            if self._is_pruned(result):
                places += result.origins or numbered
        return places


def _numbered(passages: Sequence[PrunedPassage], numbers: range) -> list[PrunedPassage]:
    chosen = []
    for passage in passages:
        if passage.index in numbers:
            scored = replace(passage.scored, index=passage.index - numbers.start)
            chosen.append(replace(passage, scored=scored))
    return chosen


def _written(
    result: ResultText,
    pruned: PrunedTexts,
    order: Sequence[int],
    policy: PruningPolicy,
) -> str | None:
    kept: list[str | None] = [None] * len(result.passages)
    for passage in pruned.kept:
        kept[passage.index] = passage.text
    # A dropped text leaves its mark where its block stays, and all others share one at the end.
    stays = [block.stays for block in result.blocks for _ in block.passages]
    gone = 0
    for passage in pruned.dropped:
        if stays[passage.index]:
            kept[passage.index] = policy.omission_mark(len(passage.scored.sentences))
        else:
            gone += len(passage.scored.sentences)
    written = result.written(kept, order)
    mark = policy.omission_mark(gone)
    if written is None or mark is None or not gone:
        return written
    return f"{written.rstrip()}\n\n{mark}"
