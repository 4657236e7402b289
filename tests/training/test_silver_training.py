"""A student that is trained on a teacher's silver labels comes nearer to that teacher."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

import pytest
import torch

from provence_plugins.cli.bulk_lines import group_lines
from provence_plugins.cli.label_lines import label_with_pruner
from provence_plugins.data.examples import read_examples
from provence_plugins.data.silver import SilverSpan
from provence_plugins.engine.pruner import Pruner
from provence_plugins.errors import DataError
from provence_plugins.evaluation.methods.method import split
from provence_plugins.evaluation.methods.model import model_method
from provence_plugins.model.saving import save_folder
from provence_plugins.model.torch_backend import TorchBackend
from provence_plugins.training.loop import TrainingRun
from provence_plugins.training.settings import DataSettings, OptimizerSettings, TrainSettings
from provence_plugins.types import Span

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel

SUBJECTS = ("paris", "france", "the city", "the capital", "the river", "the cheese")
REST = ("is old", "is in france", "is big", "is far", "is good", "of what is it")


def pairs(size: int, random: Random) -> list[bytes]:
    found = []
    for _ in range(size):
        passage = " ".join(f"{random.choice(SUBJECTS)} {random.choice(REST)}.".capitalize() for _ in range(3))
        found.append(json.dumps({"question": f"where is {random.choice(SUBJECTS)}", "passage": passage}).encode())
    return found


@pytest.fixture
def run(tmp_path: Path, tiny_network: "ProvenceModel", tokenizer_folder: Path) -> TrainingRun:
    """A run from the teacher's encoder with fresh heads, on nothing but pairs that the teacher has labelled."""
    base, teacher = tmp_path / "base", tmp_path / "teacher"
    tiny_network.backbone.save_pretrained(base)
    shutil.copy(tokenizer_folder / "tokenizer.json", base)
    # The teacher keeps what differs from the question; fresh heads begin with the opposite.
    tiny_network.keep_head.similarity.data = torch.tensor([-8.0, 3.0])
    save_folder(tiny_network, teacher, tokenizer_from=tokenizer_folder)
    random = Random(11)
    with Pruner(teacher, backend="torch") as pruner:
        for name, size in (("train", 120), ("unseen", 20)):
            labelled = label_with_pruner(pruner)(group_lines(pairs(size, random)))
            (tmp_path / f"{name}.jsonl").write_text("".join(line.to_json() for line in labelled), encoding="utf-8")
    people = {"question": "where is paris", "passage": "Paris is far. It is old.", "is_positive": True}
    (tmp_path / "dev.jsonl").write_text(json.dumps({**people, "answer_spans": [[0, 5]]}), encoding="utf-8")
    files = {name: [str(tmp_path / f"{name}.jsonl")] for name in ("train", "dev")}
    return TrainingRun(
        TrainSettings(
            base=str(base),
            output=str(tmp_path / "run"),
            data=DataSettings(**files, title_share=0.0),
            optimizer=OptimizerSettings(
                tokens=12_000, batch_tokens=256, learning_rate=2e-3, head_learning_rate=5e-3, autocast="float32"
            ),
            window_tokens=60,
            evaluate_every=10_000,
            threads=1,
        )
    )


def distance(run: TrainingRun, unseen: Path) -> float:
    """Mean distance between student and teacher over the sentences of pairs that the student has not seen."""
    examples = list(read_examples(unseen))
    run.network.train(False)
    scores = model_method(run.planner, TorchBackend(run.network))(list(split(examples, run.settings.splitter)))
    distances = []
    for example, score in zip(examples, scores, strict=True):
        given = [silver.probability for silver in example.silver]
        distances += [abs(a - b) for a, b in zip(score.probabilities.tolist(), given, strict=True)]
    return fmean(distances)


@pytest.mark.slow  # trains until it can be seen
def test_a_student_comes_nearer_to_its_teacher(run: TrainingRun, tmp_path: Path) -> None:
    before = distance(run, tmp_path / "unseen.jsonl")
    run.fit(show_progress=False)
    assert distance(run, tmp_path / "unseen.jsonl") < 0.6 * before


def test_only_pairs_with_labels_are_trained_on_where_labels_are_files_of_their_own(
    run: TrainingRun, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.jsonl"
    lines = [{"id": f"train.jsonl:{number}", "silver": [[0, 3, 0.25]], "teacher_score": 1.5} for number in (2, 5)]
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = replace(run.settings, output=str(tmp_path / "other"))
    chosen = TrainingRun(replace(settings, data=replace(settings.data, labels=[str(labels)]))).train_examples
    whole = {example.id: example for example in run.train_examples}
    assert [example.id for example in chosen] == ["train.jsonl:2", "train.jsonl:5"]
    assert [example.passage for example in chosen] == [whole[example.id].passage for example in chosen]
    assert all(example.silver == (SilverSpan(Span(0, 3), 0.25),) and example.teacher == 1.5 for example in chosen)


def test_files_of_labels_that_hold_none_are_refused(run: TrainingRun, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(json.dumps({"line": 1, "error": "the passage is blank"}) + "\n", encoding="utf-8")
    settings = replace(run.settings, output=str(tmp_path / "other"))
    with pytest.raises(DataError, match=r"There are no labels in .*labels\.jsonl\. Name files that"):
        TrainingRun(replace(settings, data=replace(settings.data, labels=[str(labels)])))
