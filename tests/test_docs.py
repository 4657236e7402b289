"""The documentation builds, and what it shows is what happens."""

import io
import platform
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# A block marked "py" instead of "python" is not run: it needs something that a test machine lacks, such as a GPU,
# the hub or a folder of the reader's. A text block right after a Python block shows what that block prints.
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
PAGES_WITH_CODE = [page for page in PAGES if PYTHON_BLOCK.search(page.read_text(encoding="utf-8"))]

# int8 differs in the third digit from processor to processor, and a sentence near the threshold is decided differently.
SAME_NUMBERS = platform.machine() == "x86_64" and sys.platform == "linux"
DECIMAL = re.compile(r"\d+\.\d+")


@pytest.mark.parametrize("page", PAGES_WITH_CODE, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run_and_print_what_it_shows(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names = {"__name__": "__main__"}
    for code, shown in PYTHON_BLOCK.findall(page.read_text(encoding="utf-8")):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(code, page.name, "exec"), names)
        if shown and SAME_NUMBERS:
            assert_same_output(printed.getvalue(), shown)


def assert_same_output(printed: str, shown: str) -> None:
    """Compare two outputs word by word, decimal numbers with a tolerance."""
    assert DECIMAL.sub("#", printed).split() == DECIMAL.sub("#", shown).split()
    assert [*map(float, DECIMAL.findall(printed))] == pytest.approx([*map(float, DECIMAL.findall(shown))], abs=0.02)


@pytest.mark.skipif(not SAME_NUMBERS, reason="int8 differs from processor to processor")
def test_the_readme_shows_what_its_first_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = next(line for line in readme.splitlines() if line.startswith("provence prune"))
    shown = re.search(r"^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert shown is not None
    run = CliRunner().invoke(app, shlex.split(command)[1:])
    assert run.exit_code == 0, run.output
    kept, _, figures = shown[1].rpartition("tokens")
    assert run.stdout.split() == kept.split()
    assert figures.split() == run.stderr.split("tokens", 1)[1].split()[: len(figures.split())]


@pytest.mark.skipif(not SAME_NUMBERS, reason="int8 differs from processor to processor")
@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_picture_of_a_pruned_passage_is_true(page: str) -> None:
    [picture] = re.findall(
        r"^(?:> )?~~The flag should.*?materials are burned\.\)$", page_text(page), re.MULTILINE | re.DOTALL
    )
    parts = re.split("(~~.*?~~)", " ".join(picture.replace("\n> ", " ").removeprefix("> ").split()))
    drawn = {part.strip(" ~"): not part.startswith("~~") for part in parts if part.strip()}
    article = (ROOT / "examples" / "us_flag.md").read_text(encoding="utf-8")
    with Pruner() as pruner:
        result = pruner.prune("How do I get rid of a flag made of nylon?", [article])
    [passage] = result.passages
    kept = {sentence.of(article).strip(): sentence.kept for sentence in passage.sentences}
    for text, is_kept in drawn.items():
        inside = [flag for sentence, flag in kept.items() if sentence in text]
        assert inside
        assert set(inside) == {is_kept}, text


def page_text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_quickstart_explains_every_field_of_the_policy() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(field.name for field in fields(PruningPolicy))


def test_the_site_shows_every_block_of_code_as_code() -> None:
    wrong = []
    for page in PAGES:
        fences = re.findall(r"^ *(```.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        wrong += [f"{page.name}: {fence}" for fence in fences if not re.fullmatch(r"```[\w+-]*", fence)]
    assert wrong == []


def test_every_page_can_be_reached_from_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    listed = set(re.findall(r"[\w-]+\.md", navigation))
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in PAGES[1:]}
    assert len(yaml.safe_load("nav:" + navigation)["nav"]) <= 7


# CI builds the site in a step of its own.
@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "index.html").is_file()
