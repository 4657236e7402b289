"""Constructors that take and show the fields of a pydantic model as keywords."""

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

P = ParamSpec("P")

# Any: the object that is constructed, and values that the model of the fields checks.
Constructor = Callable[..., None]


def takes_fields_of(
    fields: Callable[P, object],
) -> Callable[[Constructor], Callable[Concatenate[Any, P], None]]:
    """Let `__init__(self, **given)` show the fields of a model to type checkers and `inspect`.

    Args:
        fields: The model; it checks what is given.
    """
    shown = inspect.signature(fields).parameters.values()

    def decorate(constructor: Constructor) -> Callable[Concatenate[Any, P], None]:
        [own, *_] = inspect.signature(constructor).parameters.values()
        constructor.__dict__["__signature__"] = inspect.Signature([own, *shown])
        return constructor

    return decorate
