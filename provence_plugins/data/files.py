"""Find data files by pattern, and model folders on disk or inside installed packages."""

from collections.abc import Sequence
from glob import glob
from importlib.util import find_spec
from pathlib import Path

from provence_plugins.errors import InvalidInputError

_PACKAGE_PREFIX = "package:"


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files that glob patterns match, sorted and without repetition.

    Raises:
        InvalidInputError: A pattern matches no file.
    """
    found: set[Path] = set()
    for pattern in patterns:
        matches = {Path(name) for name in glob(pattern, recursive=True)}
        if not matches:
            raise InvalidInputError(f"No file matches {pattern!r} in the folder {Path.cwd()}. Check the name.")
        found |= matches
    return sorted(found)


def find_folder(name: str) -> Path:
    """Return the folder of a path, or one in an installed package ("package:name/inner/folder").

    Raises:
        InvalidInputError: The package is not installed.
    """
    if not name.startswith(_PACKAGE_PREFIX):
        return Path(name)
    package, _, inner = name.removeprefix(_PACKAGE_PREFIX).partition("/")
    # A name with a dot would make Python import what is in front of it.
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise InvalidInputError(f"{name!r} names the package {package!r}, which is not installed. Install it first.")
    return Path(spec.origin).parent / inner


def find_model_folder(name: str) -> Path:
    """Return the folder of an encoder or model as Transformers saves it.

    Args:
        name: A path, or "package:name/inner/folder" for a folder inside an installed package.

    Raises:
        InvalidInputError: The package is not installed, or the folder holds no `config.json`.
    """
    folder = find_folder(name)
    if not (folder / "config.json").is_file():
        raise InvalidInputError(
            f"{name!r} is not a model folder: there is no config.json in {folder}. Name the folder that holds it."
        )
    return folder
