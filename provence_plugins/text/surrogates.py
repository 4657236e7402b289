"""Halves of surrogate pairs: what Python can hold in a text, and UTF-8, and with it every library, cannot."""

import re

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Replace every half of a surrogate pair by U+FFFD, one for one, so that all positions stay.

    Such halves come from broken JSON escapes, and from file names that are not UTF-8.
    """
    return _HALF_A_PAIR.sub("\N{REPLACEMENT CHARACTER}", text)
