"""Context pruning for LangChain: the adapters of provence-plugins under the name that LangChain's registry expects."""

from typing import TYPE_CHECKING, Any

from provence_plugins.integrations.langchain import ProvenceCompressor, ProvenceRetriever

if TYPE_CHECKING:
    from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware
    from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

__all__ = ["ContextPruningMiddleware", "ProvenceCompressor", "ProvenceCrossEncoder", "ProvenceRetriever"]


def __getattr__(name: str) -> Any:
    """Import what needs more than langchain-core when it is asked for."""
    if name == "ContextPruningMiddleware":
        from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware

        return ContextPruningMiddleware
    if name == "ProvenceCrossEncoder":
        from provence_plugins.integrations.langchain_cross_encoder import ProvenceCrossEncoder

        return ProvenceCrossEncoder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
