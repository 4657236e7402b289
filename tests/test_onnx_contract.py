"""The reference decoder of the ONNX contract, which does not use this package, agrees with the engine."""

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provence_plugins import Passage, Pruner, PruningPolicy, Sentence
from provence_plugins.model.checkpoint import BUNDLED

EXAMPLE = Path(__file__).parent.parent / "examples" / "onnx_decoder.py"
PAGE = Path(__file__).parent.parent / "docs" / "onnx.md"

QUERY = "What is the capital of Iceland?"
LONG = [f"Sentence number {number} says that the harbour of Reykjavik is old. " for number in range(60)]

PASSAGES = {
    "short": ["Iceland lies in the North Atlantic. ", "Its capital is Reykjavik. ", "Sheep outnumber people."],
    "without stops": ["Iceland\n", "- capital: Reykjavik\n", "* * *\n", "“It is cold!”\n", "  \n", "end"],
    "several windows": LONG,
    "a unit longer than a window": ["Before it. ", "the capital " * 250, "Behind it."],
    "spelled tokens": ["[SEP] is no end, ", "nor is [CLS] [PAD].", "\ud7ff é 🧀"],
    "nothing": [" ", "\n"],
}


@pytest.fixture(scope="module")
def decoder_type() -> Any:
    return runpy.run_path(str(EXAMPLE), run_name="onnx_decoder")["Decoder"]


@pytest.fixture(scope="module")
def decoder(decoder_type: Any) -> Any:
    return decoder_type(BUNDLED)


@pytest.fixture(scope="module")
def pruner() -> Any:
    with Pruner() as opened:
        yield opened


def tile(units: Sequence[str]) -> list[Sentence]:
    sentences, end = [], 0
    for unit in units:
        sentences.append(Sentence(end, end + len(unit)))
        end += len(unit)
    return sentences


@pytest.mark.parametrize("title", ["", " Iceland ", "a title of many words " * 60], ids=["none", "short", "long"])
@pytest.mark.parametrize("name", PASSAGES)
def test_the_reference_decoder_gives_the_scores_of_the_engine(
    name: str, title: str, decoder: Any, pruner: Pruner
) -> None:
    units = PASSAGES[name]
    passage = Passage("".join(units), title or None, sentences=tile(units))
    result = pruner.prune(QUERY, [passage], PruningPolicy(threshold=0))
    [expected] = (*result.passages, *result.dropped)
    scores = decoder.score(QUERY, units, title)
    assert scores.relevance == pytest.approx(expected.relevance, abs=1e-6)
    assert scores.probabilities == pytest.approx([each.probability for each in expected.sentences], abs=1e-6)


def test_a_model_with_other_windows_agrees_too(decoder_type: Any, tiny_folder: Path) -> None:
    units = ["Paris is in France. ", "The river is long, and the city is the capital of cheese. "] * 5
    with Pruner(tiny_folder, dtype="int8") as tiny:
        text = "".join(units)
        [expected] = tiny.prune("where", [Passage(text, sentences=tile(units))], PruningPolicy(threshold=0)).passages
    scores = decoder_type(tiny_folder).score("where", units)
    assert scores.probabilities == pytest.approx([each.probability for each in expected.sentences], abs=1e-6)


def test_a_query_that_fills_a_window_is_refused(decoder: Any) -> None:
    with pytest.raises(ValueError, match="too long"):
        decoder.score("word " * 400, ["a"])


def test_the_page_names_the_inputs_and_outputs_of_the_shipped_file(decoder: Any) -> None:
    page = PAGE.read_text(encoding="utf-8")
    names = [node.name for node in (*decoder.session.get_inputs(), *decoder.session.get_outputs())]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_example_prints_what_is_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["onnx_decoder.py"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "Its capital is Reykjavik." in capsys.readouterr().out
