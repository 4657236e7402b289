"""Measure what pruning does to the results of an agent's tools, in seven formats.

    python benchmarks/tool_results.py --data data/dev/squad2_dev.jsonl.gz data/dev/nq_oracle.jsonl.gz

A result has five records, one of which holds the answer. `answers kept`: the answer stands in the record of its own
source. `removed`: share of the characters of the texts. `wrong links`: share of the remaining sentences that stand
under the source of another record. `reads back`: the result still has the notation that it had.
"""

import argparse
import ast
import json
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_core.messages import ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from record import publish
from tqdm import tqdm

from provence_plugins.data.examples import Example, read_examples
from provence_plugins.evaluation.reporting.result_files import Table
from provence_plugins.integrations.langchain_agents import ContextPruningMiddleware
from provence_plugins.text.sentences import split_sentences

RECORDS, SEED = 5, 20

# Shorter sentences may stand in several records.
MIN_SENTENCE = 30


class Row(NamedTuple):
    """A record of a result: its source and its text."""

    url: str
    text: str


class Form(NamedTuple):
    """A format of results: how records are written, and read back; the latter raises a ValueError if it cannot."""

    write: Callable[[Sequence[Row]], Any]
    read: Callable[[Any], list[Row]]
    has_documents: bool = False


def labelled(*labels: str) -> Form:
    """Return a format of lines with labels, of which the first holds the source and the last the text."""
    first, last = labels[0], labels[-1]
    pattern = re.compile(rf"^{first}: (\S+)\n(?:.*\n)*?{last}: ", re.MULTILINE)

    def write(rows: Sequence[Row]) -> str:
        middle = "".join(f"{label}: page\n" for label in labels[1:-1])
        return "\n\n".join(f"{first}: {row.url}\n{middle}{last}: {row.text}" for row in rows)

    def read(content: str) -> list[Row]:
        parts = pattern.split(content)
        return [Row(url, text) for url, text in zip(parts[1::2], parts[2::2], strict=True)]

    return Form(write, read, has_documents=len(labels) == 2)


def plain(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [{"title": "page", "url": row.url, "content": row.text} for row in rows]


def rows_of(values: Sequence[dict[str, str]]) -> list[Row]:
    return [Row(value["url"], value["content"]) for value in values]


def block(row: Row) -> dict[str, Any]:
    content = [{"type": "text", "text": row.text}]
    return {"type": "search_result", "source": row.url, "title": "page", "content": content}


FORMS = {
    "documents in the artifact": labelled("Source", "Content"),
    "labelled records": labelled("URL", "Title", "Text"),
    "JSON list": Form(lambda rows: json.dumps(plain(rows)), lambda text: rows_of(json.loads(text))),
    "JSON object": Form(
        lambda rows: json.dumps({"query": "?", "results": plain(rows)}, indent=2),
        lambda text: rows_of(json.loads(text)["results"]),
    ),
    "JSON lines": Form(
        lambda rows: "\n".join(json.dumps(value) for value in plain(rows)),
        lambda text: rows_of([json.loads(line) for line in text.splitlines()]),
    ),
    "printed Python value": Form(lambda rows: str(plain(rows)), lambda text: rows_of(ast.literal_eval(text))),
    "search result blocks": Form(
        lambda rows: [block(row) for row in rows],
        lambda blocks: [Row(each["source"], each["content"][0]["text"]) for each in blocks],
    ),
}


class Counts(NamedTuple):
    """What became of one result."""

    kept: bool
    removed: float
    wrong: int
    sentences: int
    reads_back: bool


def results_of(examples: Sequence[Example], count: int) -> list[tuple[Example, list[Row]]]:
    """Return questions with their records: the passage that answers, among passages of other questions."""
    generator = random.Random(SEED)
    chosen = generator.sample(examples, count)
    results = []
    for example in chosen:
        others = [other for other in examples if other.passage.text != example.passage.text]
        texts = [example.passage.text, *(other.passage.text for other in generator.sample(others, RECORDS - 1))]
        rows = [Row(f"https://example.org/{number}", " ".join(text.split())) for number, text in enumerate(texts)]
        generator.shuffle(rows)
        results.append((example, rows))
    return results


def measure(form: Form, example: Example, rows: Sequence[Row], middleware: ContextPruningMiddleware) -> Counts:
    documents = [Document(row.text, metadata={"source": row.url}) for row in rows] if form.has_documents else None
    message = ToolMessage(form.write(rows), tool_call_id="1", artifact=documents)
    call: Any = {"name": "search", "args": {"query": example.question}, "id": "1", "type": "tool_call"}
    request = ToolCallRequest(tool_call=call, tool=None, state={"messages": []}, runtime=None)  # type: ignore[arg-type]
    pruned: Any = middleware.wrap_tool_call(request, lambda _: message)
    total = sum(len(row.text) for row in rows)
    try:
        remaining = form.read(pruned.content)
    except (ValueError, SyntaxError, KeyError, TypeError):
        return Counts(False, 0.0, 0, 0, False)
    [answer_url] = [row.url for row in rows if row.text == " ".join(example.passage.text.split())]
    answers = {" ".join(span.of(example.passage.text).split()) for span in example.evidence}
    kept = any(row.url == answer_url and answer in row.text for row in remaining for answer in answers)
    wrong, count = 0, 0
    for row in rows:
        for sentence in split_sentences(row.text, "sentencex"):
            text = sentence.of(row.text).strip()
            homes = [each.url for each in remaining if text in each.text]
            if len(text) >= MIN_SENTENCE and homes:
                count += 1
                wrong += row.url not in homes
    return Counts(kept, 1 - sum(len(row.text) for row in remaining) / total, wrong, count, True)


def table(measured: dict[str, list[Counts]]) -> Table:
    rows = []
    for name, counts in measured.items():
        number = len(counts)
        sentences = sum(each.sentences for each in counts)
        cells = [
            sum(each.kept for each in counts) / number,
            sum(each.removed for each in counts) / number,
            sum(each.wrong for each in counts) / max(1, sentences),
            sum(each.reads_back for each in counts) / number,
        ]
        rows.append([name, *(f"{100 * cell:.1f} %" for cell in cells)])
    columns = ["format", "answers kept", "removed", "wrong links", "reads back"]
    return Table(f"{len(counts)} questions, {RECORDS} records each", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="files of annotated examples")
    parser.add_argument("--questions", type=int, default=120)
    parser.add_argument("--model", help="a model folder instead of the bundled model")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    examples = [
        each for path in given.data for each in read_examples(path) if each.positive and len(each.evidence) == 1
    ]
    results = results_of(examples, given.questions)
    middleware = ContextPruningMiddleware(model=given.model, title_key=None, on_error="raise")
    measured: dict[str, list[Counts]] = {}
    for name, form in FORMS.items():
        measured[name] = [measure(form, *result, middleware) for result in tqdm(results, desc=name, leave=False)]
    data = {name: [each._asdict() for each in counts] for name, counts in measured.items()}
    publish("Results of tools", [table(measured)], data, given.output)


if __name__ == "__main__":
    main()
