"""The tests of this folder again, with many more examples."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_breaks_in_minutes_of_examples() -> None:
    # The profile is registered in tests/conftest.py.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=long"]
    done = subprocess.run([*command, str(Path(__file__).parent)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
