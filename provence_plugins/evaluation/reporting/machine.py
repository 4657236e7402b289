"""The machine, the versions and the commit that a result was measured with."""

import platform
import subprocess
from pathlib import Path

from provence_plugins.installation import count_processors, installed_version

_PACKAGES = (
    "provence-plugins",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "sentence-transformers",
    "rank-bm25",
    "xllamacpp",
)


def describe_machine() -> str:
    """Return processor, system and versions in one line."""
    facts = [_processor(), f"{count_processors()} processors", platform.system(), f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        version = installed_version(package)
        if version is not None:
            facts.append(f"{package} {version}")
    return ", ".join(facts)


def describe_commit() -> str:
    """Return the short commit of this code, with "-dirty" if files were changed; "" if unknown."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
