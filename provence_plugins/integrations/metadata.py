"""The metadata that adapters write beside a pruned text, and their keys."""

import json
from collections.abc import Mapping
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
"""Key of the score of a reranker that ran before and itself kept the retriever's under
`RETRIEVAL_KEY`."""


# Any: the entry is plain values, ready for json.dumps.
def describe(passage: PrunedPassage, offset: int = 0) -> dict[str, Any]:
    """Return the entry about one pruned passage; all its values can be written as JSON.

    Args:
        passage: The passage.
        offset: Where the passage begins in the text that positions are counted in.

    Returns:
        `kept`, pairs [start, end] of character positions in the text as it was before;
        `tokens_before` and `tokens_after`; `version` of this package.
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
    return {f"{prefix}_{name}": value for name, value in entry.items()}


def copy_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that shares no dictionary and no list with the original."""
    return {key: _copied(value) for key, value in metadata.items()}


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return copy_metadata(value)
    return [_copied(item) for item in value] if type(value) is list else value


def earlier_score(metadata: Mapping[str, Any]) -> dict[str, float]:
    """Return the entry that keeps the score of an earlier reranker, whose place ours takes.

    It is empty if there is no earlier score, if it was kept already, or if it comes from an earlier
    pass of ours.
    """
    score = metadata.get(RELEVANCE_KEY)
    if isinstance(score, bool) or not isinstance(score, int | float):
        return {}
    if RETRIEVAL_KEY in metadata or METADATA_KEY in metadata:
        return {}
    return {RETRIEVAL_KEY: float(score)}
