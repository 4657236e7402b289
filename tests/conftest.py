"""Tiny real model folders, built once a session: a WordPiece tokenizer and a two-layer BERT with random weights."""

import gc
import json
import logging
import os
import string
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.testing
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from provence_plugins.model import onnx_backend, tokenizer_file
from provence_plugins.model.checkpoint import BUNDLED, Checkpoint, open_checkpoint

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel

# So small a network gains nothing from threads, and on a busy machine they wait for each other. Read when torch loads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Without bytecode on disk, processes that tests start compile the whole package each time, and each run all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine is no bug of the code under test. Every run draws other examples; CI draws many more of them beside the
# slow tests, and pytest --hypothesis-profile=long more than anybody waits for.
settings.register_profile("provence", deadline=None, max_examples=12)
settings.register_profile("thorough", deadline=None, max_examples=400)
settings.register_profile("long", deadline=None, max_examples=4_000)
settings.load_profile("provence")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep what collecting loads out of garbage collection, which would walk over it again and again.

    The collector is off meanwhile, because nearly everything that collecting allocates stays until the end. Afterwards
    it runs seldom: by default it took a twelfth of the time of all tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let each process of `pytest -n` run neighbours, which share what they build and load.

    By default neighbours go to different processes, and both load the same models and frameworks.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = (
    "the",
    "of",
    "in",
    "is",
    "what",
    "where",
    "who",
    "how",
    "paris",
    "france",
    "city",
    "capital",
    "river",
    "cheese",
)

# Random heads answer close to one half whatever they read; stretched, they spread over the whole range.
_STRETCH = 12.0


def _build_tokenizer() -> Tokenizer:
    signs = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    vocabulary = [*_SPECIAL, *signs, *(f"##{sign}" for sign in signs), *_WORDS]
    tokenizer = Tokenizer(
        models.WordPiece({token: number for number, token in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.add_special_tokens(_SPECIAL)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", _SPECIAL.index("[SEP]")), ("[CLS]", _SPECIAL.index("[CLS]"))
    )
    return tokenizer


@pytest.fixture(autouse=True)
def logging_stays_as_it_was() -> Iterator[None]:
    """Undo what a command sets for its process: its handler writes to a stream that the next test finds closed."""
    root, own = logging.getLogger(), logging.getLogger("provence_plugins")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    # Setting a level walks over all loggers there are, and those of the frameworks are thousands.
    for logger, level in zip((root, own), levels, strict=True):
        if logger.level != level:
            logger.setLevel(level)


# Folders that no test changes.
_FIXED_FOLDERS = {BUNDLED}


@pytest.fixture(scope="session", autouse=True)
def _fixed_folders_are_read_once() -> Iterator[None]:
    """Share what is read of folders that no test changes.

    Optimizing such a graph takes 25 to 60 ms; checking it and parsing the vocabulary beside it cost time as well.
    """
    open_session, require_plain = onnx_backend._open_session, onnx_backend.require_plain_graph
    remembered, known_as_plain = cache(open_session), cache(require_plain)
    read_json = tokenizer_file.read_json
    known_json = cache(read_json)

    def open_shared(path: Path, threads: int) -> object:
        return (remembered if path.parent in _FIXED_FOLDERS else open_session)(path, threads)

    def check_once(path: Path) -> None:
        (known_as_plain if path.parent in _FIXED_FOLDERS else require_plain)(path)

    def read_once(folder: Path, name: str) -> dict[str, Any]:
        return (known_json if folder in _FIXED_FOLDERS else read_json)(folder, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_file, "read_json", read_once)
        patch.setattr(onnx_backend, "_open_session", open_shared)
        patch.setattr(onnx_backend, "require_plain_graph", check_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _commands_are_built_once() -> Iterator[None]:
    """Share the tree of commands, which Typer builds anew from all signatures each time that a command is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        patch.setattr(typer.testing, "_get_command", typer.main.get_command)
        yield


@pytest.fixture
def own_sessions(tiny_folder: Path) -> Iterator[None]:
    """Open every graph again, for tests of sessions themselves."""
    shared = set(_FIXED_FOLDERS)
    _FIXED_FOLDERS.clear()
    yield
    _FIXED_FOLDERS.update(shared)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but `tokenizer.json` and `tokenizer_config.json`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    _build_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 64,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    """A BERT tokenizer of its own for each test, for a `TextEncoder` takes over the one that it is given."""
    return Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))


def _build_network() -> "ProvenceModel":
    import torch
    from transformers import BertConfig

    from provence_plugins.model.network import ProvenceConfig, ProvenceModel

    backbone = BertConfig(
        vocab_size=_build_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = ProvenceModel(
            ProvenceConfig(backbone_config=backbone, separator_id=_SPECIAL.index("[SEP]"), max_tokens=64)
        )
    with torch.no_grad():
        for layer in (network.relevance_head.dense, network.relevance_head.out, network.keep_head.out):
            layer.weight *= _STRETCH
    return network.train(False)


@pytest.fixture(scope="session")
def build_network() -> Callable[[], "ProvenceModel"]:
    """Builds the network of `tiny_folder`."""
    return _build_network


@pytest.fixture
def tiny_network() -> "ProvenceModel":
    """The network of `tiny_folder`, built anew for each test."""
    return _build_network()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A complete model folder: safetensors, `model.onnx` and `model_int8.onnx`. Copy it before changing anything."""
    from provence_plugins.model.export import export_onnx
    from provence_plugins.model.saving import save_folder

    folder = tmp_path_factory.mktemp("tiny")
    network = _build_network()
    save_folder(network, folder, tokenizer_from=tokenizer_folder)
    export_onnx(network, folder)
    _FIXED_FOLDERS.add(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_folder: Path) -> Checkpoint:
    return open_checkpoint(tiny_folder)


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    """A bare BERT of one layer with random weights, which sentence-transformers can open."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
            initializer_range=0.2,
        )
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_causal_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Callable[..., Path]:
    """Make the folder of a language model: a GPT-2 of one layer with random weights and the tiny tokenizer."""

    def make(*, positions: int, tokenizer_settings: Mapping[str, str] = {}, **config: object) -> Path:
        import torch
        from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

        folder = tmp_path_factory.mktemp("causal")
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
        for name, value in tokenizer_settings.items():
            setattr(tokenizer, name, value)
        tokenizer.save_pretrained(folder)
        sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": positions, "eos_token_id": 3}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes, **config)).save_pretrained(folder)
        return folder

    return make
