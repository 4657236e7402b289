"""Texts to prune: passages cut from Python's own help, or from labelled data."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import NamedTuple

from provence_plugins import Passage
from provence_plugins.data.examples import read_examples
from provence_plugins.data.files import find_files

QUERIES = (
    "How are exceptions raised and handled?",
    "What does the with statement do?",
    "When is an object garbage collected?",
    "How does attribute lookup work on instances and classes?",
    "Which operators bind most tightly?",
    "What is the difference between a list and a tuple?",
    "How can a module be imported from a package?",
    "What are decorators good for?",
)

_SHORTEST, _LONGEST = 20, 900


class Request(NamedTuple):
    """One query with its passages."""

    query: str
    passages: list[Passage]


@dataclass(frozen=True, slots=True)
class Source:
    """A long text with the places of its words; the passages cut from it are the same in every run."""

    text: str
    words: Sequence[tuple[int, int]]

    def passages(self, count: int, words: int, seed: int = 13) -> list[Passage]:
        """Return different passages of a fixed number of words, from random places."""
        random = Random(seed)
        return [self._cut(random.randrange(len(self.words) - words), words) for _ in range(count)]

    def mixed(self, queries: int, passages: int, seed: int = 13) -> list[Request]:
        """Return requests whose passages have 20 to 900 words, as many of 20 to 40 as of 400 to 800."""
        random = Random(seed)

        def cut() -> Passage:
            size = int(_SHORTEST * (_LONGEST / _SHORTEST) ** random.random())
            return self._cut(random.randrange(len(self.words) - size), size)

        return [Request(QUERIES[n % len(QUERIES)], [cut() for _ in range(passages)]) for n in range(queries)]

    def document(self, characters: int) -> Passage:
        """Return one document of so many characters; a shorter text is repeated from its start."""
        again = self.text + "\n\n"
        return Passage((again * (characters // len(again) + 1))[:characters])

    def _cut(self, first: int, words: int) -> Passage:
        return Passage(self.text[self.words[first][0] : self.words[first + words - 1][1]])


def open_source(patterns: Sequence[str] | None) -> Source:
    """Return the passages of labelled JSON lines as one text, or the topics of Python's own help."""
    if patterns:
        parts = [example.passage.text for path in find_files(patterns) for example in read_examples(path)]
    else:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
        parts = [topics[name] for name in sorted(topics)]
    text = "\n\n".join(parts)
    return Source(text, [found.span() for found in re.finditer(r"\S+", text)])
