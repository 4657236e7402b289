"""The published interfaces, a row for each: their shapes, their defaults and their rules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from provence_plugins.compat.calls import (
    Call,
    Titles,
    open_provence_call,
    open_provence_titles,
    provence_call,
    provence_titles,
)
from provence_plugins.errors import InvalidInputError

InterfaceName = Literal["provence", "open-provence"]


@dataclass(frozen=True, slots=True)
class Interface:
    """How one publisher's `process` is called, and how it decides.

    Attributes:
        name: What the interface is called.
        formats: Checkpoint formats whose models have this interface.
        read_call: Reads question and context.
        read_titles: Reads explicit titles.
        fields: Fields of the result, which are attributes of `ContextDecision`.
        title_separator: Stands between an explicit title and the context.
        title_in_text: Whether an explicit title is part of the pruned text.
        title_shift: Whether sentences after an explicit title are scored on tokens too far to the
            left.
        loose_lines: Whether a sentence of several lines with few full stops is cut at its lines.
        spaced: Whether the pruned text has the white space between sentences that the model does
            not read, but none around it.
        always_select_title: Default of the keyword of this name.
        zero_score_when_empty: Default of the keyword of this name.
        top_k: Default of the keyword of this name; None for all contexts.
    """

    name: InterfaceName
    formats: tuple[str, ...]
    read_call: Callable[[object, object], Call]
    read_titles: Callable[[object, Call], Titles]
    fields: tuple[str, ...] = ("pruned_context", "reranking_score", "compression_rate")
    title_separator: str = " "
    title_in_text: bool = True
    title_shift: bool = False
    loose_lines: bool = False
    spaced: bool = True
    always_select_title: bool = True
    zero_score_when_empty: bool = False
    top_k: int | None = 5


PROVENCE = Interface(
    "provence",
    # Models of this package have no interface of their own; they are called like naver's.
    formats=("provence", "xprovence", "native"),
    read_call=provence_call,
    read_titles=provence_titles,
)

OPEN_PROVENCE = Interface(
    "open-provence",
    formats=("open-provence",),
    read_call=open_provence_call,
    read_titles=open_provence_titles,
    fields=(*PROVENCE.fields, "title"),
    title_separator="\n",
    title_in_text=False,
    title_shift=True,
    loose_lines=True,
    spaced=False,
    always_select_title=False,
    zero_score_when_empty=True,
    top_k=None,
)

INTERFACES = {interface.name: interface for interface in (PROVENCE, OPEN_PROVENCE)}


def choose_interface(name: InterfaceName | None, format_name: str) -> Interface:
    """Return the interface of a name, or that of a checkpoint's publisher.

    Args:
        name: Name of an interface; None for the one of the format.
        format_name: Name of the checkpoint's format.

    Raises:
        InvalidInputError: There is no interface of that name.
    """
    if name is None:
        return next(interface for interface in INTERFACES.values() if format_name in interface.formats)
    if not isinstance(name, str) or name not in INTERFACES:
        raise InvalidInputError(f"interface must be one of {', '.join(map(repr, INTERFACES))}; got {name!r}.")
    return INTERFACES[name]
