"""A contract that adapters of any framework can be tested with, and backends that need no model.

```python
from provence_plugins.testing import AdapterContract


class TestMyAdapter(AdapterContract[MyAdapter, MyDocument]):
    def make(self, **fields): ...
    def wrap(self, items): ...
    def read(self, thing): ...
    def prune(self, adapter, query, things): ...
    async def aprune(self, adapter, query, things): ...
```

Nothing here loads a framework.
"""

from provence_plugins.errors import needs_extra

with needs_extra("testing"):
    import pytest

    # Before the import: pytest explains failing asserts only in modules that it was told of.
    pytest.register_assert_rewrite("provence_plugins.testing.contract", "provence_plugins.testing.adapter_hooks")

from provence_plugins.testing.adapter_hooks import Item
from provence_plugins.testing.backends import FailingBackend, NumberBackend, WordBackend
from provence_plugins.testing.contract import AdapterContract

__all__ = ["AdapterContract", "FailingBackend", "Item", "NumberBackend", "WordBackend"]
