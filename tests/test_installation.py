import os

import numpy as np
import pytest

from provence_plugins.installation import count_processors, installed_version


def test_the_processors_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= count_processors() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7}, raising=False)
    assert count_processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert count_processors() == 1


def test_versions_are_those_that_are_installed() -> None:
    assert installed_version("numpy") == np.__version__
    assert installed_version("no-such-distribution-anywhere") is None
