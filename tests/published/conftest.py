"""Tiny random checkpoints in each published layout, written from the facts about these layouts."""

import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, DebertaV2Model, XLMRobertaModel
from transformers.models.deberta_v2.modeling_deberta_v2 import ContextPooler

_TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "initializer_range": 0.2,
}
_DEBERTA = _TINY | {
    "relative_attention": True,
    "position_buckets": 16,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
    "max_position_embeddings": 512,
    "pooler_hidden_size": 32,
    "pooler_hidden_act": "gelu",
    "num_labels": 1,
}
# Windows of 512 tokens, as the published XLM-R models would have them were their position table no longer.
_XLM = _TINY | {"max_position_embeddings": 514, "pad_token_id": 1, "type_vocab_size": 1, "num_labels": 1}
_MODERN = _TINY | {
    "max_position_embeddings": 1024,
    "local_attention": 16,
    "global_attn_every_n_layers": 2,
    "pad_token_id": 3,
    "cls_token_id": 1,
    "bos_token_id": 1,
    "sep_token_id": 2,
    "eos_token_id": 2,
    "norm_bias": True,
    "num_labels": 1,
}
_NAMES = (
    {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"},
    {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"},
)
_WORDS = ["the", "of", "in", "is", "what", "where", "paris", "france", "city", "capital", "river", "cheese", "old"]

# Random heads answer close to one half whatever they read; stretched, they spread over the whole range.
_STRETCH = 4.0


@dataclass(frozen=True)
class Published:
    """A checkpoint on disk, and the modules of Transformers that its weights were taken from."""

    folder: Path
    network: nn.Module
    keep: nn.Linear
    max_length: int
    prefix: str = "ranking_model."


def _unigram(special: list[str], unknown: str, pair: str) -> Tokenizer:
    signs = [*string.ascii_letters, *string.digits, *string.punctuation, "é", "ü", "½", "你", "好"]
    scored = [(token, 0.0) for token in special]
    scored += [("▁", -3.0), *((f"▁{word}", -2.0) for word in _WORDS), *((sign, -4.0) for sign in signs)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=special.index(unknown)))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    numbers = [(token, number) for number, token in enumerate(special)]
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair=pair, special_tokens=numbers)
    return tokenizer


def _bytes() -> Tokenizer:
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("i", "s"), ("Ġ", "is")]
    tokens = [*special, *alphabet, *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer  # without a template, like tokenizers whose class adds the special tokens in code


def _word_pieces() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    signs = [*string.ascii_lowercase, *string.digits, *string.punctuation]
    tokens = [*special, *signs, *(f"##{sign}" for sign in signs), *_WORDS]
    tokenizer = Tokenizer(models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def deberta_tokenizer() -> Tokenizer:
    return _unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[UNK]", "[CLS] $A [SEP] $B [SEP]")


def xlm_tokenizer() -> Tokenizer:
    return _unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<unk>", "<s> $A </s> </s> $B </s>")


def _save(folder: Path, tokenizer: Tokenizer, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    named = next(names for names in _NAMES if tokenizer.token_to_id(names["cls_token"]) is not None)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **named}))
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in module.state_dict().items()}


def _stretched(linear: nn.Linear) -> nn.Linear:
    nn.init.normal_(linear.weight, std=0.3 * _STRETCH)
    nn.init.normal_(linear.bias)
    return linear


def _bergen(folder: Path, model_type: str) -> Published:
    """What BERGEN's training scripts write for both of its encoders; naver's models have the same tensors."""
    is_deberta = model_type == "deberta-v2"
    tokenizer = deberta_tokenizer() if is_deberta else xlm_tokenizer()
    config = AutoConfig.for_model(
        model_type, vocab_size=tokenizer.get_vocab_size(), **(_DEBERTA if is_deberta else _XLM)
    )
    heads = nn.ModuleDict(
        {"classifier": _stretched(nn.Linear(32, 1)), "token_classifier": _stretched(nn.Linear(32, 2))}
    )
    if is_deberta:
        network = nn.ModuleDict({"deberta": DebertaV2Model(config), "pooler": ContextPooler(config), **heads})
    else:
        network = nn.ModuleDict({"roberta": XLMRobertaModel(config), **heads})
    name = "DebertaV2" if is_deberta else "XLMRoberta"
    values = config.to_dict() | {"architectures": [f"{name}ForCompressionAndRanking"]}
    _save(folder, tokenizer, values, _prefixed("", network))
    return Published(folder, network.eval(), heads["token_classifier"], 512)


def _open(folder: Path, model_type: str, max_length: int, *, prefix: str = "ranking_model.", **own: Any) -> Published:
    """What OpenProvence exports, for any encoder."""
    facts: dict[str, tuple[Callable[[], Tokenizer], dict[str, Any]]] = {
        "xlm-roberta": (xlm_tokenizer, _XLM),
        "modernbert": (_bytes, _MODERN),
        "bert": (_word_pieces, _TINY | {"max_position_embeddings": 512, "num_labels": 1}),
        "deberta-v2": (deberta_tokenizer, _DEBERTA),
    }
    make, values = facts[model_type]
    tokenizer = make()
    config = AutoConfig.for_model(model_type, vocab_size=tokenizer.get_vocab_size(), **(values | own))
    network = AutoModelForSequenceClassification.from_config(config)
    keep = _stretched(nn.Linear(32, 2))
    for name, weight in network.named_parameters():
        if "norm" in name.lower():  # a fresh norm would hide whether it was applied
            nn.init.normal_(weight, 1.0, 0.3)
    outer = {
        "model_type": "open_provence",
        "architectures": ["OpenProvenceForSequenceClassification"],
        "auto_map": {"AutoModel": "modeling_open_provence_standalone.OpenProvenceModel"},
        "base_model_config": config.to_dict() | {"max_length": 20, "top_k": 50, "dtype": None},
        "pruning_config": {"hidden_size": 32, "num_labels": 2, "classifier_dropout": 0.1},
        "max_length": max_length,
        "default_threadshold": None,
        "num_pruning_labels": 2,
    }
    _save(folder, tokenizer, outer, _prefixed(prefix, network) | _prefixed("pruning_head.classifier.", keep))
    return Published(folder, network.eval(), keep, max_length, prefix)


MAKERS: dict[str, Callable[[Path], Published]] = {
    "provence": lambda folder: _bergen(folder, "deberta-v2"),
    "xprovence": lambda folder: _bergen(folder, "xlm-roberta"),
    "open-xlm-roberta": lambda folder: _open(folder, "xlm-roberta", 128),
    "open-xlm-roberta-brim": lambda folder: _open(folder, "xlm-roberta", 64, max_position_embeddings=66),
    "open-modernbert": lambda folder: _open(folder, "modernbert", 256),
    "open-modernbert-mean": lambda folder: _open(folder, "modernbert", 512, classifier_pooling="mean"),
    "open-bert": lambda folder: _open(folder, "bert", 96),
    "open-deberta": lambda folder: _open(folder, "deberta-v2", 128),
    "open-legacy": lambda folder: _open(folder, "xlm-roberta", 128, prefix=""),
}


@pytest.fixture(scope="session")
def make_published(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Published]:
    """Makes a checkpoint of a layout by name; each is made once a session. Copy its folder before changing anything."""
    made: dict[str, Published] = {}

    def make(name: str) -> Published:
        if name not in made:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(7)
                made[name] = MAKERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return make


@pytest.fixture(params=[name for name in MAKERS if not name.endswith("brim")])
def published(request: pytest.FixtureRequest, make_published: Callable[[str], Published]) -> Published:
    """A checkpoint of every layout in turn."""
    return make_published(request.param)
