"""Files of a folder: what leads out of it is refused, and what is damaged is an error of our own."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError, UnsafeCheckpointError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.folder import locate, read_json, show_value
from provence_plugins.model.weights import read_headers


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "model_int8.onnx"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.move(folder / name, tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    def open_all() -> None:
        checkpoint = open_checkpoint(folder)
        checkpoint.tensors, checkpoint.onnx_files  # noqa: B018

    with pytest.raises(UnsafeCheckpointError, match="outside"):
        open_all()


def test_links_inside_the_folder_and_to_the_folder_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").rename(folder / "real.json")
    (folder / "config.json").symlink_to("real.json")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert open_checkpoint(tmp_path / "link").onnx_files


@pytest.mark.parametrize("blobs", ["models--owner--name/blobs", "blobs/ab"], ids=["of the repository", "shared"])
def test_links_of_the_hubs_cache_are_followed(folder: Path, tmp_path: Path, blobs: str) -> None:
    snapshot = tmp_path / "hub" / "models--owner--name" / "snapshots" / "0123"
    store = tmp_path / "hub" / blobs
    snapshot.mkdir(parents=True)
    store.mkdir(parents=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        shutil.move(path, store / str(number))
        (snapshot / path.name).symlink_to(os.path.relpath(store / str(number), snapshot))
    assert open_checkpoint(snapshot).tensors
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text("{}")
    with pytest.raises(UnsafeCheckpointError, match="outside"):
        open_checkpoint(snapshot)


def test_a_link_that_leads_nowhere_is_a_missing_file(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("nowhere")
    assert locate(folder, "config.json") is None
    (folder / "nowhere").symlink_to("config.json")  # a loop
    with pytest.raises(CheckpointNotFoundError):
        open_checkpoint(folder)


@pytest.mark.parametrize(
    "name",
    ["../secret.safetensors", "/etc/passwd", "sub/model.safetensors", "..", "model.bin", "a\0b.safetensors", "", "."],
)
def test_an_index_may_only_name_safetensors_of_the_same_folder(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(folder / "model.safetensors", tmp_path / "secret.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": name}}))
    with pytest.raises(CheckpointError):
        read_headers(folder)


@pytest.mark.parametrize("index", [{}, {"weight_map": []}, {"weight_map": {"x": 5}}, {"weight_map": {"x": ["y"]}}])
def test_an_index_of_another_form_is_refused(folder: Path, index: object) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="weight_map"):
        read_headers(folder)


def test_a_file_of_the_index_that_is_missing_is_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "gone.safetensors"}}')
    with pytest.raises(CheckpointNotFoundError, match=r"gone\.safetensors"):
        read_headers(folder)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 10_000 + b"}", b"\xff", b"[]", b"null", b'{"a": tru}'],
    ids=["lists", "objects", "number", "bytes", "list", "null", "typo"],
)
def test_json_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        read_json(tmp_path, "config.json")


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(10**10)  # a file with a hole takes no room on the disk
    with pytest.raises(CheckpointError, match="10,000,000,000 bytes"):
        read_json(tmp_path, "config.json")


@pytest.mark.parametrize("value", ["x" * 10_000, ["x" * 10_000] * 1000, 10**4000, {"a": "\x1b[31m\ud800"}])
def test_values_are_shown_short_and_without_control_characters(value: object) -> None:
    shown = show_value(value)
    assert len(shown) < 700
    assert shown.isprintable()


@pytest.mark.parametrize("change", ["bundled", 3, None, ["lines"], "\x1b[31m"])
def test_an_unknown_splitter_is_a_fault_of_the_folder(
    folder: Path, change: object, edit_config: Callable[..., None]
) -> None:
    edit_config(folder, splitter=change)
    with pytest.raises(CheckpointError, match="gives splitter=") as caught:
        open_checkpoint(folder)
    assert str(folder) in str(caught.value)


@pytest.fixture
def edit_config() -> Callable[..., None]:
    def edit(folder: Path, **fields: object) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | fields))

    return edit
