"""Nothing that a folder's configuration says reaches Transformers unless it is on the list of known keys."""

import importlib.metadata
import json
import shutil
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rows import row
from transformers import PretrainedConfig

from provence_plugins.errors import CheckpointError
from provence_plugins.model.backend import BackendOptions
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.model.encoder_config import known_config, require_sizes
from provence_plugins.model.families import FAMILIES
from provence_plugins.model.loading import add_fresh_heads, load_encoder
from provence_plugins.model.network import ProvenceConfig
from provence_plugins.model.torch_backend import TorchBackend, load

CODE = {
    "attn_implementation": "owner/kernel",
    "_attn_implementation": "owner/kernel",
    "_attn_implementation_internal": "owner/kernel",
    "_experts_implementation": "owner/kernel",
    "attention_implementation": "owner/kernel",
    "auto_map": {"AutoConfig": "owner/kernel--code.Config", "AutoModel": "owner/kernel--code.Model"},
    "custom_pipelines": {"x": {"impl": "owner/kernel.Code"}},
    "_name_or_path": "owner/kernel",
    "quantization_config": {"quant_method": "owner/kernel", "modules_to_not_convert": []},
    "use_kernels": True,
    "kernel_config": {"Linear": "owner/kernel:Linear"},
    "torch_dtype": "owner/kernel",
    "dtype": "float16",
    "text_config": {"model_type": "bert", "attn_implementation": "owner/kernel"},
    "backbone": "owner/kernel",
    "use_pretrained_backbone": True,
    "transformers_weights": "owner/kernel.safetensors",
    "base_model_tp_plan": {"layers.*": "owner/kernel"},
}
PLACES = ("backbone_config", "base_model_config", "text_config", "encoder_config")


def poison(values: dict[str, Any]) -> None:
    """Put every key of the list into a configuration and into each configuration inside it."""
    for inner in [value for key, value in values.items() if key in PLACES and isinstance(value, dict)]:
        poison(inner)
    values |= {key: value for key, value in CODE.items() if key not in values or key not in PLACES}


@pytest.fixture
def poisoned(tmp_path: Path) -> Callable[[Path], Path]:
    def make(source: Path) -> Path:
        folder = Path(shutil.copytree(source, tmp_path / "poisoned"))
        config = json.loads((folder / "config.json").read_text())
        poison(config)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of everything that Transformers asks of the package kernels, which downloads and imports code."""
    names: list[str] = []

    class Kernels(types.ModuleType):
        __spec__ = importlib.machinery.ModuleSpec("kernels", None)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            names.append(name)
            return lambda *arguments, **_: names.append(repr(arguments))

    monkeypatch.setitem(sys.modules, "kernels", Kernels("kernels"))
    yield names
    assert names == []


def values_in(config: Any) -> Iterator[Any]:
    """Every value of an object's attributes, and of lists and dicts in them."""
    waiting = [vars(config)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, PretrainedConfig):
            waiting.append(vars(value))
        else:
            yield value


def require_clean(config: PretrainedConfig) -> None:
    assert not any("owner" in value for value in values_in(config) if isinstance(value, str))
    assert not set(vars(config)) & (set(CODE) - {"_attn_implementation_internal", "dtype", "_name_or_path"})
    assert config._attn_implementation in (None, "eager", "sdpa")


def test_no_key_of_a_native_folder_names_code_to_transformers(
    tiny_folder: Path, poisoned: Callable[[Path], Path], asked: list[str]
) -> None:
    clean = load(open_checkpoint(tiny_folder), BackendOptions(device="cpu"))
    backend = load(open_checkpoint(poisoned(tiny_folder)), BackendOptions(device="cpu"))
    assert isinstance(backend, TorchBackend)
    assert backend.description == clean.description
    require_clean(backend.network.config)
    require_clean(backend.network.config.backbone_config)


