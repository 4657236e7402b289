#!/usr/bin/env python3
"""Install the package without extras, with the lowest versions that pyproject.toml allows, and prune with it."""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOWEST = re.compile(r"^(?P<name>[\w.-]+)>=(?P<version>[\w.]+)")


def main() -> None:
    """Pin every dependency to its lower bound, install, and run what needs nothing but the light install."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "lowest.txt"
        constraints.write_text("\n".join(_lowest()) + "\n", encoding="utf-8")
        print(constraints.read_text(encoding="utf-8"), end="", flush=True)
        venv.create(Path(folder) / "environment", with_pip=True)
        scripts = Path(folder) / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
        python = scripts / "python"
        _run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", constraints, ROOT)
        _run(python, "-W", "error", ROOT / "examples" / "quickstart.py")
        _run(python, "-W", "error", ROOT / "examples" / "serve_async.py")
        _run(
            scripts / "provence",
            "prune",
            "--stats",
            "-q",
            "What happens to nylon flags?",
            ROOT / "examples" / "us_flag.md",
        )
        _run(scripts / "provence", "doctor")


def _lowest() -> list[str]:
    """Return a pin for each dependency of the light install."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        dependencies = tomllib.load(file)["project"]["dependencies"]
    return [_pinned(dependency) for dependency in dependencies]


def _pinned(dependency: str) -> str:
    match = LOWEST.match(dependency)
    if match is None:
        raise SystemExit(f"{dependency!r} in pyproject.toml has no lower bound. Write it as NAME>=VERSION.")
    return f"{match['name']}=={match['version']}"


def _run(*command: object) -> None:
    subprocess.run(list(map(str, command)), cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
