"""The licence that a model card names."""

import logging
from functools import cache
from pathlib import Path

from provence_plugins.errors import CheckpointError
from provence_plugins.model.folder import CARD, locate, show_error
from provence_plugins.text.visible import show_on_one_line

logger = logging.getLogger(__name__)

# A card begins with its metadata between two lines of dashes. That of the longest card known has
# about 100 lines.
_FENCE = "---"
_MAX_LINES = 1000
_MAX_LINE = 1000

_NON_COMMERCIAL = ("non-commercial", "noncommercial")


def warn_of_licence(folder: Path, name: str) -> None:
    """Log once for each model that its licence restricts commercial use.

    Args:
        folder: The model folder.
        name: What the user called the model.

    Raises:
        CheckpointError: The card cannot be read.
    """
    licence = read_licence(folder)
    if licence and _restricts_commerce(licence):
        _warn_once(name, licence)


def read_licence(folder: Path) -> str | None:
    """Return the licence in the metadata of a folder's card, or None if it names none."""
    card = locate(folder, CARD)
    if card is None:
        return None
    try:
        with card.open(encoding="utf-8", errors="replace") as file:
            # A line without an end is read in parts, so that no card takes much memory.
            return _find_licence([file.readline(_MAX_LINE) for _ in range(_MAX_LINES)])
    except OSError as error:
        raise CheckpointError(
            f"{card} cannot be read ({show_error(error)}). Make it readable, or remove it."
        ) from error


def _find_licence(lines: list[str]) -> str | None:
    if not lines or lines[0].rstrip() != _FENCE:
        return None
    for line in lines[1:]:
        if line.rstrip() == _FENCE:
            break
        key, colon, value = line.partition(":")
        words = value.split()
        if key == "license" and colon and words:
            return show_on_one_line(words[0].strip("\"'")) or None
    return None


def _restricts_commerce(licence: str) -> bool:
    lowered = licence.lower()
    return "nc" in lowered.split("-") or any(word in lowered for word in _NON_COMMERCIAL)


@cache
def _warn_once(name: str, licence: str) -> None:
    logger.warning("The licence of %s is %s, which restricts commercial use.", show_on_one_line(name), licence)
