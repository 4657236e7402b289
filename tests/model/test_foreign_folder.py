"""Folders that another library will load are refused if one of their files names code."""

import json
from pathlib import Path
from typing import Any

import pytest

from provence_plugins.errors import UnsafeCheckpointError
from provence_plugins.evaluation.methods.encoders import cross_encoder, load_encoder
from provence_plugins.model.foreign_folder import require_no_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "_attn_implementation": "eager"}))
    (tmp_path / "1_Pooling" / "config.json").write_text("{}")
    modules = [{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Pooling"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "tokenizer.json").write_text('{"auto_map": "a token may be called so"}')
    return tmp_path


def test_an_ordinary_folder_passes(folder: Path) -> None:
    require_no_code(folder)
    (folder / "pytorch_model.bin").write_bytes(b"")  # beside safetensors, which are preferred
    require_no_code(folder)


@pytest.mark.parametrize("place", ["config.json", "1_Pooling/config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    "values",
    [
        {"auto_map": {"AutoModel": "owner/name--code.Model"}},
        {"text_config": {"attn_implementation": "owner/kernel"}},
        {"_attn_implementation": "flash_attention_2"},
        {"list": [{"quantization_config": {"quant_method": "x"}}]},
        {"use_kernels": True},
    ],
    ids=["class", "nested kernel", "kernel in place of a package", "quantizer", "kernels"],
)
def test_a_key_that_names_code_is_refused_wherever_it_is(folder: Path, place: str, values: dict[str, Any]) -> None:
    (folder / place).write_text(json.dumps(values))
    with pytest.raises(UnsafeCheckpointError, match="names code to run"):
        require_no_code(folder)


@pytest.mark.parametrize("name", ["os.system", "code.Model", None, 5])
def test_a_module_of_another_package_is_refused(folder: Path, name: object) -> None:
    (folder / "modules.json").write_text(json.dumps([{"type": name}]))
    with pytest.raises(UnsafeCheckpointError, match="names the class"):
        require_no_code(folder)


def test_an_adapter_is_refused_because_it_names_a_repository(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UnsafeCheckpointError, match="repository"):
        require_no_code(folder)


def test_pickled_weights_alone_are_refused(folder: Path) -> None:
    (folder / "1_Pooling" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UnsafeCheckpointError, match="pickled"):
        require_no_code(folder)


@pytest.mark.parametrize("load", [load_encoder, cross_encoder])
def test_a_baseline_of_the_evaluation_does_not_load_such_a_folder(folder: Path, load: Any) -> None:
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "owner/name--code.Model"}}')
    with pytest.raises(UnsafeCheckpointError):
        load(folder)
