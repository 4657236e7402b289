"""Answer a question about pages: a server of provence_plugins keeps what helps, and a llama.cpp server reads it.

    PROVENCE_URL=http://127.0.0.1:8000 LLAMA_URL=http://127.0.0.1:8080 python docker/ask.py "How ...?" page.md

Python alone is enough, because both servers speak HTTP.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

_SECONDS = 300


def main() -> None:
    """Print the answer, and on standard error how many tokens were removed."""
    question, *names = sys.argv[1:]
    pruned = post(os.environ["PROVENCE_URL"] + "/prune", prune_body(question, [Path(name) for name in names]))
    answer = post(os.environ["LLAMA_URL"] + "/v1/chat/completions", chat_body(question, pruned["text"]))
    print(answer["choices"][0]["message"]["content"])
    print(f"The model read {pruned['tokens_after']} of {pruned['tokens_before']} tokens.", file=sys.stderr)


def prune_body(question: str, pages: list[Path]) -> dict[str, Any]:
    """Return the request to keep what helps to answer a question."""
    return {"query": question, "passages": [page.read_text(encoding="utf-8") for page in pages]}


def chat_body(question: str, text: str) -> dict[str, Any]:
    """Return the request to answer a question from a text."""
    prompt = f"{text}\n\nAnswer from the text above in one or two sentences.\nQuestion: {question}"
    return {"messages": [{"role": "user", "content": prompt}], "temperature": 0}


# Any: whatever JSON a server answers.
def post(url: str, body: dict[str, Any]) -> Any:
    """Send JSON and return the JSON that comes back."""
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=_SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
