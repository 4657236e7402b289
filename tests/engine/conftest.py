"""The pruner that most tests of the engine share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provence_plugins import Pruner


@pytest.fixture(scope="module")
def pruner(tiny_folder: Path) -> Iterator[Pruner]:
    with Pruner(tiny_folder, dtype="float32") as pruner:
        yield pruner
