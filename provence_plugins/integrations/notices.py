"""Warnings that are logged once in a process, however often their reason occurs."""

import logging
from functools import cache

logger = logging.getLogger(__name__)


@cache
def warn_once(message: str) -> None:
    """Log a warning, unless the same one was logged before."""
    logger.warning(message)
