import platform
import subprocess
from pathlib import Path

import numpy as np

from provence_plugins.evaluation.reporting.machine import describe_commit, describe_machine


def test_the_machine_is_described_with_what_ran_on_it() -> None:
    line = describe_machine()
    assert f"Python {platform.python_version()}" in line
    assert f"numpy {np.__version__}" in line
    assert "\n" not in line


def test_the_commit_is_that_of_the_code() -> None:
    found = describe_commit()
    command = ["git", "rev-parse", "HEAD"]
    head = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    if head.returncode:
        assert found == ""
    else:
        assert head.stdout.startswith(found.removesuffix("-dirty"))
