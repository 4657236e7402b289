import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rows import row

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


# Imports modules one after another, each with a folder that is searched first and with packages that are not found.
PROGRAM = """
import importlib, json, sys
for folder, module, absent in json.loads(sys.argv[1]):
    sys.path.insert(0, folder)
    sys.modules.update(dict.fromkeys(absent))
    try:
        importlib.import_module(module)
    except ImportError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
    else:
        print(json.dumps("imported"))
    sys.path.remove(folder)
    for name in absent:
        del sys.modules[name]
"""


def import_each(cases: list[tuple[Path, str, list[str]]]) -> list[str]:
    """Import modules in one new interpreter, and return what each import raises."""
    told = json.dumps([(str(folder), module, absent) for folder, module, absent in cases])
    run = subprocess.run([sys.executable, "-c", PROGRAM, told], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def fake_release(folder: Path, framework: Framework, version: str) -> None:
    info = folder / f"{framework.distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {framework.distribution}\nVersion: {version}\n")


@pytest.mark.parametrize("extra", FRAMEWORKS)
def test_the_ranges_are_those_that_pip_is_told(extra: str) -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert FRAMEWORKS[extra].requirement in pyproject["project"]["optional-dependencies"][extra]


def test_a_release_is_admitted_by_number() -> None:
    for version, admitted in [
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
    ]:
        with row(version, admitted):
            assert FRAMEWORKS["langchain"].admits(version) is admitted


def test_an_installed_framework_passes() -> None:
    with needs_framework("langchain"):
        import langchain_core  # noqa: F401


def test_an_import_error_of_our_own_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_here") as raised, needs_framework("langchain"):
        import provence_plugins.nothing_here  # noqa: F401
    assert not isinstance(raised.value, MissingExtraError)


def test_an_adapter_names_the_extra_when_the_release_does_not_fit(tmp_path: Path) -> None:
    cases = []
    for extra, (module, _) in ADAPTERS.items():
        folder = tmp_path / extra
        folder.mkdir()
        fake_release(folder, FRAMEWORKS[extra], "0.0.9")
        cases.append((folder, module, []))
    for extra, raised in zip(ADAPTERS, import_each(cases), strict=True):
        message = (
            f"MissingExtraError: The adapter needs {FRAMEWORKS[extra].requirement}, but 0.0.9 is installed. Install it"
        )
        assert message in raised
        assert f'pip install "provence-plugins[{extra}]"' in raised


def test_an_adapter_names_the_extra_when_the_framework_is_absent_and_pydantic_with_it(tmp_path: Path) -> None:
    cases = [(tmp_path, module, [package, "pydantic"]) for module, package in ADAPTERS.values()]
    for (extra, (_, package)), raised in zip(ADAPTERS.items(), import_each(cases), strict=True):
        assert f"MissingExtraError: The package {package}" in raised
        assert f'pip install "provence-plugins[{extra}]"' in raised
