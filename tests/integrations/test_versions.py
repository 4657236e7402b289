import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from provence_plugins.errors import MissingExtraError
from provence_plugins.integrations.versions import FRAMEWORKS, Framework, needs_framework

ROOT = Path(__file__).parents[2]

# For each extra a module of ours and the package that it stands on.
ADAPTERS = {
    "langchain": ("provence_plugins.integrations.langchain", "langchain_core"),
    "langchain-reranker": ("provence_plugins.integrations.langchain_cross_encoder", "langchain_core"),
    "agents": ("provence_plugins.integrations.langchain_agents", "langchain"),
    "haystack": ("provence_plugins.integrations.haystack", "haystack"),
    "llama-index": ("provence_plugins.integrations.llama_index", "llama_index"),
}


def import_with(folder: Path, module: str, *, absent: str = "") -> subprocess.CompletedProcess[str]:
    """Import a module in an interpreter that finds the folder first and never finds a package."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); sys.modules.update(dict.fromkeys({absent.split()!r}))\n"
        f"import {module}"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def fake_release(folder: Path, framework: Framework, version: str) -> None:
    info = folder / f"{framework.distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {framework.distribution}\nVersion: {version}\n")


@pytest.mark.parametrize("extra", FRAMEWORKS)
def test_the_ranges_are_those_that_pip_is_told(extra: str) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert FRAMEWORKS[extra].requirement in pyproject["project"]["optional-dependencies"][extra]


@pytest.mark.parametrize(
    ("version", "admitted"),
    [
        ("0.2.43", False),
        ("0.3.14", False),
        ("0.3.15", True),
        ("0.3.15.post1", True),
        ("1", True),
        ("1.8.3", True),
        ("1.10.0rc1", True),
        ("2.0.0.dev1", False),
        ("2", False),
        ("10.1", False),
    ],
)
def test_a_release_is_admitted_by_number(version: str, admitted: bool) -> None:
    assert FRAMEWORKS["langchain"].admits(version) is admitted


def test_an_installed_framework_passes() -> None:
    with needs_framework("langchain"):
        import langchain_core  # noqa: F401


def test_an_import_error_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_here") as raised, needs_framework("langchain"):
        import provence_plugins.nothing_here  # noqa: F401
    assert not isinstance(raised.value, MissingExtraError)


@pytest.mark.parametrize("extra", ADAPTERS)
def test_an_adapter_names_the_extra_when_the_release_does_not_fit(extra: str, tmp_path: Path) -> None:
    fake_release(tmp_path, FRAMEWORKS[extra], "0.0.9")
    run = import_with(tmp_path, ADAPTERS[extra][0])
    message = f"MissingExtraError: this needs {FRAMEWORKS[extra].requirement}, but 0.0.9 is installed. Install it"
    assert message in run.stderr
    assert f'pip install "provence-plugins[{extra}]"' in run.stderr


@pytest.mark.parametrize("extra", ADAPTERS)
def test_an_adapter_names_the_extra_when_the_framework_is_absent_and_pydantic_with_it(
    extra: str, tmp_path: Path
) -> None:
    module, package = ADAPTERS[extra]
    run = import_with(tmp_path, module, absent=f"{package} pydantic")
    assert f"MissingExtraError: this needs {package}" in run.stderr
    assert f'pip install "provence-plugins[{extra}]"' in run.stderr
