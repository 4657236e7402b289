"""Check the keywords of public functions: refuse unknown ones, name the nearest known one, show all to `inspect`."""

import inspect
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

from provence_plugins.errors import InvalidInputError

P = ParamSpec("P")
T = TypeVar("T")


def check_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function refuse unknown keywords and name the nearest known one."""
    known = _keyword_names(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_unknown(kwargs, known)
        return function(*args, **kwargs)

    return checked


def takes_keywords_of(target: Callable[..., object]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function that passes `**options` on to `target` show and check the keywords of `target`.

    Args:
        target: The function that gets the options; keywords that the function has itself are its
            own.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        passed = [p for p in _keywords(target) if p.name not in {each.name for each in own}]
        known = [*_names(own), *_names(passed)]

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            refuse_unknown(kwargs, known)
            return function(*args, **kwargs)

        checked.__dict__["__signature__"] = inspect.Signature([*own, *passed])
        return checked

    return decorate


def refuse_unknown(given: Iterable[str], known: Collection[str], *, noun: str = "keyword") -> None:
    """Check that all names are known.

    Args:
        given: The names.
        known: All valid names.
        noun: What a name is called in the error message.

    Raises:
        InvalidInputError: A name is unknown; the error names the nearest known one.
    """
    for name in given:
        if name not in known:
            [nearest, *_] = [*get_close_matches(name, known, n=1, cutoff=0.5), ""]
            advice = f"Did you mean {nearest!r}?" if nearest else f"Known {noun}s: {', '.join(sorted(known))}."
            raise InvalidInputError(f"Unknown {noun} {name!r}. {advice}")


def _keywords(function: Callable[..., object]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _keyword_names(function: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return _names(parameter for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY)


def _names(parameters: Iterable[inspect.Parameter]) -> list[str]:
    return [parameter.name for parameter in parameters]
