"""Guards for the files around the package: CI that names what exists, extras that are explained."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def test_the_workflow_runs_tests_that_exist() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"\btests/[\w/.]+", workflow))
    assert named
    assert all((ROOT / name).exists() for name in named)


def test_the_workflow_covers_the_python_versions_that_are_promised() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [line.rpartition(" ")[2] for line in project["classifiers"] if re.search(r":: 3\.\d+$", line)]
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised


def test_every_extra_of_users_is_on_the_page_about_installing() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert [extra for extra in extras if extra not in {"dev", "docs", "testing"} and f"`{extra}`" not in page] == []


def test_files_of_the_repository_that_a_page_names_exist() -> None:
    missing = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        named = re.findall(r"`((?:tests|benchmarks|examples|recipes|\.ci)/[\w/.-]+)`", page.read_text(encoding="utf-8"))
        missing += [f"{page.name}: {name}" for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_names_of_tests_are_the_same_in_every_process(request: pytest.FixtureRequest) -> None:
    # Processes of `pytest -n` must collect the same names, so none may hold the address of an object.
    names = [item.nodeid for item in request.session.items]
    assert [name for name in names if re.search(r" at 0x[0-9a-f]{6}", name)] == []
