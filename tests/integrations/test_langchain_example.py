import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_example(*arguments: str) -> str:
    command = [sys.executable, str(ROOT / "examples" / "langchain_rag.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout


def test_the_example_shows_the_prompt_before_and_after() -> None:
    shown = run_example()
    before, after = map(int, re.findall(r"pruning: about (\d+) tokens", shown))
    assert 0 < after < before / 2
    assert shown.count("Answer from the context alone.") == 2
    assert "code generator emits no code" in shown.split("===== after")[1]


def test_the_example_takes_another_question() -> None:
    assert run_example("How are default parameter values evaluated?").count("default parameter values evaluated?") == 2
