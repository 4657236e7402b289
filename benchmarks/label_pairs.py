"""Draw the pairs for label_agreement.py: passages with the answer and without, of every source that people marked.

    python benchmarks/label_pairs.py data/dev/*.jsonl.gz --output pairs.jsonl

A file without marked sentences gives nothing.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from provence_plugins.data.json_lines import read_json_lines

POSITIVES, NEGATIVES = 6, 4
SHORTEST, LONGEST = 200, 1100
"""Characters of a passage; longer ones would not fit the prompt of a small reader beside its instructions."""

# Any: whatever JSON holds.
Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="files of labelled JSON lines, one for each source")
    parser.add_argument("--output", type=Path, required=True, help="file for the pairs")
    options = parser.parse_args()
    chance = random.Random(0)
    pairs = [pair for path in sorted(options.data) for pair in draw(path, chance)]
    chance.shuffle(pairs)
    lines = (json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    options.output.write_text("".join(lines), encoding="utf-8")


def draw(path: Path, chance: random.Random) -> list[Record]:
    """Draw passages with the answer, each of another question, and negatives, those of the same questions first."""
    records = [record for record in _read(path) if SHORTEST <= len(record["passage"]) <= LONGEST]
    positive = [record for record in records if record["is_positive"] and _is_marked(record)]
    if not positive:
        return []
    negative = [record for record in records if not record["is_positive"]]
    chance.shuffle(positive)
    chance.shuffle(negative)
    first: dict[str, Record] = {}
    for record in positive:
        first.setdefault(record["question"], record)
    chosen = list(first.values())[:POSITIVES]
    mined = {record["id"].partition("#n")[0]: record for record in reversed(negative)}
    own = [mined[record["id"]] for record in chosen if record["id"] in mined]
    others = [record for record in negative if record not in own]
    return [*chosen, *[*own[:NEGATIVES], *others][:NEGATIVES]]


def _read(path: Path) -> Sequence[Record]:
    return list(read_json_lines(path, lambda record, _: record, expected="an object"))


def _is_marked(record: Record) -> bool:
    return bool(record.get("answer_spans") or record.get("relevant_sentences"))


if __name__ == "__main__":
    main()
