"""What differs between encoder families, one row of facts each.

Rows are read off the model classes of Transformers. A family without a row is refused by name rather than guessed at:
a wrong guess about positions or token types gives wrong probabilities, not an error.
"""

from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Family:
    """Facts about one encoder architecture.

    Attributes:
        model_type: Its name in `config.json`.
        takes_type_ids: Whether its forward pass reads token types.
        has_pooler: Whether its class builds a pooler unless told not to; this package never uses one.
        position_offset: Rows of the position table that no token can use (RoBERTa starts behind its padding id).
    """

    model_type: str
    takes_type_ids: bool
    has_pooler: bool
    position_offset: int = 0


FAMILIES = {
    family.model_type: family
    for family in (
        Family("bert", takes_type_ids=True, has_pooler=True),
        Family("electra", takes_type_ids=True, has_pooler=False),
        Family("distilbert", takes_type_ids=False, has_pooler=False),
        Family("roberta", takes_type_ids=False, has_pooler=True, position_offset=2),
        Family("xlm-roberta", takes_type_ids=False, has_pooler=True, position_offset=2),
        Family("deberta-v2", takes_type_ids=False, has_pooler=False),
        Family("modernbert", takes_type_ids=False, has_pooler=False),
    )
}


def family_of(backbone_config: dict[str, Any]) -> Family:
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


def longest_window(backbone_config: dict[str, Any]) -> int:
    """How many tokens the encoder's position table holds."""
    family = family_of(backbone_config)
    return int(backbone_config.get("max_position_embeddings", 512)) - family.position_offset
