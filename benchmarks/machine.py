"""Where and with what a figure was measured."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("provence-plugins", "numpy", "onnxruntime", "tokenizers", "torch", "sentence-transformers", "rank-bm25")


def describe_machine() -> str:
    """Processor, system, versions and commit in one line."""
    facts = [_processor(), f"{os.cpu_count()} processors", platform.system(), f"Python {platform.python_version()}"]
    facts += [f"{package} {found}" for package in _PACKAGES if (found := _version(package))]
    return ", ".join([*facts, *_commit()])


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


def _commit() -> list[str]:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [f"commit {found.stdout.strip()}"]
