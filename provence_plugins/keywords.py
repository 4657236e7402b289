"""Check keywords of public functions: refuse unknown names and invalid values."""

import inspect
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from provence_plugins.errors import InvalidInputError

P = ParamSpec("P")
T = TypeVar("T")

_NO_ADVICE: Mapping[str, str] = MappingProxyType({})


def check_keywords(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function refuse unknown keywords and name the nearest known one."""
    return advise_on_keywords(_NO_ADVICE)(function)


def advise_on_keywords(advice: Mapping[str, str]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function refuse keywords that it does not know, as `check_keywords` does.

    Args:
        advice: What to write instead of a keyword that belongs elsewhere, by keyword.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        known = _keyword_names(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            refuse_unknown(kwargs, known, advice=advice)
            return function(*args, **kwargs)

        # Any: the result of the coroutine.
        @wraps(function)
        async def checked_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
            refuse_unknown(kwargs, known, advice=advice)
            return await cast(Callable[..., Any], function)(*args, **kwargs)

        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, T], checked_coroutine)
        return checked

    return decorate


def check_class_keywords(kind: type[T]) -> type[T]:
    """Make the constructor of a class refuse unknown keywords and name the nearest known one."""
    name = "__new__" if issubclass(kind, tuple) else "__init__"
    # Any: the constructor, with whatever arguments it takes.
    construct: Callable[..., Any] = getattr(kind, name)
    # The first parameter is the object or the class.
    known = _names(list(inspect.signature(construct).parameters.values())[1:])

    @wraps(construct)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if kwargs:  # a text has thousands of sentences, which are made without any
            refuse_unknown(kwargs, known)
        return construct(*args, **kwargs)

    setattr(kind, name, checked)
    return kind


def takes_keywords_of(target: Callable[..., object]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function that passes `**options` to `target` show and check its keywords.

    Args:
        target: The function that gets the options; keywords that the function has itself are its
            own.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        own = [p for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        own_names = _names(own)
        passed = [p for p in _keywords(target) if p.name not in own_names]
        known = [*own_names, *_names(passed)]

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            refuse_unknown(kwargs, known)
            return function(*args, **kwargs)

        checked.__dict__["__signature__"] = inspect.Signature([*own, *passed])
        return checked

    return decorate


def refuse_unknown(
    given: Iterable[str],
    known: Collection[str],
    *,
    noun: str = "keyword",
    advice: Mapping[str, str] = _NO_ADVICE,
) -> None:
    """Check that all names are known.

    Args:
        given: The names.
        known: All valid names.
        noun: What a name is called in the error message.
        advice: What to write instead of a name that belongs elsewhere, by name.

    Raises:
        InvalidInputError: A name is unknown; the error names the nearest known one.
    """
    for name in given:
        if name not in known:
            what_to_do = advice.get(name) or _nearest(name, known, noun)
            raise InvalidInputError(f"Unknown {noun} {name!r}. {what_to_do}")


def check_count(name: str, value: object, *, least: int, otherwise: str = "") -> None:
    """Check an integer that has a minimum.

    Args:
        name: What the error calls it.
        value: What the caller gave.
        least: The minimum.
        otherwise: What else is allowed, such as ", or None for no limit".

    Raises:
        InvalidInputError: The value is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"{name} must be an integer of at least {least}{otherwise}; got {show_value(value)}.")


# Any: whatever a caller gave.
def check_number(
    name: str,
    value: Any,
    *,
    least: float,
    above: bool = False,
    otherwise: str = "",
) -> None:
    """Check a finite number that has a minimum.

    Args:
        name: What the error calls it.
        value: What the caller gave.
        least: The minimum.
        above: Whether the number must be larger than the minimum.
        otherwise: What else is allowed, such as ", or None for no limit".

    Raises:
        InvalidInputError: The value is something else.
    """
    # Numbers of numpy are no ints, but register as real numbers; NaN fails every comparison.
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not least <= value < math.inf or (above and value == least):
        bound = f"above {least}" if above else f"of at least {least}"
        raise InvalidInputError(f"{name} must be a finite number {bound}{otherwise}; got {show_value(value)}.")


# Any: whatever a caller gave.
def as_plain(value: Any) -> Any:
    """Return a number of another library, such as numpy, as Python's own; anything else as it is.

    The numbers in a tuple are converted too.
    """
    if isinstance(value, tuple):
        return tuple(map(as_plain, value))
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def check_instance(name: str, value: object, kind: type) -> None:
    """Check that a value is an object of a class.

    Raises:
        InvalidInputError: The value is something else.
    """
    if not isinstance(value, kind):
        raise InvalidInputError(f"{name} must be a {kind.__name__}; got {show_value(value)}.")


def check_switch(name: str, value: object) -> None:
    """Check a value that must be True or False.

    Raises:
        InvalidInputError: The value is something else.
    """
    if not isinstance(value, bool):
        raise InvalidInputError(f"{name} must be True or False; got {show_value(value)}.")


def are_texts(value: object) -> TypeGuard[list[str]]:
    """Return whether a value is a list of strings; an empty one is."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def show_value(value: object) -> str:
    """Return a value and its type, as errors show what was given."""
    return f"{value!r} ({type(value).__name__})"


def _nearest(name: str, known: Collection[str], noun: str) -> str:
    for nearest in get_close_matches(name, known, n=1, cutoff=0.5):
        return f"Did you mean {nearest!r}?"
    return f"Known {noun}s: {', '.join(sorted(known))}."


def _keywords(function: Callable[..., object]) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _keyword_names(function: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    named = _names(parameter for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY)
    return [name for name in named if name != "self"]


def _names(parameters: Iterable[inspect.Parameter]) -> list[str]:
    return [parameter.name for parameter in parameters]
