"""What differs between encoder families, one row of facts each.

Rows are read off the model classes of Transformers. A family without a row is refused by name rather than guessed at:
a wrong guess about positions or token types gives wrong probabilities, not an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class RankingHead:
    """Where a head on the whole text lies among stored tensors: dense layer, activation, output layer.

    Attributes:
        dense: Name of the dense layer.
        out: Name of the output layer, of whose numbers the first is the score.
        activation: Name of the activation between the two.
        activation_key: Key of the encoder's configuration that names another.
        norm: Name of a layer norm in front of the output layer.
        pooling_key: Key of the encoder's configuration that says "cls" or "mean"; without one the first token is read.
    """

    dense: str
    out: str
    activation: str
    activation_key: str | None = None
    norm: str | None = None
    pooling_key: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Facts about one encoder architecture.

    Attributes:
        model_type: Its name in `config.json`.
        takes_type_ids: Whether its forward pass reads token types.
        has_pooler: Whether its class builds a pooler unless told not to; this package never uses one.
        prefix: In front of the encoder's tensors in its sequence classification model in Transformers.
        ranking: The head of that model.
        plain_tokens: Whether its token classification model is one linear layer on the final states.
        position_offset: Rows of the position table that no token can use (RoBERTa starts behind its padding id).
        final_norm: Name of a layer norm behind the last layer.
    """

    model_type: str
    takes_type_ids: bool
    has_pooler: bool
    prefix: str
    ranking: RankingHead
    plain_tokens: bool = True
    position_offset: int = 0
    final_norm: str | None = None


_ROBERTA_HEAD = RankingHead("classifier.dense", "classifier.out_proj", "tanh")

FAMILIES = {
    family.model_type: family
    for family in (
        Family(
            "bert",
            takes_type_ids=True,
            has_pooler=True,
            prefix="bert",
            ranking=RankingHead("bert.pooler.dense", "classifier", "tanh"),
        ),
        Family(
            "electra",
            takes_type_ids=True,
            has_pooler=False,
            prefix="electra",
            ranking=RankingHead("classifier.dense", "classifier.out_proj", "gelu"),
        ),
        Family(
            "distilbert",
            takes_type_ids=False,
            has_pooler=False,
            prefix="distilbert",
            ranking=RankingHead("pre_classifier", "classifier", "relu"),
        ),
        Family(
            "roberta",
            takes_type_ids=False,
            has_pooler=True,
            prefix="roberta",
            ranking=_ROBERTA_HEAD,
            position_offset=2,
        ),
        Family(
            "xlm-roberta",
            takes_type_ids=False,
            has_pooler=True,
            prefix="roberta",
            ranking=_ROBERTA_HEAD,
            position_offset=2,
        ),
        Family(
            "mpnet",
            takes_type_ids=False,
            has_pooler=True,
            prefix="mpnet",
            ranking=_ROBERTA_HEAD,
            position_offset=2,
        ),
        Family(
            "deberta-v2",
            takes_type_ids=False,
            has_pooler=False,
            prefix="deberta",
            ranking=RankingHead("pooler.dense", "classifier", "gelu", activation_key="pooler_hidden_act"),
        ),
        Family(
            "modernbert",
            takes_type_ids=False,
            has_pooler=False,
            prefix="model",
            ranking=RankingHead(
                "head.dense",
                "classifier",
                "gelu",
                activation_key="classifier_activation",
                norm="head.norm",
                pooling_key="classifier_pooling",
            ),
            plain_tokens=False,
            final_norm="final_norm",
        ),
    )
}


def family_of(backbone_config: Mapping[str, Any]) -> Family:
    """The row of an encoder's own configuration.

    Raises:
        CheckpointError: The encoder is of a family that has no row.
    """
    model_type = backbone_config.get("model_type")
    if model_type not in FAMILIES:
        raise CheckpointError(
            f"The encoder is of the family {model_type!r}; known families are {', '.join(sorted(FAMILIES))}."
        )
    return FAMILIES[model_type]


def longest_window(backbone_config: Mapping[str, Any]) -> int:
    """How many tokens the encoder's position table holds."""
    family = family_of(backbone_config)
    return int(backbone_config.get("max_position_embeddings", 512)) - family.position_offset
