"""Make data and predictions for `provence evaluate` of the outputs that acl-verbatim publishes.

    git clone https://github.com/KRLabsOrg/acl-verbatim
    python benchmarks/published_outputs.py acl-verbatim published
    provence evaluate published/acl-verbatim.jsonl --predictions Provence=published/provence.jsonl --method model

People marked what answers a question in 100 chunks of papers; the repository (Apache-2.0, data CC BY 4.0) also has what
published pruners and language models chose there. Nothing is tuned on these chunks.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

GOLD = "333_20260206_dense_top5_20260305.json"
OUTPUTS = Path("artifacts", "eval", "gold_extraction")

SYSTEMS = {
    "provence": "provence_gold.jsonl",
    "zilliz": "zilliz_spans_03_gold.jsonl",
    "acl-modernbert": "gte-reranker.thr_0.2_merged.json",
    "glm-5": "glm-5.json",
    "mistral-small": "mistral-small-2603.json",
    "nemotron-120b": "nemotron-120b-a12b.json",
    "qwen-35b": "qwen_default_gold.json",
}
"""The file of each system, one setting of each."""


class Chunk(NamedTuple):
    """A question with one chunk of a paper."""

    id: str
    question: str
    text: str
    annotated: list[str]


def main() -> None:
    repository, target = map(Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    chunks = list(read_chunks(repository / GOLD))
    _write(target / "acl-verbatim.jsonl", [_to_example(chunk) for chunk in chunks])
    for name, file in SYSTEMS.items():
        chosen = {_key(row): row for row in read_outputs(repository / OUTPUTS / file)}
        _write(target / f"{name}.jsonl", [_to_prediction(chunk, chosen[chunk.id]) for chunk in chunks])
        print(target / f"{name}.jsonl")


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Yield the chunks of all questions, with what people marked in them."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for result in record["results"]:
            name = _key({**result, "query": record["query"], "paper_id": result["document_id"]})
            yield Chunk(name, record["query"], result["chunk"], result.get("gold_extraction") or [])


# Any: whatever JSON holds, in all of this file.
def read_outputs(path: Path) -> list[dict[str, Any]]:
    """Return what a system chose, one row for each chunk."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    rows: list[dict[str, Any]] = json.loads(text)["records"]
    return rows


def find_text(text: str, part: str) -> list[int] | None:
    """Return start and end of a part, whatever its case; None when the text does not hold it."""
    start = text.find(part)
    if start < 0:
        start = text.lower().find(part.lower())
    return None if start < 0 or not part else [start, start + len(part)]


def _key(row: dict[str, Any]) -> str:
    number = row["chunk_number"] if "chunk_number" in row else row["chunk_index"]
    return f"{row['query']}/{row['paper_id']}/{number}"


def _to_example(chunk: Chunk) -> dict[str, Any]:
    spans = [span for span in (find_text(chunk.text, part) for part in chunk.annotated) if span is not None]
    return {
        "id": chunk.id,
        "source": "acl-verbatim",
        "question": chunk.question,
        "passage": chunk.text,
        "is_positive": bool(spans),
        "answer_spans": spans,
    }


def _to_prediction(chunk: Chunk, row: dict[str, Any]) -> dict[str, Any]:
    given = row.get("predicted_spans", row.get("pred_spans"))
    spans = [[span["start"], span["end"]] for span in given or []]
    return {"id": chunk.id, "source": "acl-verbatim", "spans": spans}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
