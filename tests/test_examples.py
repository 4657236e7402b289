"""The example programs run as they are, and what they print is worth seeing."""

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_server import Reply, completion, prompt_of, serve_chat

EXAMPLES = Path(__file__).parent.parent / "examples"

# What does not depend on the model that ships: a better one keeps other sentences.
PRINTED = {
    "quickstart.py": ["nylon or polyester flags be recycled", "900 tokens became "],
    "serve_async.py": ["What did Martin Sheridan say? 900 tokens became ", "World Cup? 900 tokens became "],
    "langchain_agent.py": ["--- human ---", "--- tool ---", "tokens became"],
    "llama_index_citations.py": ["Source 1:", "[1] ", "relevance ", "    characters "],
}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_runs(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    printed = capsys.readouterr().out
    for text in PRINTED[name]:
        assert text in printed


# Examples of frameworks that the development environment does not have, and the module that each imports.
WITHOUT_ADAPTER = {
    "pydantic_ai_agent.py": "pydantic_ai",
    "openai_agents.py": "agents",
    "litellm_hook.py": "litellm",
    "dspy_tools.py": "dspy",
}


@pytest.mark.parametrize("name", WITHOUT_ADAPTER)
def test_a_framework_without_an_adapter_gets_shorter_results(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # otherwise it asks the network at import
    pytest.importorskip(WITHOUT_ADAPTER[name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    result, _, answer = capsys.readouterr().out.partition("--- answer ---")
    assert "if flown at night, must be illuminated" in result
    assert len(result) < len((EXAMPLES / "us_flag.md").read_text(encoding="utf-8")) / 2
    assert "illuminated" in answer


def test_a_language_model_is_asked_with_and_without_pruning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(request: dict[str, Any]) -> Reply:
        prompt = prompt_of(request)
        return completion("If illuminated." if "must be illuminated" in prompt else "Never.", prompt_tokens=len(prompt))

    with serve_chat(answer) as server:
        arguments = ["local_llm.py", "When may the flag be flown at night?", str(EXAMPLES), f"openai:{server.url}#tiny"]
        monkeypatch.setattr(sys, "argv", arguments)
        runpy.run_path(str(EXAMPLES / "local_llm.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.count("If illuminated.") == 2
    before, after = map(int, re.findall(r"(\d+) tokens of prompt", printed))
    assert after < before / 2


def test_the_page_of_examples_lists_them_all() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(re.findall(r"`(\w+\.py)`", page))


def test_the_chain_shows_its_prompt_before_and_after(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["langchain_rag.py"])
    runpy.run_path(str(EXAMPLES / "langchain_rag.py"), run_name="__main__")
    printed = capsys.readouterr().out
    before, after = map(int, re.findall(r"pruning: about (\d+) tokens", printed))
    assert 0 < after < before / 2
    assert printed.count("Answer from the context alone.") == 2
    assert "code generator emits no code" in printed.split("===== after")[1]
