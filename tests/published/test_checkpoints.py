"""How published checkpoints are found out, filled in, refused and exported."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_checkpoints import Published
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from provence_plugins import Passage, Pruner
from provence_plugins.engine.options import open_model
from provence_plugins.engine.planning import Planner
from provence_plugins.errors import CheckpointError, InvalidInputError, UnsafeCheckpointError
from provence_plugins.model.backend import BackendOptions, load_backend
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.families import FAMILIES
from provence_plugins.model.loading import load_network
from provence_plugins.model.saving import save_half_precision
from provence_plugins.model.stock import export_stock
from provence_plugins.tokens.batches import pad_windows

Make = Callable[[str], Published]

FORMATS = {
    "provence": "provence",
    "xprovence": "xprovence",
    "open-xlm-roberta": "open-provence",
    "open-modernbert": "open-provence",
    "open-legacy": "open-provence",
}


@pytest.fixture
def copy(make_published: Make, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(make_published(name).folder, tmp_path / name))


def change(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.update(values)
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


@pytest.mark.parametrize(("name", "expected"), FORMATS.items())
def test_the_layout_is_told_by_the_tensors_whatever_the_configuration_says(
    copy: Callable[[str], Path], name: str, expected: str
) -> None:
    folder = copy(name)
    change(folder, model_type="something_of_its_own", architectures=["Unheard"], auto_map={"AutoModel": "x.Y"})
    assert open_checkpoint(folder).format.name == expected


def test_a_stock_model_without_the_heads_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("provence")
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "token_classifier" not in k}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="without the heads of a context pruner"):
        open_checkpoint(folder)


@pytest.mark.parametrize(("name", "head"), [("provence", "pooler.dense"), ("open-xlm-roberta", "classifier.dense")])
def test_a_missing_ranking_head_is_refused_by_name(copy: Callable[[str], Path], name: str, head: str) -> None:
    folder = copy(name)
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if head not in k}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"no linear layer '{head}'"):
        load_network(open_checkpoint(folder))


def test_missing_encoder_weights_are_refused_and_not_drawn_at_random(copy: Callable[[str], Path]) -> None:
    folder = copy("open-modernbert")
    tensors = load_file(folder / "model.safetensors")
    del tensors["ranking_model.model.layers.1.attn.Wqkv.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 missing: ranking_model\.model\.layers\.1\.attn\.Wqkv\.weight"):
        load_network(open_checkpoint(folder))


def test_tensors_without_use_are_passed_over_and_strangers_are_named(
    copy: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    folder = copy("open-xlm-roberta")
    tensors = load_file(folder / "model.safetensors")
    tensors |= {
        "pruning_head.pooling_weights.weight": torch.zeros(2),
        "ranking_model.roberta.embeddings.position_ids": torch.zeros(1, 4, dtype=torch.long),
        "ranking_model.lm_head.bias": torch.zeros(2),
    }
    save_file(tensors, folder / "model.safetensors")
    with caplog.at_level(logging.WARNING):
        load_network(open_checkpoint(folder))
    assert [record.message.partition(": ")[2] for record in caplog.records] == ["ranking_model.lm_head.bias"]


def test_weights_in_several_files_are_read_by_their_index(copy: Callable[[str], Path]) -> None:
    folder = copy("provence")
    expected = load_network(open_checkpoint(folder)).state_dict()
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    files = {name: f"model-0000{1 + number % 2}-of-00002.safetensors" for number, name in enumerate(names)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in names if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    found = load_network(open_checkpoint(folder)).state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_pickled_weights_alone_are_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("xprovence")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeCheckpointError, match=r"pytorch_model\.bin"):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    ("values", "threshold"),
    [({}, 0.1), ({"default_threadshold": 0.3}, 0.3), ({"default_threshold": 0.4}, 0.4),
     ({"default_threadshold": 0.3, "default_threshold": 0.4}, 0.3)],
)  # fmt: skip
def test_the_threshold_has_two_spellings(
    copy: Callable[[str], Path], values: dict[str, float], threshold: float
) -> None:
    folder = copy("open-bert")
    change(folder, **values)
    assert open_checkpoint(folder).default_threshold == threshold


@pytest.mark.parametrize("name", ["provence", "xprovence", "open-bert"])
def test_the_authors_cautious_and_strong_thresholds_have_names(copy: Callable[[str], Path], name: str) -> None:
    assert open_checkpoint(copy(name)).thresholds.named == {"careful": 0.1, "short": 0.5}


def test_a_threshold_that_is_not_a_number_is_refused(copy: Callable[[str], Path]) -> None:
    folder = copy("open-bert")
    change(folder, default_threadshold="low")
    with pytest.raises(CheckpointError, match="default_threadshold='low'"):
        open_checkpoint(folder)


def test_a_configuration_without_its_encoder_is_refused_and_nothing_is_fetched(copy: Callable[[str], Path]) -> None:
    folder = copy("open-bert")
    change(folder, base_model_config=..., base_model_name_or_path="some/encoder")
    with pytest.raises(CheckpointError, match="Put the configuration of 'some/encoder' into it"):
        open_checkpoint(folder)


@pytest.mark.parametrize(("licence", "warned"), [("cc-by-nc-4.0", True), ('"cc-by-nc-nd-4.0"', True), ("mit", False)])
def test_a_non_commercial_licence_is_logged_once(
    copy: Callable[[str], Path], caplog: pytest.LogCaptureFixture, licence: str, warned: bool
) -> None:
    folder = copy("provence")
    (folder / "README.md").write_text(f"---\nlanguage: en\nlicense: {licence}\ntags:\n- x\n---\n# A model\n")
    with caplog.at_level(logging.WARNING):
        open_checkpoint(folder)
        open_checkpoint(folder)
    assert len(caplog.records) == warned
    assert not warned or "restricts commercial use" in caplog.text


def test_a_longer_window_can_be_asked_for_up_to_what_the_encoder_reads(make_published: Make) -> None:
    folder = make_published("open-bert").folder
    text = "The city is old. " * 40
    [[few], [many]] = [
        Planner.of(open_model(folder, None, tokens)).plan("Where?", [Passage(text)]) for tokens in (400, None)
    ]
    assert len(few.windows) < len(many.windows)
    assert max(len(window.ids) for window in few.windows) <= 400
    with pytest.raises(InvalidInputError, match="between 1 and 512"):
        Pruner(folder, window_tokens=513)


@pytest.mark.parametrize(
    # The fixture tiny_folder is the export of a BERT, and the mean of tokens is that of another model of this layout.
    "name",
    ["provence", "xprovence", "open-modernbert-mean", pytest.param("open-bert", marks=pytest.mark.slow)],
)
def test_an_onnx_file_answers_as_torch_does(make_exported: Callable[[str], Path], name: str) -> None:
    folder = make_exported(name)
    texts = ["Paris is the capital of France. The river is old.", "One sentence."]
    results = [Pruner(folder, backend=backend).prune("Where is it?", texts) for backend in ("onnx", "torch")]
    for left, right in zip(*[[*result.passages, *result.dropped] for result in results], strict=True):
        assert left.relevance == pytest.approx(right.relevance, abs=1e-4)
        assert [s.probability for s in left.sentences] == pytest.approx(
            [s.probability for s in right.sentences], abs=1e-5
        )


def test_a_compact_copy_of_a_published_model_is_complete(copy: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copy("xprovence")
    (folder / "modeling_custom.py").write_text("raise SystemExit")
    save_half_precision(load_network(open_checkpoint(folder)), folder, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {path.name for path in folder.iterdir()} - {
        "modeling_custom.py"
    }
    assert open_checkpoint(tmp_path / "copy").format.name == "xprovence"


class TestStock:
    """Stock classes of Transformers load what `export_stock` writes, and give the same numbers."""

    @pytest.mark.parametrize("name", ["provence", "xprovence", "open-xlm-roberta", "open-modernbert", "open-bert"])
    def test_the_ranking_head(self, make_published: Make, tmp_path: Path, name: str) -> None:
        checkpoint, inputs, scores = scored(make_published(name).folder)
        folder = export_stock(load_network(checkpoint), checkpoint, tmp_path / "stock", "sequence-classification")
        stock = AutoModelForSequenceClassification.from_pretrained(folder)
        with torch.no_grad():
            logits = stock(**inputs).logits[:, 0]
        found = logits if checkpoint.format.scoring.relevance == "logit" else logits.sigmoid()
        np.testing.assert_allclose(found.numpy(), scores.relevance, atol=1e-5)

    @pytest.mark.parametrize("name", ["provence", "xprovence", "open-deberta", "open-bert"])
    def test_the_keep_head(self, make_published: Make, tmp_path: Path, name: str) -> None:
        checkpoint, inputs, scores = scored(make_published(name).folder)
        folder = export_stock(load_network(checkpoint), checkpoint, tmp_path / "stock", "token-classification")
        stock = AutoModelForTokenClassification.from_pretrained(folder)
        with torch.no_grad():
            keep = stock(**inputs).logits.softmax(-1)[..., stock.config.label2id["keep"]]
        np.testing.assert_allclose(keep.numpy(), scores.keep, atol=1e-5)

    def test_a_cross_encoder_reranks_with_it(self, make_published: Make, tmp_path: Path) -> None:
        from sentence_transformers import CrossEncoder

        checkpoint = open_checkpoint(make_published("open-xlm-roberta").folder)
        folder = export_stock(load_network(checkpoint), checkpoint, tmp_path / "stock", "sequence-classification")
        # One sentence: the published code encodes sentence by sentence, a cross-encoder the whole text.
        texts = ["Paris is the capital", "The river is old", "cheese"]
        found = CrossEncoder(str(folder), device="cpu").predict([("Where is Paris?", text) for text in texts])
        ranked = Pruner(checkpoint.folder).rerank("Where is Paris?", texts)
        assert [row.index for row in ranked] == np.argsort(-found).tolist()

    def test_what_stock_classes_cannot_express_is_refused(
        self, make_published: Make, tmp_path: Path, tiny_folder: Path
    ) -> None:
        checkpoint = open_checkpoint(make_published("open-modernbert").folder)
        with pytest.raises(InvalidInputError, match="layers of its own"):
            export_stock(load_network(checkpoint), checkpoint, tmp_path / "stock", "token-classification")
        native = open_checkpoint(tiny_folder)
        with pytest.raises(InvalidInputError, match="compare each token with the question"):
            export_stock(load_network(native), native, tmp_path / "stock", "token-classification")
        with pytest.raises(InvalidInputError, match="another folder"):
            export_stock(load_network(checkpoint), checkpoint, checkpoint.folder, "sequence-classification")
        assert not (tmp_path / "stock").exists()


def scored(folder: Path) -> tuple[Any, dict[str, torch.Tensor], Any]:
    """A checkpoint, a batch of one window without padding as stock classes take it, and our scores of it."""
    checkpoint = open_checkpoint(folder)
    [plan] = Planner.of(checkpoint).plan(
        "Where is Paris?", [Passage("Paris is the capital of France. The river is old.")]
    )
    batch = pad_windows(plan.windows, pad_id=0)
    inputs = {"input_ids": torch.tensor(batch.ids), "attention_mask": torch.tensor(batch.mask)}
    if FAMILIES[checkpoint.backbone_config["model_type"]].takes_type_ids:
        inputs["token_type_ids"] = torch.tensor(batch.type_ids)
    return checkpoint, inputs, load_backend(checkpoint, "torch", BackendOptions(device="cpu")).forward(batch)