def test_no_key_of_a_base_of_training_names_code_to_transformers(
    tiny_folder: Path, poisoned: Callable[[Path], Path], tmp_path: Path, asked: list[str]
) -> None:
    source = tmp_path / "encoder"
    load_backbone = load(open_checkpoint(tiny_folder), BackendOptions(device="cpu"))
    assert isinstance(load_backbone, TorchBackend)
    load_backbone.network.backbone.save_pretrained(source)
    (source / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/kernel", "peft_type": "LORA"}')
    folder = poisoned(source)
    for encoder in (load_encoder(folder), add_fresh_heads(folder, separator_id=3, max_tokens=64).backbone):
        require_clean(encoder.config)
        assert encoder.dtype.is_floating_point
        assert encoder.dtype.itemsize == 4


def test_a_configuration_that_transformers_itself_reads_passes_on_known_keys(
    tiny_folder: Path, poisoned: Callable[[Path], Path], asked: list[str]
) -> None:
    folder = poisoned(tiny_folder)
    values = json.loads((folder / "config.json").read_text())
    config = ProvenceConfig(**values)
    require_clean(config.backbone_config)
    assert config._attn_implementation in (None, "eager", "sdpa")


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_known_keys_of_a_family_are_enough_to_describe_it(family: str) -> None:
    config = FAMILIES[family]
    defaults = PretrainedConfig().to_dict()
    from transformers import AutoConfig

    values = AutoConfig.for_model(family).to_dict()
    known = known_config(values)
    again = AutoConfig.for_model(known.pop("model_type"), **known).to_dict()
    assert config.model_type == family
    # What is left out has no effect on an encoder: labels, generation, and heads that this package does not build.
    differing = {key for key in values if values[key] != again.get(key)} - set(defaults)
    assert differing == set()


def test_a_known_key_with_an_odd_value_is_refused_by_name() -> None:
    for key, value in [
        ("hidden_act", "owner/kernel"),
        ("hidden_act", {"name": "gelu"}),
        ("hidden_size", 2**40),
        ("hidden_size", float("inf")),
        ("pad_token_id", [0] * 5000),
        ("position_embedding_type", "../secret"),
        ("model_type", ["bert"]),
        ("model_type", "../bert"),
    ]:
        with row(key, value), pytest.raises(CheckpointError, match="family" if key == "model_type" else key):
            known_config({"model_type": "bert", key: value})


def test_rotary_positions_keep_their_known_keys_only() -> None:
    rope = {"full_attention": {"rope_theta": 1e4, "rope_type": "default", "code": "owner/kernel"}, "other": {}}
    known = known_config({"model_type": "modernbert", "rope_parameters": rope})
    assert known["rope_parameters"] == {"full_attention": {"rope_theta": 1e4, "rope_type": "default"}}
    with pytest.raises(CheckpointError, match="rope_parameters"):
        known_config({"model_type": "modernbert", "rope_parameters": "owner/kernel"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 6_000_000}, r"vocab_size=6000000, and the weights hold vectors of \d+ tokens"),
        ({"num_hidden_layers": 2000}, r"num_hidden_layers=2000, and the weights hold 2 layers"),
        ({"num_hidden_layers": 1}, "2 layers"),
        ({"intermediate_size": 2_000_000_000}, "of another shape"),
        ({"hidden_size": 1_000_000_000, "num_attention_heads": 1}, "of another shape|does not describe"),
        ({"type_vocab_size": 2_000_000_000}, "of another shape"),
        ({"max_position_embeddings": 65_000}, "of another shape"),
        ({"max_position_embeddings": 2_000_000_000}, "max_position_embeddings=2000000000; expected"),
        ({"num_attention_heads": 0}, "does not describe a network"),
    ],
)
def test_sizes_that_are_not_those_of_the_weights_are_refused_before_anything_is_built(
    tiny_folder: Path, tmp_path: Path, changes: dict[str, int], message: str
) -> None:
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    config["backbone_config"] |= changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=message):
        load(open_checkpoint(folder), BackendOptions(device="cpu"))


def test_thousands_of_layers_are_refused_even_if_the_weights_have_them() -> None:
    shapes = {f"backbone.encoder.layer.{number}.x": (1,) for number in range(2000)}
    with pytest.raises(CheckpointError, match="at most 256"):
        require_sizes({"model_type": "bert", "num_hidden_layers": 2000}, shapes, "backbone.")
