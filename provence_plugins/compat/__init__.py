"""The calls of published pruners over a `Pruner`: existing code works after a change of its import.

```python
from provence_plugins.compat import AutoModel

model = AutoModel.from_pretrained("naver/provence-reranker-debertav3-v1", trust_remote_code=True)
model.process("What goes on the bottom of shepherd's pie?", context)["pruned_context"]
```
"""

from provence_plugins.compat.models import AutoModel, PublishedPruner
from provence_plugins.compat.process import process

__all__ = ["AutoModel", "PublishedPruner", "process"]
