"""Stand-ins for the model objects that published code works with."""

from collections.abc import Mapping, Sequence
from typing import Any, Self, Unpack

from provence_plugins.compat.process import ProcessOptions, process
from provence_plugins.engine.pruner import Pruner


class PublishedPruner:
    """A published pruner with `process`, `to` and `eval`, as its own class has them; loaded when it is first used.

    Args:
        model: Model folder or hub id.
        options: Keywords of `Pruner`.
    """

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        self._model = model
        self._options = dict(options)
        self._pruner: Pruner | None = None

    @property
    def pruner(self) -> Pruner:
        """The pruner behind it."""
        if self._pruner is None:
            self._pruner = Pruner(self._model, **self._options)
        return self._pruner

    def process(
        self, question: str | Sequence[str], context: str | Sequence[Any], **options: Unpack[ProcessOptions]
    ) -> dict[str, Any]:  # any shape that the published calls have
        """Prune; see `compat.process`."""
        return process(self.pruner, question, context, **options)

    def to(self, *places: object) -> Self:
        """Run on a device ("cuda", a torch device) or in a precision; a model that is loaded is loaded anew."""
        for place in places:
            name = str(place).removeprefix("torch.")
            self._options["dtype" if "float" in name else "device"] = name
        self.close()
        return self

    def eval(self) -> Self:
        """Nothing to do: pruners never train."""
        return self

    def close(self) -> None:
        """End the threads of the pruner, if it was used."""
        if self._pruner is not None:
            self._pruner.close()
            self._pruner = None


class AutoModel:
    """In place of `transformers.AutoModel` for published pruners; runs none of their code."""

    @classmethod
    def from_pretrained(cls, model: str, **options: Any) -> PublishedPruner:
        """A published pruner.

        Args:
            model: Model folder or hub id.
            options: Keywords of `Pruner`. `torch_dtype` and `dtype` may be torch's own; `trust_remote_code` is accepted
                and has no effect.
        """
        options.pop("trust_remote_code", None)
        dtype = options.pop("torch_dtype", options.pop("dtype", None))
        if dtype is not None:
            options["dtype"] = str(dtype).removeprefix("torch.")
        return PublishedPruner(model, options)
