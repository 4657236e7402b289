"""What every adapter writes beside a pruned text, under which keys."""

from typing import Any

from provence_plugins import __version__
from provence_plugins.engine.passages import PrunedPassage

METADATA_KEY = "provence"
"""Key of the entry that `describe` makes; adapters let it be renamed, or switched off with None."""

RELEVANCE_KEY = "relevance_score"
"""Key of the reranking score, as the rerankers of LangChain name it."""

RETRIEVAL_KEY = "retrieval_score"
"""Key of the score that a retriever gave, where the framework's own place for it now holds the relevance."""


def describe(passage: PrunedPassage) -> dict[str, Any]:
    """The entry about one pruned passage; it holds nothing that JSON cannot.

    Returns:
        `kept`, pairs [start, end] of character positions in the text as it was before; `tokens_before` and
        `tokens_after`; `version` of this package.
    """
    return {
        "kept": [[span.start, span.end] for span in passage.kept_spans],
        "tokens_before": passage.tokens_before,
        "tokens_after": passage.tokens_after,
        "version": __version__,
    }
