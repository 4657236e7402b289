"""Objects that a forked child makes again, because threads and locks stay in its parent."""

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """Has locks, threads or sessions that a forked child cannot take over from its parent."""

    def renew(self) -> None:
        """Replace them. Called in the child while it has a single thread."""
        ...


_renewables: WeakSet[Renewable] = WeakSet()


def renew_in_child(renewable: Renewable) -> None:
    """Have `renewable.renew()` called in every forked child, as long as the object lives."""
    _renewables.add(renewable)


def _renew_all() -> None:
    for renewable in list(_renewables):
        renewable.renew()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_renew_all)
