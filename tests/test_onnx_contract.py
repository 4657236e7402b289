"""The reference decoder of the ONNX contract, which does not use this package, agrees with the engine."""

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provence_plugins import Passage, Pruner, PruningPolicy, Sentence
from provence_plugins.engine.pooling import compare_passages
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
def functions() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE), run_name="onnx_decoder")


@pytest.fixture(scope="module")
def decoder_type(functions: dict[str, Any]) -> Any:
    return functions["Decoder"]


@pytest.fixture(scope="module")
def decoder(decoder_type: Any) -> Any:
    return decoder_type(BUNDLED)


@pytest.fixture(scope="module")
def pruner() -> Any:
    with Pruner() as opened:
        yield opened


@pytest.fixture(scope="module")
def tiny_decoder(decoder_type: Any, tiny_folder: Path) -> Any:
    return decoder_type(tiny_folder)


@pytest.fixture(scope="module")
def tiny_pruner(tiny_folder: Path) -> Any:
    with Pruner(tiny_folder, dtype="int8") as opened:
        yield opened


def tile(units: Sequence[str]) -> list[Sentence]:
    sentences, end = [], 0
    for unit in units:
        sentences.append(Sentence(end, end + len(unit)))
        end += len(unit)
    return sentences


def check_scores(name: str, title: str, decoder: Any, pruner: Pruner) -> None:
    units = PASSAGES[name]
    passage = Passage("".join(units), title or None, sentences=tile(units))
    result = pruner.prune(QUERY, [passage], PruningPolicy(threshold=0))
    [expected] = (*result.passages, *result.dropped)
    scores = decoder.score(QUERY, units, title)
    assert scores.relevance == pytest.approx(expected.relevance, abs=1e-6)
    assert scores.probabilities == pytest.approx([each.probability for each in expected.sentences], abs=1e-6)


with_titles = pytest.mark.parametrize(
    "title", ["", " Iceland ", "a title of many words " * 60], ids=["none", "short", "long"]
)


@with_titles
@pytest.mark.parametrize("name", PASSAGES)
def test_the_reference_decoder_gives_the_scores_of_the_engine(
    name: str, title: str, tiny_decoder: Any, tiny_pruner: Pruner
) -> None:
    check_scores(name, title, tiny_decoder, tiny_pruner)


@pytest.mark.parametrize(("name", "title"), [("short", ""), ("several windows", " Iceland ")])
def test_the_shipped_model_is_decoded_alike(name: str, title: str, decoder: Any, pruner: Pruner) -> None:
    check_scores(name, title, decoder, pruner)


@pytest.mark.slow
@with_titles
@pytest.mark.parametrize("name", PASSAGES)
def test_the_shipped_model_is_decoded_alike_whatever_the_passage(
    name: str, title: str, decoder: Any, pruner: Pruner
) -> None:
    check_scores(name, title, decoder, pruner)


@pytest.mark.parametrize("weight", [0.0, 0.25, 2.0])
def test_the_reference_decoder_compares_passages_as_the_engine(weight: float, functions: dict[str, Any]) -> None:
    passages = [[0.9, 0.02, 1e-9], [0.4, 0.03, 0.0], [0.01], []]
    relevances = [0.2, 0.97, 0.01, 0.0]
    expected = compare_passages([np.array(each) for each in passages], relevances, weight)
    found = functions["compare_passages"](passages, relevances, weight)
    assert [len(each) for each in found] == [len(each) for each in passages]
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other.tolist(), abs=1e-12)


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
