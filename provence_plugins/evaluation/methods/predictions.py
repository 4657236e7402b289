"""Read the output of any system from a file, and use it as a method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from provence_plugins.data.fields import read_list, to_range
from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import DataError
from provence_plugins.evaluation.methods.method import SplitPassage
from provence_plugins.evaluation.metrics.words import find_words, words_touched
from provence_plugins.keywords import are_texts
from provence_plugins.types import Span

ANY_WORD = 1e-6
"""The threshold of predictions: a sentence counts as kept when the system kept a word of it."""

_EXPECTED = (
    "an object with id (and source), or with question and passage, and with either spans, a list "
    "of [start, end], or texts, a list of strings"
)


@dataclass(frozen=True, slots=True)
class FixedOutput:
    """What a system kept of one passage.

    Attributes:
        spans: The parts of the passage that it kept.
        foreign_words: Number of words in its output that the passage does not hold.
    """

    spans: Sequence[Span]
    foreign_words: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of a file: the key of a passage, and either spans of it or texts taken from it."""

    key: tuple[str | None, ...]
    spans: tuple[Span, ...]
    texts: tuple[str, ...]

    def output_for(self, text: str) -> FixedOutput:
        """Return the output for the text of the passage.

        Raises:
            DataError: A span ends after the end of the passage.
        """
        for span in self.spans:
            if span.end > len(text):
                raise DataError(
                    f"The prediction for {self.key[-1]!r} has a span from {span.start} to "
                    f"{span.end}, but the passage has {len(text)} characters. Give spans in code "
                    f"points of the passage in the data."
                )
        spans, foreign_words = list(self.spans), 0
        for kept in self.texts:
            found = find_text(kept, text)
            spans += found.spans
            foreign_words += found.foreign_words
        return FixedOutput(spans, foreign_words)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The outputs of one system, a method that has one output for each passage and no scores.

    Attributes:
        path: The file that they come from.
        lines: By (source, id), (None, id) or (None, question, passage).
    """

    path: Path
    lines: Mapping[tuple[str | None, ...], Prediction]

    def output(self, passage: SplitPassage) -> FixedOutput:
        """Return what the system kept of a passage.

        Raises:
            DataError: The file has no line for the passage, or the line does not fit it.
        """
        example = passage.example
        text = example.passage.text
        for key in ((example.source, example.id), (None, example.id), (None, example.question, text)):
            if key in self.lines:
                return self.lines[key].output_for(text)
        raise DataError(
            f"{self.path} has no prediction for the passage {example.id!r} of {example.source!r}. "
            f"Give a line for every passage of the data, with an empty list of spans where nothing "
            f"is kept."
        )

    def score(self, passages: Sequence[SplitPassage]) -> list[PassageScores]:
        """Score each sentence by the share of its words that the system kept."""
        return [_share_of_words(passage, self.output(passage)) for passage in passages]


def read_predictions(path: Path) -> Predictions:
    """Read a file of predictions, one passage a line; docs/evaluation.md describes the format.

    Raises:
        DataError: The file cannot be read, a line is malformed, or two lines are about the same
            passage.
    """
    lines: dict[tuple[str | None, ...], Prediction] = {}
    for prediction in read_json_lines(path, _to_prediction, expected=_EXPECTED):
        if prediction.key in lines:
            raise DataError(f"{path} has two predictions for {prediction.key[-1]!r}. Give one line for each passage.")
        lines[prediction.key] = prediction
    return Predictions(path, lines)


def find_text(kept: str, text: str) -> FixedOutput:
    """Find the words of an output in a passage, in order; long runs are placed first.

    Whitespace makes no difference, and neither do words that the output leaves out in between.
    """
    bounds = find_words(text).tolist()
    words = [text[start:end] for start, end in bounds]
    kept_words = [kept[start:end] for start, end in find_words(kept).tolist()]
    # Without the heuristic for popular elements, which would pass over frequent words.
    matcher = SequenceMatcher(None, words, kept_words, autojunk=False)
    spans: list[Span] = []
    foreign_words = len(kept_words)
    for run in matcher.get_matching_blocks():
        # The last block is always empty.
        if run.size:
            spans.append(Span(bounds[run.a][0], bounds[run.a + run.size - 1][1]))
            foreign_words -= run.size
    return FixedOutput(spans, foreign_words)


# Any: whatever JSON holds.
def _to_prediction(record: dict[str, Any], number: int) -> Prediction:
    if ("spans" in record) == ("texts" in record):
        raise ValueError("a line needs either spans or texts")
    spans = tuple(to_range(value, "spans") for value in read_list(record, "spans"))
    texts = record.get("texts", [])
    if not are_texts(texts):
        raise ValueError(f"texts must be a list of strings; got {texts!r}")
    if "id" in record:
        source = record.get("source")
        if source is not None:
            source = str(source)
        return Prediction((source, str(record["id"])), spans, tuple(texts))
    return Prediction((None, str(record["question"]), str(record["passage"])), spans, tuple(texts))


def _share_of_words(passage: SplitPassage, output: FixedOutput) -> PassageScores:
    """Give each sentence the share of its words that is kept; a sentence without words has 0."""
    words = find_words(passage.example.passage.text)
    is_kept = words_touched(words, output.spans)
    ends = [sentence.end for sentence in passage.sentences]
    owners = np.searchsorted(ends, words[:, 0], side="right")
    kept = np.bincount(owners, is_kept, len(ends))
    total = np.bincount(owners, minlength=len(ends))
    return PassageScores(0.0, (kept / np.maximum(total, 1)).astype(np.float32))
