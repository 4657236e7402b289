"""Stand-ins for the model objects that published code works with."""

from collections.abc import Sequence
from typing import Any, Self, cast

from provence_plugins.compat.process import process
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.engine.pruner import Pruner
from provence_plugins.keywords import takes_keywords_of


class PublishedPruner:
    """A pruner with `process`, `to` and `eval`, as published; it is loaded when it is first used.

    Args:
        model: Model folder or repo id.
        options: Keywords of `Pruner`.
    """

    def __init__(self, model: str, options: PrunerOptions) -> None:
        self._model = model
        self._options = options.copy()
        self._pruner: Pruner | None = None

    @property
    def pruner(self) -> Pruner:
        """The pruner that does the work."""
        if self._pruner is None:
            self._pruner = Pruner(self._model, **self._options)
        return self._pruner

    @takes_keywords_of(process)
    def process(
        self,
        question: str | Sequence[str],
        context: str | Sequence[Any],
        title: str | Sequence[str] | Sequence[Sequence[str]] | None = "first_sentence",
        first_line_as_title: bool = False,
        **options: Any,  # the keywords of `process`, which checks them
    ) -> dict[str, Any]:  # any shape that the published calls have
        """Prune; see `compat.process`."""
        return process(self.pruner, question, context, title, first_line_as_title, **options)

    def to(self, *places: object) -> Self:
        """Run on a device ("cuda", a torch device) or in a precision; the model is loaded again."""
        for place in places:
            name = _without_torch(place)
            if "float" in name:
                self._options["dtype"] = name
            else:
                self._options["device"] = name
        self.close()
        return self

    def eval(self) -> Self:
        """Return the pruner unchanged, because a pruner is never trained."""
        return self

    def close(self) -> None:
        """End the threads of the pruner, if it was used."""
        if self._pruner is not None:
            self._pruner.close()
            self._pruner = None


class AutoModel:
    """Replaces `transformers.AutoModel` for published pruners, and runs none of their code."""

    @classmethod
    @takes_keywords_of(Pruner.__init__)
    def from_pretrained(
        cls,
        model: str,
        *,
        trust_remote_code: bool | None = None,
        torch_dtype: object = None,
        dtype: object = None,
        attn_implementation: str | None = None,
        **options: Any,  # the keywords of `Pruner`, which checks them
    ) -> PublishedPruner:
        """Return a published pruner.

        Args:
            model: Model folder or repo id.
            trust_remote_code: Has no effect; code in a model folder never runs.
            torch_dtype: Precision of the weights, a name or torch's own type.
            dtype: The same, as newer versions of Transformers call it.
            attn_implementation: The keyword `attention` of `Pruner`, as Transformers calls it.
            options: All other keywords of `Pruner`.

        Raises:
            InvalidInputError: A keyword is unknown.
        """
        precision = torch_dtype if dtype is None else dtype
        if precision is not None and precision != "auto":
            options["dtype"] = _without_torch(precision)
        if attn_implementation is not None:
            options["attention"] = attn_implementation
        return PublishedPruner(model, cast(PrunerOptions, options))


def _without_torch(value: object) -> str:
    return str(value).removeprefix("torch.")
