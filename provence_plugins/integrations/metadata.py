"""The metadata that adapters write beside a pruned text, and their keys."""

import json
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from provence_plugins import __version__
from provence_plugins.engine.passages import PrunedPassage

METADATA_KEY = "provence"
"""Key of the entry that `describe` makes; adapters let it be renamed, or switched off with None."""

RELEVANCE_KEY = "relevance_score"
"""Key of the reranking score, as the rerankers of LangChain name it."""

RETRIEVAL_KEY = "retrieval_score"
"""Key of the score that a text came with, whose place now holds the relevance."""

RERANK_KEY = "rerank_score"
"""Key of the score that a text came with while the retriever's was kept under `RETRIEVAL_KEY`: that
of a reranker that ran before."""


# Any: the entry is plain values, ready for json.dumps.
def describe(passage: PrunedPassage, offset: int = 0) -> dict[str, Any]:
    """Return the entry about one pruned passage; all its values can be written as JSON.

    Args:
        passage: The passage.
        offset: Where the passage begins in the text that positions are counted in.

    Returns:
        `kept`, pairs [start, end] of character positions in the text that was pruned (in a second
        pass, the one that the first pass wrote); `tokens_before` and `tokens_after`; `version` of
        this package.
    """
    return {
        "kept": [[span.start + offset, span.end + offset] for span in passage.kept_spans],
        "tokens_before": passage.tokens_before,
        "tokens_after": passage.tokens_after,
        "version": __version__,
    }


# Any, here and below: metadata hold whatever an application put there.
def describe_flat(passage: PrunedPassage, prefix: str) -> dict[str, Any]:
    """Return the same as `describe` as single entries, for stores that refuse nested metadata.

    Returns:
        `{prefix}_relevance`, `{prefix}_kept` (JSON text), `{prefix}_tokens_before`,
        `{prefix}_tokens_after` and `{prefix}_version`.
    """
    entry = {"relevance": passage.relevance, **describe(passage)}
    entry["kept"] = json.dumps(entry["kept"])
    return {_flat_key(prefix, name): value for name, value in entry.items()}


def copy_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that shares no dictionary and no list with the original."""
    return {key: _copied(value) for key, value in metadata.items()}


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return copy_metadata(value)
    return [_copied(item) for item in value] if type(value) is list else value


def earlier_score(score: object, metadata: Mapping[str, Any], key: str | None) -> dict[str, float]:
    """Return the entry that keeps the score of a retriever or of a reranker, whose place ours takes.

    It is empty if the score is not a finite number, or is ours: then the entry of an earlier pass
    is beside it, nested or flat. With `key=None` a pass leaves no entry, so that its relevance
    counts as another's. Only the first score is kept then, because a second one is likely ours.

    Args:
        score: The score that a text came with.
        metadata: What it came with too.
        key: Key of the entries that the adapter writes; None if it writes none.
    """
    if isinstance(score, bool) or not isinstance(score, Real) or not math.isfinite(score):
        return {}
    if _has_entry(metadata, key or METADATA_KEY):
        return {}
    if RETRIEVAL_KEY not in metadata:
        return {RETRIEVAL_KEY: float(score)}
    return {} if key is None else {RERANK_KEY: float(score)}


def _has_entry(metadata: Mapping[str, Any], key: str) -> bool:
    return key in metadata or _flat_key(key, "kept") in metadata


def _flat_key(prefix: str, name: str) -> str:
    return f"{prefix}_{name}"
