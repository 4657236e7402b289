"""The releases of frameworks that the adapters work with, and the check for one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from provence_plugins.errors import MissingExtraError, needs_extra
from provence_plugins.installation import installed_version


class Framework(NamedTuple):
    """The releases of a framework that an extra allows.

    Attributes:
        extra: The extra that installs it.
        distribution: Its name in package registries.
        oldest: First release that is allowed.
        too_new: First release that is not.
    """

    extra: str
    distribution: str
    oldest: str
    too_new: str

    @property
    def requirement(self) -> str:
        """The range in pip's notation."""
        return f"{self.distribution}>={self.oldest},<{self.too_new}"

    def admits(self, version: str) -> bool:
        """Return whether a release is in the range; a pre-release counts as its release."""
        return _numbers(self.oldest) <= _numbers(version) < _numbers(self.too_new)


# pyproject.toml has the same ranges for pip; a test compares the two.
FRAMEWORKS = {
    framework.extra: framework
    for framework in (
        Framework("langchain", "langchain-core", "0.3.15", "2"),
        Framework("langchain-reranker", "langchain-core", "1.2.19", "2"),
        Framework("agents", "langchain", "1.0", "2"),
        Framework("haystack", "haystack-ai", "3.0", "4"),
        Framework("haystack-agents", "haystack-ai", "3.2", "4"),
        Framework("llama-index", "llama-index-core", "0.13", "0.15"),
    )
}


@contextmanager
def needs_framework(extra: str) -> Iterator[None]:
    """Raise an error that names the extra if a framework is absent or its release is not supported.

    An adapter imports its framework inside the block and the fields that all adapters share after
    it, so that this error comes before any other.

    Args:
        extra: Name of the extra, as in `pip install "provence-plugins[extra]"`.

    Raises:
        MissingExtraError: The framework is absent, too old or too new. An import error of our own
            modules is raised unchanged.
    """
    framework = FRAMEWORKS[extra]
    installed = installed_version(framework.distribution)
    if installed is not None and not framework.admits(installed):
        raise MissingExtraError(
            f"The adapter needs {framework.requirement}, but {installed} is installed. "
            f'Install it with: pip install "provence-plugins[{extra}]"',
            name=framework.distribution.replace("-", "_"),
        )
    with needs_extra(extra):
        yield


def _numbers(version: str) -> tuple[int, ...]:
    """Return the release as numbers without trailing zeros, so that 1.0 and 1.0.0 are the same."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in release[0].split(".")] if release else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
