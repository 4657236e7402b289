"""An encoder's configuration, reduced to the keys that this package knows.

The configuration of a folder can tell Transformers to download and run code: an attention kernel, a
class of a repository, a quantizer. So only listed keys are passed on, and only numbers, words and
lists of them as values.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from provence_plugins.errors import CheckpointError
from provence_plugins.model.families import Family, family_of
from provence_plugins.model.folder import show_value

_KEYS = frozenset(
    {"attention_probs_dropout_prob", "bos_token_id", "classifier_dropout", "eos_token_id", "hidden_act"}
    | {"hidden_dropout_prob", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps"}
    | {"max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers", "pad_token_id"}
    | {"position_embedding_type", "type_vocab_size", "vocab_size"}
)

# Inside `rope_parameters`, once for each kind of layer.
_LAYER_KINDS = frozenset({"full_attention", "sliding_attention"})
_ROPE_KEYS = frozenset({"rope_theta", "rope_type"})

# Names of activations, norms and the like; never a path or the id of a repository.
_WORD = re.compile(r"[A-Za-z0-9_|-]{1,64}")
_MAX_NUMBER = 2**31
_MAX_LIST = 1000

# The deepest known encoder has 48 layers. Building thousands takes a minute, however small they
# are.
_MAX_LAYERS = 256


def known_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known keys of an encoder's configuration; all others are left out.

    Args:
        values: The configuration as it was read.

    Raises:
        CheckpointError: The encoder's family is unknown, or a known key has an invalid value.
    """
    keys = _KEYS | family_of(values).keys
    known = {key: value for key, value in values.items() if key in keys}
    if "rope_parameters" in known:
        known["rope_parameters"] = _rope_parameters(known["rope_parameters"])
    for key, value in known.items():
        if key != "rope_parameters":
            _require_plain(key, value)
    return known


def require_sizes(
    config: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    prefix: str,
) -> None:
    """Check the sizes that cost most against stored tensors, before anything is built.

    Args:
        config: The encoder's configuration; a size that it does not give is not checked.
        shapes: Shapes of the stored tensors by name.
        prefix: Prefix of the encoder's tensors, its last dot included.

    Raises:
        CheckpointError: Layers or vocabulary are not those of the stored tensors.
    """
    family = family_of(config)
    declared, stored = config.get(family.layers_key), _count_layers(family, shapes, prefix)
    if stored > _MAX_LAYERS or (declared is not None and declared != stored):
        raise CheckpointError(
            f"config.json gives {family.layers_key}={show_value(declared)}, and the weights hold "
            f"{stored} layers; both must agree, and at most {_MAX_LAYERS} are read. Download or "
            f"export the model again."
        )
    table = shapes.get(prefix + family.embedding)
    declared = config.get("vocab_size")
    if table and declared is not None and declared != table[0]:
        raise CheckpointError(
            f"config.json gives vocab_size={show_value(declared)}, and the weights hold vectors of "
            f"{table[0]} tokens; both must agree. Download or export the model again."
        )


def _count_layers(family: Family, shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    start = f"{prefix}{family.layers}."
    return len({name.removeprefix(start).partition(".")[0] for name in shapes if name.startswith(start)})


def _rope_parameters(value: object) -> dict[str, dict[str, Any]]:
    """Return the known keys of ModernBERT's settings for rotary positions."""
    if not isinstance(value, dict) or not all(isinstance(row, dict) for row in value.values()):
        raise _invalid("rope_parameters", value, "an object for each kind of layer")
    known: dict[str, dict[str, Any]] = {}
    for kind, row in value.items():
        if kind in _LAYER_KINDS:
            known[kind] = {key: number for key, number in row.items() if key in _ROPE_KEYS}
            for key, number in known[kind].items():
                _require_plain(key, number)
    return known


def _require_plain(key: str, value: object) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > _MAX_LIST or not all(_is_plain(each) for each in values):
        raise _invalid(key, value, f"a number of up to {_MAX_NUMBER}, a word, or a list of them")


def _is_plain(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) < _MAX_NUMBER
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _invalid(key: str, value: object, allowed: str) -> CheckpointError:
    return CheckpointError(
        f"The encoder's configuration gives {key}={show_value(value)}; expected {allowed}. Correct "
        f"it, or download the model again."
    )
