from pathlib import Path

import pytest

from provence_plugins.training.progress import Progress, RunLog, StepLosses, describe
from provence_plugins.training.settings import OptimizerSettings


@pytest.mark.parametrize(
    ("length", "share"),
    [
        (OptimizerSettings(tokens=4_000), 0.25),
        (OptimizerSettings(epochs=2.0), 0.75),
        (OptimizerSettings(tokens=10), 1.0),
    ],
)
def test_the_share_follows_the_unit_of_the_length(length: OptimizerSettings, share: float) -> None:
    assert Progress(step=5, tokens=1_000, epochs=1.5).share_of(length) == share


def test_a_line_for_people_has_position_losses_speed_and_the_time_left() -> None:
    line = describe(Progress(1_200, 3_000_000, 1.25, 7_200.0), 0.75, StepLosses(0.4321, 0.2))
    assert line == (
        "step 1,200, 75.0% done (3,000,000 tokens, 1.25 epochs): keep loss 0.432, ranking loss 0.200; 417 tokens/s, "
        "about 40 min left"
    )


QUALITY = {"average_precision": 0.5, "reciprocal_rank": 0.6, "ndcg": 0.7}


def note(number: int) -> dict[str, float]:
    return {"tokens": number * 1_000_000, "keep_loss": 1.0, "ranking_loss": 0.5, **QUALITY}


def test_the_picture_shows_the_whole_log(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for number in (1, 2):
        log.append(note(number))
    log.draw()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    picture = (tmp_path / "curves.svg").read_text()
    assert picture.startswith("<?xml")
    assert "million tokens read" in picture


def test_the_picture_is_drawn_after_a_while_and_at_the_end(tmp_path: Path) -> None:
    picture = tmp_path / "curves.svg"
    often = RunLog(tmp_path, seconds_between_pictures=0.0)
    often.append(note(1))
    one = picture.read_bytes()
    often.append(note(2))
    two = picture.read_bytes()
    assert one != two
    seldom = RunLog(tmp_path, seconds_between_pictures=3600.0)
    seldom.append(note(3))
    assert picture.read_bytes() == two
    seldom.draw()
    assert picture.read_bytes() != two


def test_a_picture_that_is_complete_is_not_drawn_again(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.append(note(1))
    log.draw()
    (tmp_path / "curves.svg").unlink()
    log.draw()
    assert not (tmp_path / "curves.svg").exists()
