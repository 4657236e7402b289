import logging
from pathlib import Path

import pytest

from provence_plugins.errors import CheckpointError
from provence_plugins.model.licence import read_licence, warn_of_licence


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\nlanguage: en\nlicense:   'cc-by-nc-4.0'\ntags:\n- x\n---\n# Model\n", "cc-by-nc-4.0"),
        ('---\r\nlicense: "mit"\r\n---\r\n', "mit"),
        ("--- \nlicense: mit", "mit"),
        ("---\n---\nlicense: mit\n", None),
        ("license: mit\n", None),
        ("# Model\n---\nlicense: mit\n---\n", None),
        ("---\nlicense:\n---\n", None),
        ("---\nlicense_name: mit\n---\n", None),
        ("", None),
    ],
)
def test_the_licence_is_read_from_the_metadata_alone(tmp_path: Path, card: str, licence: str | None) -> None:
    (tmp_path / "README.md").write_bytes(card.encode())
    assert read_licence(tmp_path) == licence


@pytest.mark.parametrize(
    "card",
    ["---" + "\n" * 40_000, "---\n" + "x" * 10_000_000, "---\n" + "license" * 1_000_000, "---" + " " * 5_000_000],
    ids=["lines", "one line", "repeated", "blanks"],
)
def test_of_a_long_card_only_the_beginning_is_read(tmp_path: Path, card: str) -> None:
    (tmp_path / "README.md").write_text(card)
    assert read_licence(tmp_path) is None


def test_a_licence_with_control_characters_is_logged_as_visible_text(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-\x1b[31m\x07\x9b4.0\n---\n")
    with caplog.at_level(logging.WARNING):
        warn_of_licence(tmp_path, "a\nb\x1b")
    [record] = caplog.records
    assert record.message.isprintable()


def test_a_folder_in_the_place_of_a_card_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "README.md").mkdir()
    assert read_licence(tmp_path) is None


def test_a_card_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_text("---\nlicense: mit\n---\n")
    (folder / "README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(CheckpointError, match="outside"):
        read_licence(folder)
