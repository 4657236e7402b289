"""Query-aware context pruning for RAG: one pass reranks a passage and keeps what helps.

```python
from provence_plugins import Pruner

with Pruner() as pruner:
    result = pruner.prune("What goes on the bottom of shepherd's pie?", [text])
print(result.text)
```

Importing this package loads neither a model nor a framework.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from provence_plugins.deprecation import warn_renamed

if TYPE_CHECKING:
    from provence_plugins.engine.caching_scorer import CacheStats
    from provence_plugins.engine.calibration import Calibration
    from provence_plugins.engine.direct_scorer import DirectScorer
    from provence_plugins.engine.passages import PrunedPassage, RankedPassage, ScoredSentence
    from provence_plugins.engine.policy import PruningPolicy
    from provence_plugins.engine.pruner import Pruner
    from provence_plugins.engine.requests import PruneRequest
    from provence_plugins.engine.results import PruneResult, PruneStats
    from provence_plugins.engine.shared_scorer import SharedScorer
    from provence_plugins.errors import ProvenceError
    from provence_plugins.types import Passage, Sentence, Span

__version__ = "0.1.0"

__all__ = [
    "CacheStats",
    "Calibration",
    "DirectScorer",
    "Passage",
    "ProvenceError",
    "PruneRequest",
    "PruneResult",
    "PruneStats",
    "PrunedPassage",
    "Pruner",
    "PruningPolicy",
    "RankedPassage",
    "ScoredSentence",
    "Sentence",
    "SharedScorer",
    "Span",
    "__version__",
]

_HOMES = {
    "CacheStats": "engine.caching_scorer",
    "Calibration": "engine.calibration",
    "DirectScorer": "engine.direct_scorer",
    "Passage": "types",
    "ProvenceError": "errors",
    "PruneRequest": "engine.requests",
    "PruneResult": "engine.results",
    "PruneStats": "engine.results",
    "PrunedPassage": "engine.passages",
    "Pruner": "engine.pruner",
    "PruningPolicy": "engine.policy",
    "RankedPassage": "engine.passages",
    "ScoredSentence": "engine.passages",
    "Sentence": "types",
    "SharedScorer": "engine.shared_scorer",
    "Span": "types",
}

_RENAMED = {"CacheStatistics": "CacheStats"}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import a public name, with the modules that it needs, when it is first used."""
    if name in _RENAMED:
        warn_renamed(f"{__name__}.{name}", f"{__name__}.{_RENAMED[name]}")
        return getattr(import_module(__name__), _RENAMED[name])
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
