#!/usr/bin/env python3
"""Compare the installed packages with the known advisories.

Fails when an installed version has a known vulnerability. Where the advisory service cannot be reached, or does not
know the packages (a mirror usually has no advisories), says so and succeeds: that is no fault of the change.
"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

# Advisories that do not concern this package, each with the reason.
IGNORED: dict[str, str] = {}

SECONDS = 240


def main() -> int:
    """Run pip-audit from an environment of its own, so that its dependencies are not audited and change nothing."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        installed = subprocess.run([python, "-m", "pip", "install", "-qq", "pip-audit"], check=False)
        if installed.returncode:
            return _not_done("pip-audit could not be installed")
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(_installed(), encoding="utf-8")
        ignored = [argument for advisory in IGNORED for argument in ("--ignore-vuln", advisory)]
        options = [
            "--requirement",
            requirements,
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
        ]
        try:
            audit = subprocess.run(
                [python, "-m", "pip_audit", *options, *ignored],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _not_done(f"no answer within {SECONDS} seconds")
    try:
        dependencies = json.loads(audit.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _not_done(audit.stderr.strip().splitlines()[-1] if audit.stderr.strip() else "pip-audit gave no result")
    return _report(dependencies)


def _installed() -> str:
    """Return the requirements of this environment, without packages that are installed from a folder."""
    command = [sys.executable, "-m", "pip", "list", "--format", "freeze", "--exclude-editable"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.replace("+cpu", "")


def _report(dependencies: list[dict[str, Any]]) -> int:
    audited = [package for package in dependencies if "skip_reason" not in package]
    if not audited:
        return _not_done(f"the service of this index knows none of {len(dependencies)} packages")
    found = [(package, advisory) for package in audited for advisory in package["vulns"]]
    for package, advisory in found:
        fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}")
    print(f"{len(audited)} of {len(dependencies)} packages audited, {len(found)} advisories")
    return 1 if found else 0


def _not_done(reason: str) -> int:
    print(f"NOT AUDITED: {reason}. The build goes on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
