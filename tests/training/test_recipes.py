from pathlib import Path

import pytest

from provence_plugins.data.json_lines import read_json_lines
from provence_plugins.errors import InvalidInputError
from provence_plugins.training.recipes import read_settings
from provence_plugins.training.settings import DataSettings, OptimizerSettings

CONFIG = """
base = "encoder"
output = "runs/one"
window_tokens = 256
card = { license = "mit" }

[data]
train = ["train/*.jsonl"]
dev = ["dev.jsonl"]
crop_sentences = [1, 3]

[optimizer]
tokens = 1_000
batch_tokens = 512
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_configuration_is_read_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, CONFIG))
    assert (settings.base, settings.output, settings.window_tokens) == ("encoder", "runs/one", 256)
    assert settings.data == DataSettings(train=["train/*.jsonl"], dev=["dev.jsonl"], crop_sentences=[1, 3])
    assert settings.optimizer == OptimizerSettings(tokens=1000, batch_tokens=512)
    assert settings.card == {"license": "mit"}
    assert settings.seed == 13


@pytest.mark.parametrize(
    ("given", "changed", "message"),
    [
        ('base = "encoder"', "", "base"),
        ("window_tokens = 256", "window_token = 256", "unknown keys window_token. Did you mean window_tokens"),
        ("batch_tokens = 512", "batch = 512", r"\[optimizer\]: unknown keys batch"),
        ("batch_tokens = 512", "batch_tokens = 200", "batch_tokens must be at least window_tokens=256; got 200"),
        ("tokens = 1_000", "tokens = 0", r"\[optimizer\]: tokens"),
        ("crop_sentences = [1, 3]", "crop_sentences = [3, 1]", r"\[data\]: crop_sentences .*\[3, 1\]"),
        ("crop_sentences = [1, 3]", "crop_sentences = 3", r"\[data\]"),
        ('dev = ["dev.jsonl"]', "", "dev"),
        ("window_tokens = 256", "target_recall = 97", "target_recall"),
        ("window_tokens = 256", "window_tokens = ", "not valid TOML"),
        ("window_tokens = 256", f"window_tokens = {'[' * 5000}{']' * 5000}", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, given: str, changed: str, message: str) -> None:
    assert given in CONFIG
    with pytest.raises(InvalidInputError, match=rf"recipe\.toml.*{message}"):
        read_settings(write(tmp_path, CONFIG.replace(given, changed, 1)))


def test_a_table_must_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"\[data\] must be a table; got 5"):
        read_settings(write(tmp_path, 'base = "b"\noutput = "o"\ndata = 5'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nowhere"):
        read_settings(tmp_path / "nowhere.toml")


def test_the_recipes_of_the_repository_can_be_read() -> None:
    recipes = list((Path(__file__).parents[2] / "recipes").rglob("*.toml"))
    assert recipes
    assert all(read_settings(path).output.startswith("runs/") for path in recipes)


def test_a_recipe_takes_from_another_what_it_does_not_say(tmp_path: Path) -> None:
    write(tmp_path, CONFIG)
    inner = tmp_path / "variants"
    inner.mkdir()
    (inner / "long.toml").write_text('extends = "../recipe.toml"\n[optimizer]\ntokens = 9_000\n')
    last = inner / "last.toml"
    last.write_text('extends = "long.toml"\noutput = "runs/last"\n[data]\ncrop_sentences = [2, 2]\n')
    settings = read_settings(last)
    assert (settings.base, settings.output) == ("encoder", "runs/last")
    assert settings.optimizer == OptimizerSettings(tokens=9000, batch_tokens=512)
    assert settings.data == DataSettings(train=["train/*.jsonl"], dev=["dev.jsonl"], crop_sentences=[2, 2])
    assert settings.card == {"license": "mit"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "nowhere.toml"', r"nowhere\.toml cannot be read"),
        (r'extends = "\u0000"', "recipe.toml: extends must be the path of another recipe"),
        ('extends = "circle.toml"', "circle.toml"),
        ("extends = 3", "recipe.toml: extends must be the path of another recipe; got 3"),
        ('extends = "recipe.toml"', "which extends it in turn"),
        ('extends = "other.toml"', "which extends it in turn"),
        ('extends = "whole.toml"\n[optimizer]\nbatch = 1', r"recipe\.toml \[optimizer\]: unknown keys batch"),
        ('extends = "whole.toml"\ndata = 5', r"\[data\] must be a table; got 5"),
    ],
)
def test_a_recipe_that_cannot_extend_another_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "whole.toml").write_text(CONFIG)
    (tmp_path / "circle.toml").symlink_to(tmp_path / "circle.toml")
    (tmp_path / "other.toml").write_text('extends = "recipe.toml"')
    with pytest.raises(InvalidInputError, match=message):
        read_settings(write(tmp_path, text))


def test_former_names_of_keys_are_read_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, CONFIG.replace("window_tokens", "max_tokens").replace("card =", "target_kept = 0.9\ncard ="))
    with pytest.warns(DeprecationWarning, match="target_kept is now called target_recall|max_tokens is now called"):
        settings = read_settings(path)
    assert (settings.window_tokens, settings.target_recall) == (256, 0.9)


def test_labels_that_a_recipe_names_lie_in_the_repository_and_have_no_texts() -> None:
    root = Path(__file__).parents[2]
    every = {name for path in (root / "recipes").rglob("*.toml") for name in read_settings(path).data.labels}
    # What lies in runs/ is made on the way, like the bases.
    named = {name for name in every if not name.startswith("runs/")}
    assert named == {f"recipes/labels/{path.name}" for path in (root / "recipes" / "labels").glob("*.gz")}
    for name in named:
        lines = list(read_json_lines(root / name, lambda record, number: record, expected="labels"))
        assert lines
        for line in lines:
            assert {"id", "silver"} <= line.keys() <= {"id", "passage_id", "silver", "teacher_score"}
