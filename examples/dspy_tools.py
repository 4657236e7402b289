"""A DSPy agent whose tools return only what answers their query, offline.

pip install "provence-plugins" dspy
python examples/dspy_tools.py

DSPy writes the results of tools into the text of a prompt, so they are shortened where the tool returns them.
"""

import inspect
import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import dspy
from dspy.utils import DummyLM

from provence_plugins.integrations.messages import prune_messages

QUESTION = "When may the flag be flown at night?"


def pruned(tool: Callable[..., Any]) -> Callable[..., Any]:
    """Let a tool return only what answers its query."""
    signature = inspect.signature(tool)

    @wraps(tool)
    def shorter(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind(*args, **kwargs).arguments
        function = {"name": tool.__name__, "arguments": json.dumps(arguments)}
        conversation = [
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "1", "content": str(tool(*args, **kwargs))},
        ]
        return prune_messages(conversation)[-1]["content"]

    return shorter


def search(query: str) -> str:
    """Search the guide to the flag."""
    return (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")


def main() -> None:
    # The stand-in calls the tool once. Put any model in its place: dspy.LM("openai/gpt-5-mini").
    steps: list[dict[str, Any]] = [
        {"next_thought": "Search.", "next_tool_name": "search", "next_tool_args": json.dumps({"query": QUESTION})},
        {"next_thought": "Done.", "next_tool_name": "finish", "next_tool_args": "{}"},
        {"reasoning": "The guide says so.", "answer": "When it is illuminated."},
    ]
    with dspy.context(lm=DummyLM(steps)):
        found = dspy.ReAct("question -> answer", tools=[pruned(search)])(question=QUESTION)
    print(found.trajectory["observation_0"])
    print("--- answer ---\n" + found.answer)


if __name__ == "__main__":
    main()
