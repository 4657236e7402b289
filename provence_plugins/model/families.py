"""What differs between encoder families, one row of facts each.

Rows follow the model classes of Transformers. A family without a row is refused by name instead of
guessed at: a wrong guess about positions or token types gives wrong probabilities, not an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import CheckpointError
from provence_plugins.model.folder import show_value


@dataclass(frozen=True, slots=True)
class RankingHead:
    """Names of the tensors of a head on the whole text: dense layer, output layer.

    Attributes:
        dense: Name of the dense layer.
        out: Name of the output layer; its first output is the score.
        activation: Name of the activation between the two.
        activation_key: Key of the encoder's configuration that can name another activation.
        norm: Name of a layer norm before the output layer.
        pooling_key: Key of the encoder's configuration that says "cls" or "mean"; without one the
            first token is read.
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
        has_pooler: Whether its class builds a pooler by default; this package never uses one.
        prefix: Prefix of the encoder's tensors in its sequence classification model in
            Transformers.
        ranking: The head of that model.
        plain_tokens: Whether its token classification model is one linear layer on the final
            states.
        position_offset: Rows of the position table that no token can use (RoBERTa starts after its
            padding id).
        final_norm: Name of a layer norm after the last layer.
        layers: Prefix of its numbered layers, without the encoder's own prefix.
        layers_key: Key of its configuration with the number of layers.
        embedding: Name of its table of token vectors.
        keys: Keys of its configuration that are read, in addition to those of every family.
    """

    model_type: str
    takes_type_ids: bool
    has_pooler: bool
    prefix: str
    ranking: RankingHead
    plain_tokens: bool = True
    position_offset: int = 0
    final_norm: str | None = None
    layers: str = "encoder.layer"
    layers_key: str = "num_hidden_layers"
    embedding: str = "embeddings.word_embeddings.weight"
    keys: frozenset[str] = frozenset()


# Rotary positions need no table that would bound them; the longest window of a known encoder has
# 8,192 tokens.
_MAX_WINDOW = 65_536

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
            keys=frozenset({"embedding_size"}),
        ),
        Family(
            "distilbert",
            takes_type_ids=False,
            has_pooler=False,
            prefix="distilbert",
            ranking=RankingHead("pre_classifier", "classifier", "relu"),
            layers="transformer.layer",
            layers_key="n_layers",
            keys=frozenset(
                {"activation", "attention_dropout", "dim", "dropout", "hidden_dim", "n_heads", "n_layers"}
                | {"qa_dropout", "seq_classif_dropout", "sinusoidal_pos_embds"}
            ),
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
            keys=frozenset({"relative_attention_num_buckets"}),
        ),
        Family(
            "deberta-v2",
            takes_type_ids=False,
            has_pooler=False,
            prefix="deberta",
            ranking=RankingHead("pooler.dense", "classifier", "gelu", activation_key="pooler_hidden_act"),
            keys=frozenset(
                {"conv_act", "conv_groups", "conv_kernel_size", "embedding_size", "max_relative_positions"}
                | {"norm_rel_ebd", "pooler_dropout", "pooler_hidden_act", "pooler_hidden_size", "pos_att_type"}
                | {"position_biased_input", "position_buckets", "relative_attention", "share_att_key"}
            ),
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
            layers="layers",
            embedding="embeddings.tok_embeddings.weight",
            keys=frozenset(
                {"attention_bias", "attention_dropout", "classifier_activation", "classifier_bias"}
                | {"classifier_pooling", "cls_token_id", "decoder_bias", "embedding_dropout"}
                | {"global_attn_every_n_layers", "global_rope_theta", "hidden_activation"}
                | {"initializer_cutoff_factor", "layer_types", "local_attention", "local_rope_theta", "mlp_bias"}
                | {"mlp_dropout", "norm_bias", "norm_eps", "rope_parameters", "sep_token_id"}
            ),
        ),
    )
}


def family_of(encoder_config: Mapping[str, Any]) -> Family:
    """Return the row of an encoder, found by its configuration.

    Raises:
        CheckpointError: The encoder is of a family that has no row.
    """
    model_type = encoder_config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise CheckpointError(
            f"The encoder is of the family {show_value(model_type)}; known families are "
            f"{', '.join(sorted(FAMILIES))}. Use a model with an encoder of these."
        )
    return FAMILIES[model_type]


def longest_window(encoder_config: Mapping[str, Any]) -> int:
    """Return how many tokens the encoder's position table holds.

    Raises:
        CheckpointError: The configuration gives no such number, or the encoder's family has no row.
    """
    family = family_of(encoder_config)
    padding = encoder_config.get("pad_token_id")
    if family.position_offset and padding not in (None, *range(family.position_offset)):
        raise CheckpointError(
            f"The encoder's configuration gives pad_token_id={show_value(padding)}; "
            f"{family.model_type} counts positions from it, so it must be less than "
            f"{family.position_offset}. Correct it, or download the model again."
        )
    positions = encoder_config.get("max_position_embeddings", 512)
    longest = positions - family.position_offset if type(positions) is int else 0
    if not 1 <= longest <= _MAX_WINDOW:
        raise CheckpointError(
            f"The encoder's configuration gives max_position_embeddings={show_value(positions)}; "
            f"expected a number of {family.position_offset + 1} to {_MAX_WINDOW}. Correct it, or "
            f"download the model again."
        )
    return longest
