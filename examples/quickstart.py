"""Prune an article for a question, and see what was removed.

python examples/quickstart.py
"""

from pathlib import Path

from provence_plugins import Pruner

QUESTION = "How do I get rid of a flag made of nylon?"

article = (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")

with Pruner() as pruner:
    result = pruner.prune(QUESTION, [article])

for passage in result.passages:
    print(passage.text)
print(f"{result.tokens_before} tokens became {result.tokens_after}.")
