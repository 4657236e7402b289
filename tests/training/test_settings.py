from pathlib import Path

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.training.settings import DataSettings, OptimizerSettings, read_settings

CONFIG = """
base = "encoder"
output = "runs/one"
max_tokens = 256
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
    assert (settings.base, settings.output, settings.max_tokens) == ("encoder", "runs/one", 256)
    assert settings.data == DataSettings(train=["train/*.jsonl"], dev=["dev.jsonl"], crop_sentences=[1, 3])
    assert settings.optimizer == OptimizerSettings(tokens=1000, batch_tokens=512)
    assert settings.card == {"license": "mit"}
    assert settings.seed == 13


@pytest.mark.parametrize(
    ("given", "changed", "message"),
    [
        ('base = "encoder"', "", "base"),
        ("max_tokens = 256", "max_token = 256", "unknown keys max_token. Known keys: .*max_tokens"),
        ("batch_tokens = 512", "batch = 512", r"\[optimizer\]: unknown keys batch"),
        ("batch_tokens = 512", "batch_tokens = 200", "batch_tokens must hold a window of max_tokens=256, got 200"),
        ("batch_tokens = 512", 'autocast = "bf16"', "autocast needs one of .*bfloat16.*'bf16'"),
        ("batch_tokens = 512", "warmup = 1.0", "warmup"),
        ("tokens = 1_000", "tokens = 0", r"\[optimizer\]: tokens"),
        ("batch_tokens = 512", "batch_tokens = 512\nmark_weight = -1", "mark_weight needs a number from 0 up, got -1"),
        ("tokens = 1_000", "", "tokens"),
        ("crop_sentences = [1, 3]", "crop_sentences = [3, 1]", r"\[data\]: crop_sentences .*\[3, 1\]"),
        ("crop_sentences = [1, 3]", "crop_sentences = [0, 1]", "crop_sentences"),
        ("crop_sentences = [1, 3]", "crop_sentences = [2]", "crop_sentences"),
        ("crop_sentences = [1, 3]", "crop_sentences = 3", r"\[data\]"),
        ("crop_sentences = [1, 3]", "negatives = -1", "negatives"),
        ('dev = ["dev.jsonl"]', 'dev = "dev.jsonl"', "dev needs a list of files, got 'dev.jsonl'"),
        ('dev = ["dev.jsonl"]', "", "dev"),
        ("max_tokens = 256", "target_kept = 97", "target_kept"),
        ("max_tokens = 256", "evaluate_every = 0", "evaluate_every"),
        ("max_tokens = 256", "max_tokens = ", "no readable TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, given: str, changed: str, message: str) -> None:
    assert given in CONFIG
    with pytest.raises(InvalidInputError, match=rf"recipe\.toml.*{message}"):
        read_settings(write(tmp_path, CONFIG.replace(given, changed, 1)))


def test_a_table_must_be_a_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"\[data\] must be a table, got 5"):
        read_settings(write(tmp_path, 'base = "b"\noutput = "o"\ndata = 5'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nowhere"):
        read_settings(tmp_path / "nowhere.toml")


def test_the_recipes_of_the_repository_can_be_read() -> None:
    recipes = list((Path(__file__).parents[2] / "recipes").glob("*.toml"))
    assert recipes
    assert all(read_settings(path).output.startswith("runs/") for path in recipes)
