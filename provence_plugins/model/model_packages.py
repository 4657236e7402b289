"""Models that other installed packages bring, by name.

Such a package registers its import name under the name of its model:

    [project.entry-points."provence_plugins.models"]
    provence-mpnet = "provence_mpnet"

The folder of that import package is the model folder. It is found without an import, so that no
code of the package is run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError
from provence_plugins.model.folder import show_value

ENTRY_POINTS = "provence_plugins.models"
"""Group of the entry points, a public name that other packages declare."""


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """An installed package that provides a model.

    Attributes:
        model: Name of the model.
        module: Import name of the package.
        distribution: Name and version of the distribution that registered it.
    """

    model: str
    module: str
    distribution: str

    def find_folder(self) -> Path:
        """Return the folder of the package, which holds the model.

        Raises:
            CheckpointError: The package registered something else than its own import name.
            CheckpointNotFoundError: There is no such package.
        """
        if not self.module.isidentifier():
            raise CheckpointError(
                f"The package {self.distribution} registers {show_value(self.module)} as the place "
                f"of the model {show_value(self.model)}. It must be the import name of a package, "
                f"without a dot or an attribute."
            )
        try:
            spec = find_spec(self.module)
        except ValueError:  # a module in sys.modules without a specification
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise CheckpointNotFoundError(
                f"The package {self.distribution} registers the model {show_value(self.model)}, "
                f"but there is no package {self.module} to import. Install it again."
            )
        return Path(next(iter(spec.submodule_search_locations)))


def model_packages() -> list[ModelPackage]:
    """Return the installed packages that bring a model, by the names of their models."""
    return sorted(map(_as_package, entry_points(group=ENTRY_POINTS)), key=lambda package: package.model)


def find_installed_model(name: str) -> Path | None:
    """Return the folder of an installed model; None if no package provides one of that name.

    Raises:
        CheckpointError: Several packages provide a model of that name, or the one that does is
            broken.
        CheckpointNotFoundError: The package of that model is not there any more.
    """
    found = {package.module: package for package in model_packages() if package.model == name}
    if len(found) > 1:
        owners = " and ".join(package.distribution for package in found.values())
        raise CheckpointError(
            f"The packages {owners} both bring a model {show_value(name)}. Uninstall one, or give the model's folder."
        )
    return next((package.find_folder() for package in found.values()), None)


def describe_installed_models(wanted: str) -> str:
    """Return a sentence that names the installed models, the nearest name first."""
    names = [package.model for package in model_packages()]
    if not names:
        return "No model packages are installed."
    near = get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {show_value(near[0])}? " if near else ""
    return f"{hint}Installed models: {_listed(names)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(show_value, names))


def _as_package(entry: EntryPoint) -> ModelPackage:
    origin = entry.dist
    distribution = "of an unknown name" if origin is None else f"{origin.name} {origin.version}"
    return ModelPackage(entry.name, entry.value, distribution)
