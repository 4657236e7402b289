"""One list of backends for loader, command line, doctor and benchmarks."""

from typing import get_args

import pytest

from provence_plugins.installation import installed_version
from provence_plugins.model.backends import BACKENDS, BackendName
from provence_plugins.model.checkpoint import Checkpoint


def test_every_name_has_a_row() -> None:
    assert tuple(BACKENDS) == get_args(BackendName)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_row_finds_its_files_and_packages(name: BackendName, tiny_checkpoint: Checkpoint) -> None:
    row = BACKENDS[name]
    assert row.finds_weights(tiny_checkpoint)
    assert all(installed_version(package) for package in row.packages)


def test_devices_are_known_before_a_backend_is_loaded() -> None:
    assert BACKENDS["onnx"].runs_on(None)
    assert BACKENDS["onnx"].runs_on("cpu")
    assert not BACKENDS["onnx"].runs_on("cuda:1")
    assert BACKENDS["torch"].runs_on("cuda:1")
