"""Marks in a pruned text that say where something was left out, and how much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence
from provence_plugins.errors import InvalidInputError

DEFAULT_MARKER = "[… {sentences} sentences omitted]"
"""A marker with the number of sentences that it stands for."""

RECALL_MARKER = '[… {sentences} sentences omitted, recall("{id}") shows them]'
"""A marker for agents that can ask for the whole result."""


def check_marker(marker: str) -> str:
    """Return a marker if it can be filled in.

    Raises:
        InvalidInputError: It has other fields than `{sentences}` and `{id}`.
    """
    try:
        marker.format(sentences=1, id="")
    except (KeyError, IndexError, ValueError) as error:
        raise InvalidInputError(
            f"omission_marker may contain {{sentences}} and {{id}} and no other braces, got {marker!r}."
        ) from error
    return marker


@dataclass(frozen=True, slots=True)
class Omissions:
    """How what was left out is marked.

    Attributes:
        marker: The text of a marker; `{sentences}` is replaced by their number, `{id}` by `result_id`.
        result_id: What the whole result can be recalled by.
    """

    marker: str = DEFAULT_MARKER
    result_id: str = ""

    def mark(self, passage: PrunedPassage) -> str:
        """Return the kept text of a passage with a marker in the place of each run of omitted sentences."""
        written = ""
        for is_kept, sentences in _runs(passage):
            text = passage.passage.text[sentences[0].start : sentences[-1].end]
            if is_kept:
                written += text
            elif text.strip():
                # The marker ends as the omitted text does, so that paragraphs stay apart.
                space = "" if not written or written[-1].isspace() else " "
                written += space + self._marker(len(sentences)) + text[len(text.rstrip()) :]
        return written

    def mark_all(self, passages: Sequence[PrunedPassage]) -> str:
        """Return one marker for passages that were dropped."""
        return self._marker(sum(len(passage.sentences) for passage in passages))

    def _marker(self, sentences: int) -> str:
        return self.marker.format(sentences=sentences, id=self.result_id)


def _runs(passage: PrunedPassage) -> Iterator[tuple[bool, list[ScoredSentence]]]:
    run: list[ScoredSentence] = []
    for sentence in passage.sentences:
        if run and run[-1].kept != sentence.kept:
            yield run[-1].kept, run
            run = []
        run.append(sentence)
    if run:
        yield run[-1].kept, run
