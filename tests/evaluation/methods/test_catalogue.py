import re
from pathlib import Path

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.options import PrunerOptions
from provence_plugins.errors import CheckpointError, InvalidInputError
from provence_plugins.evaluation.methods.catalogue import METHODS, MethodOptions, open_method, short_names
from provence_plugins.evaluation.methods.method import SplitPassage, split
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.types import Passage

OPTIONS = MethodOptions(PrunerOptions(backend="onnx", dtype="float32"))


@pytest.fixture
def passages() -> list[SplitPassage]:
    texts = ("Paris is old. Cheese is good. The river is long.", "It is so.")
    return list(split([Example("q", "s", "Is cheese good?", Passage(text), (), True) for text in texts], "sentencex"))


@pytest.mark.parametrize("name", ["lead", "random", "bm25", "embeddings", "late-chunking", "model", "sentence-model"])
def test_a_method_scores_every_sentence(
    name: str, passages: list[SplitPassage], encoder_folder: Path, tiny_folder: Path
) -> None:
    folder = {"embeddings": encoder_folder, "late-chunking": encoder_folder}.get(name, tiny_folder)
    spec = name if METHODS[name].folder is None else f"{name}:{folder}"
    scores = open_method(spec, OPTIONS).score(passages)
    assert [len(each.probabilities) for each in scores] == [3, 1]


def test_a_model_brings_its_own_threshold(tiny_checkpoint: Checkpoint) -> None:
    method = open_method(f"model:{tiny_checkpoint.folder}", OPTIONS)
    assert method.threshold == tiny_checkpoint.default_threshold
    assert method.probabilities


def test_an_object_that_is_not_a_pruner_has_no_threshold(tiny_folder: Path) -> None:
    for spec in ("bm25", f"sentence-model:{tiny_folder}"):
        method = open_method(spec, OPTIONS)
        assert method.threshold is None
        assert not method.probabilities


def test_the_seed_reaches_chance(passages: list[SplitPassage]) -> None:
    first, second = (open_method("random", MethodOptions(PrunerOptions(), seed)).score(passages) for seed in (0, 1))
    assert first[0].relevance != second[0].relevance


def test_a_folder_may_lie_inside_a_package(passages: list[SplitPassage]) -> None:
    method = open_method("model:package:provence_plugins/model/bundled", MethodOptions(PrunerOptions()))
    assert len(method.score(passages)) == 2


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("bm52", "Unknown method 'bm52'. The methods are lead, random, bm25"),
        ("bm25:folder", "takes no folder"),
        ("embeddings", "needs the folder of a sentence encoder. Write --method embeddings:FOLDER"),
        ("model:package:no_such_package/model", "'no_such_package', which is not installed"),
        ("open-provence:folder", "trust-remote-code"),
    ],
)
def test_what_cannot_be_opened_is_explained(spec: str, complaint: str) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        open_method(spec, OPTIONS)


def test_a_model_folder_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        open_method(f"model:{tmp_path}", OPTIONS)


def test_names_are_as_short_as_they_can_be() -> None:
    specs = ["bm25", "model", "embeddings:a/b", "model:runs/x"]
    assert short_names(specs) == ["bm25", "model", "embeddings", "model:runs/x"]
    runs = ["model:runs/small/model", "lead", "model:runs/large/v2/model"]
    assert short_names(runs) == ["model:small", "lead", "model:large/v2"]
    assert short_names(["model:runs/a", "model:runs/a/model"]) == ["model", "model:model"]


def test_the_documentation_names_every_method_as_it_is_written() -> None:
    page = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    page = page.split("## Methods")[1].split("\n## ")[0]
    written = re.findall(r"^\| `([a-z][a-z0-9-]*)(\[?:FOLDER\]?)?` \|", page, re.MULTILINE)
    folders = {None: "", True: ":FOLDER", False: "[:FOLDER]"}
    assert written == [(name, folders[row.needs_folder if row.folder else None]) for name, row in METHODS.items()]
