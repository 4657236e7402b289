"""The everyday texts of the repository: `recipes/data`."""

from pathlib import Path

import pytest

from provence_plugins.data.examples import Example, read_examples

DATA = Path(__file__).parents[2] / "recipes" / "data"
TEXTS = {path.name.partition(".")[0]: list(read_examples(path)) for path in DATA.glob("*.jsonl.gz")}


@pytest.mark.parametrize(
    ("name", "passages", "with_evidence", "without", "mined"),
    [("everyday", 1773, 8866, 1033, 0), ("everyday_dev", 187, 935, 118, 3740)],
)
def test_the_page_tells_what_the_files_hold(
    name: str, passages: int, with_evidence: int, without: int, mined: int
) -> None:
    examples = TEXTS[name]
    own = [example for example in examples if not example.is_mined]
    counted = (
        len({example.passage.text for example in examples}),
        sum(example.positive for example in own),
        sum(not example.positive for example in own),
        len(examples) - len(own),
    )
    assert counted == (passages, with_evidence, without, mined)
    row = [f"`{name}.jsonl.gz`", *(f"{number:,}" for number in (passages, with_evidence, without))]
    assert f"| {' | '.join(row)} | " in (DATA / "README.md").read_text(encoding="utf-8")


def test_no_passage_of_dev_is_trained_on() -> None:
    train, dev = ({example.passage.text for example in TEXTS[name]} for name in ("everyday", "everyday_dev"))
    assert not train & dev


@pytest.mark.parametrize("name", ["everyday", "everyday_dev"])
def test_evidence_is_whole_sentences_and_only_of_passages_that_answer(name: str) -> None:
    assert len({example.id for example in TEXTS[name]}) == len(TEXTS[name])
    wrong = [example.id for example in TEXTS[name] if bool(example.evidence) != example.positive or _cuts(example)]
    assert not wrong


def _cuts(example: Example) -> bool:
    """Return whether a range of evidence begins or ends within a word."""
    text = example.passage.text
    return any(
        text[span.start - 1 : span.start].strip() or text[span.end : span.end + 1].strip() for span in example.evidence
    )
