"""Tokenizers that would end or block the process are refused before the library that runs them sees them."""

import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import CheckpointError
from provence_plugins.model.checkpoint import BUNDLED, open_checkpoint
from provence_plugins.model.tokenizer_file import read_tokenizer, special_names

Edit = Callable[..., Path]


@pytest.fixture
def edit(tokenizer_folder: Path, tmp_path: Path) -> Edit:
    def change(**fields: Any) -> Path:
        folder = Path(shutil.copytree(tokenizer_folder, tmp_path / "model"))
        values = json.loads((folder / "tokenizer.json").read_text())
        values["model"] |= fields.pop("model", {})
        (folder / "tokenizer.json").write_text(json.dumps(values | fields))
        return folder

    return change


def nested(kind: str, inner: dict[str, Any], depth: int) -> dict[str, Any]:
    for _ in range(depth):
        inner = {"type": "Sequence", kind: [inner]}
    return inner


@pytest.mark.parametrize("depth", [20, 300])
@pytest.mark.parametrize(
    ("part", "kind", "inner"),
    [
        ("normalizer", "normalizers", {"type": "Lowercase"}),
        ("pre_tokenizer", "pretokenizers", {"type": "Whitespace"}),
        ("decoder", "decoders", {"type": "Fuse"}),
        ("post_processor", "processors", {"type": "ByteLevel"}),
    ],
)
def test_steps_nested_deep_are_refused(edit: Edit, part: str, kind: str, inner: dict[str, Any], depth: int) -> None:
    with pytest.raises(CheckpointError, match="nests its steps"):
        read_tokenizer(edit(**{part: nested(kind, inner, depth)}))


def test_steps_without_end_are_refused(edit: Edit) -> None:
    steps = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}] * 2000}
    with pytest.raises(CheckpointError, match="more than 2000 values"):
        read_tokenizer(edit(normalizer=steps))


def charsmap(replacement: str) -> str:
    """SentencePiece's table with an empty trie and one replacement."""
    return b64encode((4).to_bytes(4, "little") + bytes(4) + replacement.encode() + b"\0").decode()


@pytest.mark.parametrize(
    "steps",
    [
        [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}] * 30,
        [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}],
        [{"type": "Replace", "pattern": {"Regex": "(?=.)"}, "content": "x"}] * 30,
        [{"type": "Replace", "pattern": {"String": ""}, "content": "x"}] * 30,
        [{"type": "Prepend", "prepend": "x" * 1000}],
        [{"type": "Precompiled", "precompiled_charsmap": charsmap("x" * 1000)}],
    ],
    ids=["doubling", "long", "inserting", "empty pattern", "prepending", "table"],
)
def test_steps_that_make_a_text_far_longer_are_refused(edit: Edit, steps: list[dict[str, Any]]) -> None:
    with pytest.raises(CheckpointError, match="times longer"):
        read_tokenizer(edit(normalizer={"type": "Sequence", "normalizers": steps}))


@pytest.mark.parametrize("longest", [10**18, 1001, "100", 1e30])
def test_words_without_a_bound_are_refused(edit: Edit, longest: object) -> None:
    with pytest.raises(CheckpointError, match="max_input_chars_per_word"):
        read_tokenizer(edit(model={"max_input_chars_per_word": longest}))


def test_padding_to_a_huge_length_is_not_carried_out(edit: Edit) -> None:
    padding = {"strategy": {"Fixed": 10**12}, "direction": "Right", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    assert read_tokenizer(edit(padding=padding)).encode("paris").ids


def test_a_tokenizer_that_fails_on_an_unknown_letter_is_refused(edit: Edit) -> None:
    with pytest.raises(CheckpointError, match="not a readable tokenizer"):
        read_tokenizer(edit(model={"unk_token": "[NOPE]"}))


def test_the_shipped_tokenizer_is_read() -> None:
    assert read_tokenizer(BUNDLED).encode("Paris").ids


def test_special_tokens_are_read_from_both_files_and_odd_values_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"cls_token": "<s>", "sep_token": {"content": "</s>"}, "pad_token": 5, "unk_token": None, "x": "y"})
    )
    (tmp_path / "special_tokens_map.json").write_text(
        json.dumps({"cls_token": "[CLS]", "mask_token": {"content": ["m"]}})
    )
    assert special_names(tmp_path) == {"cls_token": "[CLS]", "sep_token": "</s>"}


def test_a_folder_with_such_a_tokenizer_does_not_open(tiny_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "folder"))
    values = json.loads((folder / "tokenizer.json").read_text())
    values["normalizer"] = nested("normalizers", {"type": "Lowercase"}, 50)
    (folder / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="nests its steps"):
        open_checkpoint(folder)
