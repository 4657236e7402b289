"""Where and with what a figure was measured."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "provence-plugins",
    "numpy",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "sentence-transformers",
    "rank-bm25",
)


def describe_machine() -> str:
    """Processor, system and versions in one line."""
    facts = [_processor(), f"{os.cpu_count()} processors", platform.system(), f"Python {platform.python_version()}"]
    return ", ".join(facts + [f"{package} {found}" for package in _PACKAGES if (found := _version(package))])


def describe_commit() -> str:
    """Short name of the commit that this code is at, "-dirty" behind it when files were changed; "" when unknown."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
