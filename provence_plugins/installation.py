"""Facts about the process and its environment: processors and installed versions."""

import os
from importlib import metadata


def count_processors() -> int:
    """Return how many processors this process may use."""
    # A container or taskset may allow fewer processors than the machine has; not every system can
    # tell.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed_version(distribution: str) -> str | None:
    """Return the installed version of a distribution; None when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
