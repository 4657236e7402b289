import shutil
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import (
    CheckpointError,
    CheckpointNotFoundError,
    InvalidInputError,
    UnsafeCheckpointError,
)
from provence_plugins.model.checkpoint import open_checkpoint


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def remove_weights(folder: Path) -> None:
    for path in (*folder.glob("*.safetensors"), *folder.glob("*.onnx")):
        path.unlink()


def test_a_folder_is_opened_with_its_facts(tiny_folder: Path) -> None:
    checkpoint = open_checkpoint(tiny_folder)
    assert (checkpoint.folder, checkpoint.name) == (tiny_folder, str(tiny_folder))
    assert (checkpoint.max_tokens, checkpoint.default_threshold, checkpoint.splitter) == (64, 0.1, "sentencex")
    assert checkpoint.format.name == "native"
    assert set(checkpoint.onnx_files) == {"int8", "float32"}
    assert {tensor.path.name for tensor in checkpoint.tensors.values()} == {"model.safetensors"}


def test_a_folder_may_be_given_as_a_string_or_a_path(tiny_folder: Path) -> None:
    assert open_checkpoint(str(tiny_folder)).folder == open_checkpoint(tiny_folder).folder


def test_the_configuration_cannot_be_changed(tiny_folder: Path) -> None:
    with pytest.raises(TypeError):
        open_checkpoint(tiny_folder).config["splitter"] = "lines"  # type: ignore[index]


@pytest.mark.parametrize("missing", ["./no/such/model", "nosuchmodel", "/no/such/model", "a/b/c", "~/no-such-model"])
def test_a_missing_folder_is_named(missing: str) -> None:
    with pytest.raises(CheckpointNotFoundError, match=f"no model folder '{missing}'"):
        open_checkpoint(missing)


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "~nosuchuser/model", "~nosuchuser"], ids=lambda it: it[:12])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_name_that_no_folder_can_have_is_a_missing_folder(kind: type[str | Path], name: str) -> None:
    with pytest.raises(CheckpointNotFoundError, match="no model folder") as caught:
        open_checkpoint(kind(name))
    assert len(str(caught.value)) < 500


def test_a_missing_path_is_never_taken_for_a_hub_id() -> None:
    with pytest.raises(CheckpointNotFoundError, match="no model folder"):
        open_checkpoint(Path("owner/name"))


@pytest.mark.parametrize("model", ["", 5, ["folder"]])
def test_an_invalid_name_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match="a folder, the name of an installed model, or a repo id"):
        open_checkpoint(model)


def test_a_folder_without_configuration_holds_no_model(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"no config\.json"):
        open_checkpoint(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": 1'], ids=["empty", "open", "no text", "cut"])
def test_a_damaged_configuration_is_a_checkpoint_error(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json is not readable JSON"):
        open_checkpoint(folder)


def test_a_configuration_must_be_an_object(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="holds a list"):
        open_checkpoint(folder)


def test_a_folder_without_weights_says_what_is_expected(folder: Path) -> None:
    remove_weights(folder)
    with pytest.raises(CheckpointNotFoundError, match=r"model\.safetensors or one of model_int8\.onnx"):
        open_checkpoint(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_folder_with_pickles_only_is_unsafe(folder: Path, name: str) -> None:
    remove_weights(folder)
    (folder / name).write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    with pytest.raises(UnsafeCheckpointError, match=name):
        open_checkpoint(folder)


def test_onnx_alone_is_enough_to_open_a_folder(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert open_checkpoint(folder).onnx_files


def test_a_missing_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"no tokenizer\.json"):
        open_checkpoint(folder)


@pytest.mark.parametrize("content", ["", "{}", '{"model": {"type": "Magic"}}'])
def test_a_damaged_tokenizer_is_a_checkpoint_error(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"not a readable tokenizer|not readable JSON"):
        open_checkpoint(folder)
