"""The progress bar of long commands."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def show_progress(items: Sequence[T], what: str, /) -> Iterable[T]:
    """Return the items, and count them on standard error if that is a terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=what, disable=not sys.stderr.isatty(), leave=False)
