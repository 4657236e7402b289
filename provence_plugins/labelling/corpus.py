"""Cut the documents of a corpus into passages: overlapping runs of sentences with a title."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.errors import InvalidInputError
from provence_plugins.text.sentences import SplitterName, split_sentences
from provence_plugins.types import shorten


@dataclass(frozen=True, slots=True)
class Document:
    """A text of a corpus.

    Attributes:
        id: Unique in the corpus.
        text: The text.
        title: Title of the document; None if it has none.
    """

    id: str
    text: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class CorpusPassage:
    """A run of sentences of a document.

    Attributes:
        document: Id of the document.
        text: The sentences, without white space around them.
        title: Title of the document.
    """

    document: str
    text: str
    title: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageSizes:
    """How long passages are.

    Attributes:
        least: Minimum number of sentences.
        most: Maximum number of sentences. Longer passages are drawn more often, a length of n with
            a weight of n.
        overlap: Share of a passage's sentences that the next one begins with.
    """

    least: int = 1
    most: int = 10
    overlap: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise InvalidInputError(
                f"The sizes of passages must be 1 <= minimum <= maximum sentences; got {self.least} and {self.most}."
            )
        if not 0 <= self.overlap < 1:
            raise InvalidInputError(f"overlap must be at least 0 and below 1; got {self.overlap}.")


def read_corpus(path: Path) -> Iterator[Document]:
    """Read a corpus from JSON lines with `text`, and optionally `id` (or `_id`) and `title`.

    Raises:
        DataError: The file cannot be read, or a line is malformed.
    """

    # Any: whatever JSON holds.
    def parse(record: dict[str, Any], number: int) -> Document:
        identity = record.get("id", record.get("_id", number))
        if not isinstance(record["text"], str):
            raise ValueError(f"text must be a string; got {shorten(record['text'])}")
        title = record.get("title") or None
        if not isinstance(title, str | None):
            raise ValueError(f"title must be a string; got {shorten(title)}")
        return Document(str(identity), record["text"], title)

    return read_json_lines(path, parse, expected="an object with text, and optionally id and title")


def cut_documents(
    documents: Iterable[Document], sizes: PassageSizes, *, splitter: SplitterName, seed: int
) -> Iterator[CorpusPassage]:
    """Yield the passages of all documents; the same seed gives the same ones."""
    random = Random(seed)
    lengths = range(sizes.least, sizes.most + 1)
    for document in documents:
        sentences = split_sentences(document.text, splitter)
        spans = [span for span in sentences if span.of(document.text).strip()]
        start = 0
        while start < len(spans):
            [length] = random.choices(lengths, weights=lengths)
            run = spans[start : start + length]
            text = document.text[run[0].start : run[-1].end].strip()
            yield CorpusPassage(document.id, text, document.title)
            if start + length >= len(spans):
                break
            start += max(1, round(length * (1 - sizes.overlap)))
