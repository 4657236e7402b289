"""Write a model as a package, which pip installs and which brings the model by name."""

import gzip
import json
import keyword
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from provence_plugins.errors import CheckpointNotFoundError, InvalidInputError
from provence_plugins.model.checkpoint import BUNDLED_NAME, Checkpoint
from provence_plugins.model.folder import CARD, FILES_READ, ONNX_FILES, locate
from provence_plugins.model.licence import read_licence
from provence_plugins.model.model_packages import ENTRY_POINTS

# Names of distributions, as the packaging standards have them.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?")

_WEIGHTS = "*.safetensors"
_LARGE = ("*.onnx", _WEIGHTS)

_PROJECT = """\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = {name}
version = {version}
description = {description}
readme = {readme}
{license}requires-python = ">=3.11"
dependencies = [{requirement}]

[project.entry-points.{entry_points}]
{name} = {module}

[tool.setuptools]
packages = [{module}]

[tool.setuptools.package-data]
{module} = ["*"]
"""

_UNPACKING = '''\
"""Unpack the model when the package is built: its largest file is kept compressed."""

import gzip
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class UnpackModel(build_py):
    """Build the package, and replace each compressed file by what it holds."""

    def run(self) -> None:
        """Copy the files and unpack them."""
        super().run()
        for packed in Path(self.build_lib).rglob("*.gz"):
            with gzip.open(packed) as source, packed.with_suffix("").open("wb") as target:
                shutil.copyfileobj(source, target)
            packed.unlink()


setup(cmdclass={"build_py": UnpackModel})
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageOptions:
    """What a package is called, and what it holds.

    Attributes:
        name: Name of the distribution and of the model in it.
        version: Version of the distribution.
        requires: The requirement that the package states, which brings what opens the model.
        weights: Whether the safetensors go into the package too, where there is an ONNX file.
        compress: Whether ONNX files and safetensors are kept compressed, and unpacked when pip
            builds the package: hosts of source code refuse files of more than 100 MB.
    """

    name: str
    version: str = "0.1.0"
    requires: str = "provence-plugins"
    weights: bool = False
    compress: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == BUNDLED_NAME:
            raise InvalidInputError(
                f"name must consist of letters, digits, '-', '_' and '.', begin and end with a "
                f"letter or digit, and not be {BUNDLED_NAME!r}; got {self.name!r}."
            )
        if not self.module.isidentifier() or keyword.iskeyword(self.module):
            raise InvalidInputError(
                f"name must become the name of a Python package when '-' and '.' are replaced by "
                f"'_'; got {self.name!r}. Begin it with a letter."
            )
        if not _VERSION.fullmatch(self.version):
            raise InvalidInputError(f"version must be a version such as 1.0 or 1.0rc1; got {self.version!r}.")

    @property
    def module(self) -> str:
        """Import name of the package."""
        return re.sub(r"[-.]+", "_", self.name.lower())


def write_package(checkpoint: Checkpoint, folder: Path, options: PackageOptions) -> None:
    """Write a model as a package that pip installs.

    Args:
        checkpoint: The model; it must have a card.
        folder: Created; an interrupted run leaves none.
        options: The name of the package, and what it holds.

    Raises:
        CheckpointNotFoundError: The model has no card.
        InvalidInputError: The folder exists.
    """
    if not locate(checkpoint.folder, CARD):
        raise CheckpointNotFoundError(
            f"The folder {checkpoint.folder} has no {CARD}. Write a model card that names data, licence and limits."
        )
    if folder.exists():
        raise InvalidInputError(f"{folder} exists. Name a new folder, or remove this one first.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".packaging-") as name:
        staged = Path(name, folder.name)
        module = staged / options.module
        module.mkdir(parents=True)
        (module / "__init__.py").write_text(f'"""The model {options.name} of provence_plugins."""\n', encoding="utf-8")
        for path in _files(checkpoint.folder, weights=options.weights):
            shutil.copyfile(path, module / path.name)
        if options.compress:
            _compress(module)
            (staged / "setup.py").write_text(_UNPACKING, encoding="utf-8")
        (staged / "pyproject.toml").write_text(_project(checkpoint.folder, options), encoding="utf-8")
        staged.replace(folder)


def _files(folder: Path, *, weights: bool) -> list[Path]:
    """Return the files of a model that belong into a package."""
    has_onnx = any(locate(folder, name) for name in ONNX_FILES.values())
    patterns = [pattern for pattern in FILES_READ if weights or not has_onnx or "safetensors" not in pattern]
    found: list[Path] = []
    for pattern in patterns:
        found += folder.glob(pattern)
    return sorted(path for path in found if locate(folder, path.name))


def _compress(module: Path) -> None:
    for pattern in _LARGE:
        for path in sorted(module.glob(pattern)):
            packed = path.with_name(f"{path.name}.gz")
            # No name and no time inside, so that the same model gives the same bytes.
            with (
                path.open("rb") as source,
                packed.open("wb") as raw,
                gzip.GzipFile("", "wb", 9, raw, mtime=0) as target,
            ):
                shutil.copyfileobj(source, target)
            path.unlink()


def _project(folder: Path, options: PackageOptions) -> str:
    licence = read_licence(folder)
    return _PROJECT.format(
        name=json.dumps(options.name),
        version=json.dumps(options.version),
        description=json.dumps(f"{options.name}, a context pruning model for provence_plugins"),
        readme=json.dumps(f"{options.module}/{CARD}"),
        license="" if licence is None else f"license = {{ text = {json.dumps(licence)} }}\n",
        requirement=json.dumps(options.requires),
        entry_points=json.dumps(ENTRY_POINTS),
        module=json.dumps(options.module),
    )
