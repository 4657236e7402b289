"""Answer many requests at once: one pruner for all tasks, their windows in shared batches.

python examples/serve_async.py
"""

import asyncio
from pathlib import Path

from provence_plugins import Pruner, SharedScorer

QUESTIONS = ["What happens to nylon flags?", "What did Martin Sheridan say?", "Who won the 1998 World Cup?"]


async def answer(pruner: Pruner, question: str, article: str) -> str:
    result = await pruner.aprune(question, [article])
    return f"{question} {result.tokens_before} tokens became {result.tokens_after}."


async def main() -> None:
    article = (Path(__file__).parent / "us_flag.md").read_text(encoding="utf-8")
    with Pruner(scorer=SharedScorer) as pruner:
        for line in await asyncio.gather(*(answer(pruner, question, article) for question in QUESTIONS)):
            print(line)


asyncio.run(main())
