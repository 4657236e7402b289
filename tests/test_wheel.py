"""What the wheel ships, and under which licences."""

import tomllib
from pathlib import Path

from provence_plugins.model.checkpoint import BUNDLED
from provence_plugins.model.licence import read_licence

ROOT = Path(__file__).parent.parent


def test_the_licence_of_the_shipped_weights_lies_beside_them() -> None:
    assert read_licence(BUNDLED) == "apache-2.0"
    text = (BUNDLED / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_wheel_declares_every_licence_that_it_ships() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "MIT AND Apache-2.0"
    files = {ROOT / name for name in project["license-files"]}
    assert files == {ROOT / "LICENSE", *(ROOT / "provence_plugins").rglob("LICENSE*")}
    assert all(path.is_file() for path in files)
