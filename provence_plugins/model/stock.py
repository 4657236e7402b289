"""Published pruners as stock models of Transformers, for servers and libraries.

Each head becomes a model of its own: a sequence classification model reranks
(sentence-transformers' CrossEncoder loads it), and a token classification model gives each token
the label "remove" or "keep".
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

from provence_plugins.errors import CheckpointError, InvalidInputError, needs_extra
from provence_plugins.model.checkpoint import Checkpoint
from provence_plugins.model.folder import SPECIAL_TOKENS, TOKENIZER, TOKENIZER_CONFIG, locate
from provence_plugins.model.loading import Network
from provence_plugins.model.published import PublishedModel
from provence_plugins.model.saving import require_other_folder

with needs_extra("torch"):
    from torch import Tensor, nn
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

StockTask = Literal["sequence-classification", "token-classification"]

_LABELS = {0: "remove", 1: "keep"}


def export_stock(network: Network, checkpoint: Checkpoint, folder: Path, task: StockTask) -> Path:
    """Write a folder that stock classes of Transformers load without code of this package.

    Args:
        network: The network of `checkpoint`.
        checkpoint: Where tokenizer and configuration come from.
        folder: Created if it does not exist; must differ from the checkpoint's.
        task: "sequence-classification" for the ranking head, "token-classification" for the keep
            head.

    Returns:
        The folder.

    Raises:
        InvalidInputError: No stock class has this network's head, or the folder is the checkpoint's
            own.
    """
    if not isinstance(network, PublishedModel):
        raise InvalidInputError(
            "The heads of this package's own models compare each token with the question, which no "
            "stock class does. sentence-transformers reranks with the unchanged folder after "
            "'import provence_plugins.model.network'."
        )
    require_other_folder(folder, checkpoint.folder)
    config = network.config.backbone_config
    if task == "token-classification":
        _require_plain_tokens(network)
        config.id2label, config.label2id = _LABELS, {label: number for number, label in _LABELS.items()}
        target: Any = AutoModelForTokenClassification.from_config(config)
        heads: dict[str, nn.Module] = {"classifier": network.keep_head}
    else:
        config.num_labels = network.relevance_head.out.out_features
        target = AutoModelForSequenceClassification.from_config(config)
        names = network.family.ranking
        heads = {names.dense: network.relevance_head.dense, names.out: network.relevance_head.out}
        if names.norm is not None:
            heads[names.norm] = network.relevance_head.norm
    _fill(target, network, heads)
    target.save_pretrained(folder)
    for name in (TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS):
        if locate(checkpoint.folder, name):
            shutil.copyfile(checkpoint.folder / name, folder / name)
    return folder


def _require_plain_tokens(network: PublishedModel) -> None:
    if not network.family.plain_tokens:
        raise InvalidInputError(
            f"The token classification model of {network.family.model_type} has layers of its own "
            f"before the labels, so it does not give this keep head's answers. Use this package, "
            f"or export to ONNX."
        )


def _fill(target: Any, network: PublishedModel, heads: dict[str, nn.Module]) -> None:
    family = network.family
    tensors = _prefixed(family.prefix, network.backbone)
    if family.final_norm is not None:
        tensors |= _prefixed(f"{family.prefix}.{family.final_norm}", network.final_norm)
    for name, head in heads.items():
        tensors |= _prefixed(name, head)
    try:
        target.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights do not fit {type(target).__name__} ({error}). Download the model again."
        ) from error


def _prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in module.state_dict().items()}
