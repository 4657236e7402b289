import math
from pathlib import Path

import pytest

from provence_plugins.errors import BackendError, InvalidInputError
from provence_plugins.evaluation.methods.encoders import encode, load_encoder
from provence_plugins.labelling.pairs import Pair
from provence_plugins.labelling.similarity import SimilarityMixer
from provence_plugins.types import Passage

PAIRS = [
    Pair("where is paris", Passage("Paris is far. The river is long.", "Page")),
    Pair("where is paris", Passage("Cheese is good.")),
]


def test_relevance_is_the_mean_of_the_log_odds_of_teacher_and_cosine(encoder_folder: Path) -> None:
    question, near, far = encode(
        load_encoder(encoder_folder), [PAIRS[0].question, *(pair.passage.text for pair in PAIRS)]
    )
    mixed = SimilarityMixer(encoder_folder, weight=8.0).mix(PAIRS, [0.5, 0.9])
    expected = [(0.0 + 8 * (question @ near - 0.4)) / 2, (math.log(9) + 8 * (question @ far - 0.4)) / 2]
    assert mixed == pytest.approx(expected, abs=1e-4)


def test_without_weight_the_half_of_the_teachers_log_odds_stays(encoder_folder: Path) -> None:
    assert SimilarityMixer(encoder_folder, weight=0.0).mix(PAIRS, [0.5, 0.9]) == [0.0, round(math.log(9) / 2, 5)]


def test_no_pairs_give_no_relevance(encoder_folder: Path) -> None:
    assert SimilarityMixer(encoder_folder, weight=8.0).mix([], []) == []


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="as a sentence encoder"):
        SimilarityMixer(tmp_path / "missing", weight=8.0)


def test_the_encoder_runs_on_the_first_device_of_the_teacher(encoder_folder: Path) -> None:
    mixed = SimilarityMixer(encoder_folder, weight=8.0, device="cpu,cuda:97").mix(PAIRS, [0.5, 0.9])
    assert mixed == SimilarityMixer(encoder_folder, weight=8.0, device="cpu").mix(PAIRS, [0.5, 0.9])
    with pytest.raises(BackendError, match="no device 'cuda:97'"):
        SimilarityMixer(encoder_folder, weight=8.0, device="cuda:97")
