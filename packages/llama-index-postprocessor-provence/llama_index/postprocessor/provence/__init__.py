"""Context pruning for LlamaIndex: the adapter of provence-plugins under the name that LlamaHub expects."""

from provence_plugins.integrations.llama_index import ProvencePostprocessor, PruningQuery

__all__ = ["ProvencePostprocessor", "PruningQuery"]
