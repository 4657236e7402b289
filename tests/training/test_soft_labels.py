import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from tokenizers import Tokenizer

from provence_plugins.tokens.windows import Window
from provence_plugins.training.losses import make_targets
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.settings import SoftLabelSettings
from provence_plugins.training.soft_labels import SoftLabels

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel

SETTINGS = SoftLabelSettings(encoder="", confidence=2.0, weight=4.0, neutral=0.3)
QUESTION = "what is the capital"


@pytest.fixture
def encoder_folder(tiny_network: "ProvenceModel", tokenizer: Tokenizer, tmp_path: Path) -> Path:
    tiny_network.backbone.save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


@pytest.fixture
def soft_labels(encoder_folder: Path) -> SoftLabels:
    return SoftLabels(encoder_folder, SETTINGS, torch.device("cpu"), autocast=False)


def item(*texts: str, keep: tuple[bool, ...] | None, teacher: float | None = None) -> LabelledWindow:
    parts = tuple((number, number + 2, number + 3) for number in range(len(texts)))
    window = Window([1] * (len(texts) + 3), 2, 0, 1, parts)
    return LabelledWindow(window, QUESTION, texts, keep, keep is None or any(keep), teacher)


def cosine(network: "ProvenceModel", tokenizer: Tokenizer, text: str) -> float:
    """One text at a time, without padding."""

    def vector(text: str) -> torch.Tensor:
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            output = network.backbone(input_ids=ids, attention_mask=torch.ones_like(ids))
        mean: torch.Tensor = output.last_hidden_state[0].mean(0)
        return mean

    return float(torch.cosine_similarity(vector(QUESTION), vector(text), dim=0))


def mixed(label: bool, similarity: float) -> float:
    return 1 / (1 + math.exp(-((2.0 if label else -2.0) + 4.0 * (similarity - 0.3))))


def test_labels_and_cosines_are_added_up_as_log_odds(
    soft_labels: SoftLabels, tiny_network: "ProvenceModel", tokenizer: Tokenizer
) -> None:
    items = [item("the capital of france", "cheese", keep=(True, False)), item("the river is long", keep=None)]
    softened = soft_labels.soften(items, make_targets(items))
    first, second, third = (cosine(tiny_network, tokenizer, text) for one in items for text in one.sentences)
    assert softened.keep.tolist() == pytest.approx([mixed(True, first), mixed(False, second)], abs=2e-3)
    assert softened.relevance.tolist() == pytest.approx([mixed(True, max(first, second)), mixed(True, third)], abs=2e-3)


def test_the_raw_score_of_a_teacher_stays_as_it_is(soft_labels: SoftLabels) -> None:
    items = [item("cheese", keep=(False,), teacher=-2.5), item("cheese", keep=(False,))]
    softened = soft_labels.soften(items, make_targets(items))
    assert softened.relevance[0] == -2.5
    assert 0 < softened.relevance[1] < 1


def test_the_raw_score_of_a_teacher_is_mixed_with_the_similarity_where_asked_for(
    encoder_folder: Path, tiny_network: "ProvenceModel", tokenizer: Tokenizer
) -> None:
    settings = replace(SETTINGS, similarity_share=0.25, answers_only=True)
    mixing = SoftLabels(encoder_folder, settings, torch.device("cpu"), autocast=False)
    items = [item("cheese", keep=(False,), teacher=-2.5), item("cheese", keep=(False,))]
    softened = mixing.soften(items, make_targets(items))
    similarity = 4.0 * (cosine(tiny_network, tokenizer, "cheese") - 0.3)
    assert softened.relevance.tolist() == pytest.approx([0.75 * -2.5 + 0.25 * similarity, 0.0], abs=2e-3)


def test_relevance_may_take_the_cosine_of_the_whole_passage(
    encoder_folder: Path, tiny_network: "ProvenceModel", tokenizer: Tokenizer
) -> None:
    settings = replace(SETTINGS, passage_weight=6.0, answers_only=True)
    soft_labels = SoftLabels(encoder_folder, settings, torch.device("cpu"), autocast=False)
    answering = item("the capital of france", "cheese", keep=(True, False))
    other = item("the river", "is long", keep=(False, False))
    scored = item("cheese", keep=(False,), teacher=-2.5)
    softened = soft_labels.soften([answering, other, scored], make_targets([answering, other, scored]))
    expected = [
        1 / (1 + math.exp(-(sign * 2.0 + 6.0 * (cosine(tiny_network, tokenizer, text) - 0.3))))
        for sign, text in ((1, "the capital of france cheese"), (-1, "the river is long"))
    ]
    assert softened.relevance.tolist() == pytest.approx([*expected, -2.5], abs=2e-3)
    assert softened.keep[2:].tolist() == [0.0, 0.0, 0.0]


def test_hard_labels_stay_what_they_were(soft_labels: SoftLabels) -> None:
    items = [item("cheese", "the river", keep=(True, False))]
    targets = make_targets(items)
    soft_labels.soften(items, targets)
    assert targets.keep.tolist() == [1.0, 0.0]


def test_neither_the_batch_nor_what_came_before_changes_a_label(soft_labels: SoftLabels, encoder_folder: Path) -> None:
    long = item(*["the capital of france is the city of paris and the river"] * 3, keep=(True, False, False))
    short = item("cheese", keep=(False,))
    together = soft_labels.soften([long, short], make_targets([long, short])).keep[-1]
    again = soft_labels.soften([short], make_targets([short])).keep[-1]
    fresh = SoftLabels(encoder_folder, SETTINGS, torch.device("cpu"), autocast=False)
    alone = fresh.soften([short], make_targets([short])).keep[-1]
    assert together == again
    assert together.item() == pytest.approx(alone.item(), abs=2e-3)


def test_without_weight_the_encoder_has_no_say(encoder_folder: Path) -> None:
    soft_labels = SoftLabels(encoder_folder, replace(SETTINGS, weight=0.0), torch.device("cpu"), autocast=False)
    items = [item("cheese", "the river", keep=(True, False))]
    softened = soft_labels.soften(items, make_targets(items))
    assert softened.keep.tolist() == pytest.approx([mixed(True, 0.3), mixed(False, 0.3)], abs=1e-5)


def test_windows_without_an_answer_may_keep_their_hard_labels(encoder_folder: Path) -> None:
    settings = replace(SETTINGS, answers_only=True)
    soft_labels = SoftLabels(encoder_folder, settings, torch.device("cpu"), autocast=False)
    items = [item("cheese", "the river", keep=(True, False)), item("the city", "france", keep=(False, False))]
    softened = soft_labels.soften(items, make_targets(items))
    assert 0 < softened.keep[1] < softened.keep[0] < 1
    assert softened.keep[2:].tolist() == [0.0, 0.0]
    assert 0 < softened.relevance[0] < 1
    assert softened.relevance[1] == 0.0
