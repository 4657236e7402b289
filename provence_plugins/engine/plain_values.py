"""Passages and sentences as plain values, for JSON and for tables."""

from collections.abc import Sequence

# Any, in this file: values of many types, ready for json.dumps.
from typing import Any

from provence_plugins.engine.passages import PrunedPassage, ScoredSentence

SENTENCE_COLUMNS = (
    "passage",
    "title",
    "relevance",
    "dropped",
    "sentence",
    "start",
    "end",
    "kind",
    "tokens",
    "heading",
    "probability",
    "kept",
    "text",
)
"""Columns of a table with a row for each sentence."""


def kept_dict(passage: PrunedPassage) -> dict[str, Any]:
    """Return a kept passage with its sentences."""
    return {
        "index": passage.index,
        "title": passage.passage.title,
        "relevance": passage.relevance,
        "text": passage.text,
        "kept_spans": [[span.start, span.end] for span in passage.kept_spans],
        "tokens_before": passage.tokens_before,
        "tokens_after": passage.tokens_after,
        "sentences": [_sentence_dict(sentence) for sentence in passage.sentences],
    }


def dropped_dict(passage: PrunedPassage) -> dict[str, Any]:
    """Return a dropped passage with its sentences and all of its text."""
    return {
        "index": passage.index,
        "title": passage.passage.title,
        "relevance": passage.relevance,
        "text": passage.passage.text,
        "tokens_before": passage.tokens_before,
        "sentences": [_sentence_dict(sentence) for sentence in passage.sentences],
    }


def sentence_rows(
    passages: Sequence[PrunedPassage],
    dropped: Sequence[PrunedPassage],
) -> list[dict[str, Any]]:
    """Return a row for each sentence of all passages in input order; see `SENTENCE_COLUMNS`."""
    indices = {passage.index for passage in dropped}
    rows = []
    for passage in sorted((*passages, *dropped), key=lambda passage: passage.index):
        about = {
            "passage": passage.index,
            "title": passage.passage.title,
            "relevance": passage.relevance,
            "dropped": passage.index in indices,
        }
        for number, sentence in enumerate(passage.sentences):
            text = sentence.of(passage.passage.text)
            rows.append(about | {"sentence": number} | _sentence_dict(sentence) | {"text": text})
    return rows


def _sentence_dict(sentence: ScoredSentence) -> dict[str, Any]:
    return {
        "start": sentence.start,
        "end": sentence.end,
        "probability": sentence.probability,
        "kept": sentence.kept,
        "kind": sentence.kind,
        "tokens": sentence.tokens,
        "heading": sentence.heading,
    }
