"""The texts that were written for this project: `recipes/data`."""

import gzip
import json
from pathlib import Path

import pytest

from provence_plugins.data.examples import Example, read_examples

DATA = Path(__file__).parents[2] / "recipes" / "data"
LABELS = DATA.parent / "labels" / "minilm-v10.jsonl.gz"
NAMES = (
    "everyday",
    "everyday_dev",
    "documents",
    "documents_dev",
    "searches",
    "searches_dev",
    "retrieved",
    "retrieved_dev",
)


@pytest.fixture(scope="module")
def texts() -> dict[str, list[Example]]:
    return {name: list(read_examples(DATA / f"{name}.jsonl.gz")) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_page_tells_what_the_files_hold(texts: dict[str, list[Example]], name: str) -> None:
    own = [example for example in texts[name] if not example.is_mined]
    positive, mined = sum(example.positive for example in own), len(texts[name]) - len(own)
    counts = (len({example.passage.text for example in texts[name]}), positive, len(own) - positive, mined)
    row = " | ".join([f"`{name}.jsonl.gz`", *(f"{number:,}" for number in counts)])
    assert f"| {row} |" in (DATA / "README.md").read_text(encoding="utf-8")


def test_no_passage_of_dev_is_trained_on(texts: dict[str, list[Example]]) -> None:
    of_file = {name: {example.passage.text for example in examples} for name, examples in texts.items()}
    dev = {name for name in NAMES if name.endswith("_dev")}
    trained, unseen = (set().union(*(of_file[name] for name in names)) for names in (set(NAMES) - dev, dev))
    assert not trained & unseen


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_whole_sentences_and_only_of_passages_that_answer(
    texts: dict[str, list[Example]], name: str
) -> None:
    assert len({example.id for example in texts[name]}) == len(texts[name])
    wrong = [example.id for example in texts[name] if bool(example.evidence) != example.positive or _cuts(example)]
    assert not wrong


def test_the_labels_of_a_teacher_cover_the_texts_that_they_name(texts: dict[str, list[Example]]) -> None:
    lengths = {example.id: len(example.passage.text) for examples in texts.values() for example in examples}
    wrong, covered = [], 0
    with gzip.open(LABELS, "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            name = line.get("passage_id", line["id"])
            if name in lengths:
                covered += 1
                ranges = [(start, end) for start, end, _ in line["silver"]]
                ends = [0, *(end for _, end in ranges)]
                if ends[-1] != lengths[name] or [start for start, _ in ranges] != ends[:-1]:
                    wrong.append(name)
    assert covered > 60_000
    assert not wrong


def _cuts(example: Example) -> bool:
    """Return whether a range of evidence begins or ends within a word."""
    text = example.passage.text
    edges = [edge for span in example.evidence for edge in (span.start, span.end) if 0 < edge < len(text)]
    return any(text[edge - 1].isalnum() and text[edge].isalnum() for edge in edges)
