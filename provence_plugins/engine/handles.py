"""A handle to a model and its threads: it is closed after use, and copying returns the same handle."""

from types import TracebackType
from typing import Any, Self


class Handle:
    """Represents a resource that cannot be copied and that `close` frees."""

    def close(self) -> None:
        """Free the resource. Closing twice does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __copy__(self) -> Self:
        return self

    # Any: the copy module's own bookkeeping.
    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
