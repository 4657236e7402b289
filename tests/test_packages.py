"""The thin packages agree with the package that they re-export; their own tests lie beside them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import __version__

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(path.parent for path in (ROOT / "packages").glob("*/pyproject.toml"))


def project(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return data


def test_there_is_one_for_each_registry() -> None:
    assert [path.name for path in PACKAGES] == ["langchain-provence", "llama-index-postprocessor-provence"]


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_name_version_python_and_extras_are_those_of_the_package(folder: Path) -> None:
    own, main = project(folder), project(ROOT)
    assert own["name"] == folder.name
    assert own["version"] == __version__
    assert own["requires-python"] == main["requires-python"]
    required = [*own["dependencies"], *(each for extra in own["optional-dependencies"].values() for each in extra)]
    for requirement in required:
        if requirement.startswith("provence-plugins"):
            extra, _, version = requirement.removeprefix("provence-plugins[").partition("]>=")
            assert extra in main["optional-dependencies"]
            assert version == __version__
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
IS_PUBLISHED = "The package is not published yet" not in INSTALL


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_screens_show_an_installation_that_works(page: str) -> None:
    """`docs/install.md` says whether the package is published; a release changes it first."""
    command = "pip install provence-plugins" if IS_PUBLISHED else "pip install ."
    assert f"\n{command}\n" in (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_the_readme_of_a_thin_package_shows_an_installation_that_works(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    from_clone = f"pip install . packages/{folder.name}"
    assert (f"pip install {folder.name}" in readme, from_clone in readme) == (IS_PUBLISHED, not IS_PUBLISHED)
    assert ("is not published yet" in readme) is not IS_PUBLISHED
